"""Which ways there are to prove control over host names to the authority, told before anything is ordered."""

from __future__ import annotations

import msgspec

from posthouse.manage.certificate_check import host_names
from posthouse.manage.certificate_proofs import AUTOMATIC
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, use
from posthouse.net.acme.contract import KINDS


class ForHosts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Host names as for an order; none asks what the server can do at all."""

    hosts: list[str] = []


class WayOfProof(msgspec.Struct, frozen=True):
    """``kind``: ``http-01``, ``tls-alpn-01`` or ``dns-01``. ``obstacle`` says why it cannot be done, "" when it can be
    tried."""

    kind: str
    obstacle: str = ""


class WaysOfProof(msgspec.Struct, frozen=True):
    """In the order in which ``automatic`` tries them."""

    ways: list[WayOfProof]


@use("certificate.ways", right="view")
async def ways(call: Call, wanted: ForHosts) -> WaysOfProof:
    """Tell by which proofs a certificate for these host names can be ordered, and what stands in the way of others."""
    desk = call.context.certificates
    if desk is None:
        raise ManageError(
            "unavailable",
            "The server is stopped: nobody could answer the authority when it checks the names.",
            "Start the server, then try again.",
        )
    hosts = host_names(wanted.hosts) if wanted.hosts else ()
    able = {shower.kind for shower in desk.ways(hosts, AUTOMATIC).showers}
    found = []
    for kind in KINDS:
        reasons = () if kind in able else desk.ways(hosts, kind).reasons
        found.append(WayOfProof(kind, "; ".join(each.partition(": ")[2] for each in reasons)))
    return WaysOfProof(found)
