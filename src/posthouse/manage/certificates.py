"""Certificates: list, show, order, renew, add, remove, make the self-made one anew."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.versions import bump
from posthouse.manage.audit import note
from posthouse.manage.certificate_check import check_given, host_names
from posthouse.manage.certificate_desk import CertificateDesk
from posthouse.manage.certificate_probation import certificates_on_probation, former_certificates, subject_of
from posthouse.manage.certificate_proofs import CHOICES
from posthouse.manage.certificate_rows import TOPIC, add, live, retire
from posthouse.manage.certificate_views import CertificateView, all_views, brief, find, stored_id
from posthouse.manage.errors import ManageError
from posthouse.manage.probation import Pending, absorb, on_probation, undo
from posthouse.manage.use import Call, Nothing, Private, Progress, use
from posthouse.net.certificates import SelfMade, fingerprint
from posthouse.settings import certificates as settings_certificates

SELF_MADE = "certificate self-made"
"""The subject of changes of the self-made certificate."""


class CertificateName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate by its number, by ``self-made`` or ``file-1``, or by a host name that is in no other."""

    name: str


class RemoveCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``now``: for good at once, not on probation (on the machine itself only)."""

    name: str
    now: bool = False


class OrderCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``challenge``: how control over the names is proven: ``http-01``, ``tls-alpn-01``, ``dns-01``, or
    ``automatic``, which tries what can work."""

    hosts: list[str]
    challenge: str = "automatic"


class GivenCertificate(Private, frozen=True, forbid_unknown_fields=True):
    """``chain``: the certificate and those between it and its authority, in PEM. ``key``: its private key, in PEM,
    not encrypted; "" when it stands in ``chain``."""

    chain: str
    key: str = ""
    now: bool = False


class SelfMadeWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``now``: for good at once, not on probation (on the machine itself only)."""

    now: bool = False


class Certificates(msgspec.Struct, frozen=True):
    """The configuration file's first, the self-made one last."""

    certificates: list[CertificateView]


class CertificateChanged(msgspec.Struct, frozen=True):
    """``probation``: the change is taken back unless it is confirmed under this number; 0: it is for good."""

    certificate: CertificateView
    probation: int


class FormerSelfMade(msgspec.Struct, frozen=True):
    """The fingerprint of the self-made certificate that was in service."""

    fingerprint: str


@use("certificate.list", right="view")
async def list_all(call: Call, wanted: Nothing) -> Certificates:
    """List the certificates: host names, issuer, days left, state, next renewal and last error."""
    return Certificates([brief(view) for view in await all_views(call.context)])


@use("certificate.show", right="view")
async def show(call: Call, wanted: CertificateName) -> CertificateView:
    """Show one certificate with its chain. The key is never shown."""
    return find(await all_views(call.context), wanted.name)


@use("certificate.order", right="change")
async def order(call: Call, wanted: OrderCertificate) -> CertificateView:
    """Order a certificate from the authority (ACME) and take it into use. If it fails, it is tried again by itself,
    with growing pauses, until it is done or removed."""
    desk = _desk(call)
    hosts = host_names(wanted.hosts)
    if wanted.challenge not in CHOICES:
        raise ManageError(
            "invalid", f"{wanted.challenge[:50]!r} is no kind of proof.", f"Give one of {', '.join(CHOICES)}."
        )
    _check_agreed(call)
    possible = desk.ways(hosts, wanted.challenge)
    if not possible.showers:
        raise ManageError(
            "refused",
            f"There is no way to prove control over {', '.join(hosts)} to the authority.",
            "Make one of these possible, or add a certificate of your own.",
            possible.reasons,
        )

    def op(tx: Transaction) -> int:
        for row in live(tx):
            if row.kind == "acme" and set(row.names) == set(hosts):
                raise ManageError(
                    "exists",
                    f"Certificate {row.id} is for these names already.",
                    f"Renew it (posthouse certificate renew {row.id}), or remove it first.",
                )
        row_id = add(tx, hosts=hosts, kind="acme", challenge=wanted.challenge)
        absorb(tx, subject_of(" ".join(hosts)))
        note(tx, call.actor, "certificate.order", " ".join(hosts), after={"challenge": wanted.challenge})
        return row_id

    return await _order_now(call, desk, await call.context.database.run(op))


@use("certificate.renew", right="change")
async def renew(call: Call, wanted: CertificateName) -> CertificateView:
    """Order a certificate anew now, without waiting for its time. The one in use stays until the new one is there."""
    desk = _desk(call)
    view = find(await all_views(call.context), wanted.name)
    row_id = stored_id(view, "renewed")
    if view.source != "acme":
        raise ManageError(
            "refused", f"Certificate {row_id} was given, not ordered here.", "Add its successor instead."
        )
    _check_agreed(call)

    def op(tx: Transaction) -> None:
        before = {"fingerprint": view.fingerprint}
        note(tx, call.actor, "certificate.renew", " ".join(view.hosts), before=before)

    await call.context.database.run(op)
    return await _order_now(call, desk, row_id)


@use("certificate.add", right="change")
async def add_given(call: Call, wanted: GivenCertificate) -> CertificateChanged:
    """Add a certificate with its key, as PEM text. It replaces a given one for the same names."""
    usable = await asyncio.to_thread(check_given, wanted.chain, wanted.key)
    facts = usable.facts
    hosts = " ".join(facts.hosts)
    feed = call.context.feed

    def op(tx: Transaction) -> tuple[int, int]:
        same = [row for row in live(tx) if row.kind == "given" and set(row.names) == set(facts.hosts)]
        former = former_certificates(tx, hosts)
        if any(row.chain == usable.chain and row.secret_key == usable.key for row in same):
            raise ManageError("exists", "This very certificate is there already.", "Nothing is to be done.")
        for row in same:
            retire(tx, feed, row.id)
        row_id = add(
            tx,
            hosts=facts.hosts,
            kind="given",
            chain=usable.chain,
            secret_key=usable.key,
            lifetime=(facts.not_before, facts.not_after),
        )
        bump(tx, TOPIC, feed)
        note(
            tx,
            call.actor,
            "certificate.add",
            hosts,
            before={"certificates": [row.id for row in same]} if same else None,
            after={"certificate": row_id, "fingerprint": facts.fingerprint, "issuer": facts.issuer},
        )
        summary = f"certificate {row_id} for {', '.join(facts.hosts)} was added"
        return row_id, certificates_on_probation(
            tx, call, "certificate.add", hosts, summary, former, wanted.now
        )

    row_id, probation = await call.context.database.run(op)
    return CertificateChanged(await _now(call, row_id), probation)


@use("certificate.remove", right="change")
async def remove(call: Call, wanted: RemoveCertificate) -> CertificateChanged:
    """Remove a stored certificate with its key. An ordered one is not renewed any more."""
    view = find(await all_views(call.context), wanted.name)
    row_id = stored_id(view, "removed")
    hosts = " ".join(view.hosts)

    def op(tx: Transaction) -> int:
        former = former_certificates(tx, hosts)
        if not retire(tx, call.context.feed, row_id):
            raise ManageError(
                "missing", f"Certificate {row_id} is removed already.", "Nothing is to be done."
            )
        before = {"certificate": row_id, "fingerprint": view.fingerprint, "source": view.source}
        note(tx, call.actor, "certificate.remove", hosts, before=before)
        summary = f"certificate {row_id} for {', '.join(view.hosts)} was removed"
        return certificates_on_probation(tx, call, "certificate.remove", hosts, summary, former, wanted.now)

    probation = await call.context.database.run(op)
    if call.context.certificates is not None:
        await call.context.certificates.keeper.load()
    return CertificateChanged(brief(view), probation)


@use("certificate.self_made", right="change")
async def self_made(call: Call, wanted: SelfMadeWanted) -> CertificateChanged:
    """Make the server's self-made certificate anew, with a new key. Clients that trusted the old one ask again."""
    context = call.context
    own = SelfMade.of(context.config.data, context.config.hostname or socket.gethostname() or "localhost")
    async with context.changing:
        before = _fingerprint(own.path)
        try:
            path = await asyncio.to_thread(own.renew)
        except OSError as error:
            raise ManageError(
                "unavailable", f"It cannot be written: {error}.", "Check the data folder and the disk."
            ) from None
        after = fingerprint(path.read_bytes())

        def op(tx: Transaction) -> int:
            note(
                tx,
                call.actor,
                "certificate.self_made",
                SELF_MADE,
                before={"fingerprint": before},
                after={"fingerprint": after},
            )
            if not before:
                return 0
            return on_probation(
                tx,
                call,
                use_name="certificate.self_made",
                subject=SELF_MADE,
                summary="the self-made certificate was made anew",
                undo_name="certificate.self_made_back",
                former=FormerSelfMade(before),
                now=wanted.now,
            )

        probation = await context.database.run(op)
    return CertificateChanged(brief(find(await all_views(context), "self-made")), probation)


@undo("certificate.self_made_back")
async def self_made_back(call: Call, former: FormerSelfMade, row: Pending) -> None:
    """Put the former self-made certificate back."""
    config = call.context.config
    if await row.is_due():
        own = SelfMade.of(config.data, config.hostname or socket.gethostname() or "localhost")
        await asyncio.to_thread(own.restore, former.fingerprint)
    await row.settled()


# ---------------------------------------------------------------------- inside


def _desk(call: Call) -> CertificateDesk:
    desk = call.context.certificates
    if desk is None:
        raise ManageError(
            "unavailable",
            "The server is stopped: nobody could answer the authority when it checks the names.",
            "Start the server, then try again.",
        )
    return desk


def _check_agreed(call: Call) -> None:
    if not call.context.settings.now[settings_certificates.TERMS_AGREED]:
        raise ManageError(
            "refused",
            "The authority's terms of service are not agreed to.",
            "Read them (posthouse certificate account shows where they stand), then: "
            "posthouse certificate agree --yes",
        )


async def _order_now(call: Call, desk: CertificateDesk, row_id: int) -> CertificateView:
    async def tell(text: str) -> None:
        await call.emit(Progress(text=text))

    await desk.order(row_id, tell)
    return await _now(call, row_id)


async def _now(call: Call, row_id: int) -> CertificateView:
    """The certificate as it is now, in use already if the server runs."""
    if call.context.certificates is not None:
        await call.context.certificates.keeper.load()
    return brief(find(await all_views(call.context), str(row_id)))


def _fingerprint(path: Path) -> str:
    try:
        return fingerprint(path.read_bytes())
    except (OSError, ValueError):
        return ""
