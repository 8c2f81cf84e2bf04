"""TLS towards other servers: what is known of each domain, what would be demanded of it now, and what others report
about us."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.deliver import mta_sts_records, tls_memory_records, tls_report_records
from posthouse.deliver.remote import mta_sts_store, tls_memory
from posthouse.deliver.remote.contract import Host, TlsPolicy
from posthouse.deliver.remote.hosts import DnsHostFinder
from posthouse.deliver.remote.mta_sts_fetch import PolicyFetcher
from posthouse.deliver.remote.mta_sts_store import StsPolicies
from posthouse.deliver.remote.ourselves import Ourselves
from posthouse.deliver.remote.policy import RemoteTls
from posthouse.deliver.remote.tls_memory import WORDS, TlsMemory
from posthouse.directory.listing import like
from posthouse.manage.audit import note
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import page_size
from posthouse.manage.setup_facts import host_name
from posthouse.manage.use import Call, use
from posthouse.net.dns import Resolver, ascii_name
from posthouse.route.contract import Way

_DOMAIN = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\Z")

MOST_HOSTS = 5
"""Hosts of a domain whose demand is looked at."""


class TlsPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With ``search`` in the name; ``limit`` of them after ``after``."""

    search: str = ""
    limit: int = 200
    after: str = ""


class TlsDomainName(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain of others."""

    domain: str


class TlsDomain(msgspec.Struct, frozen=True):
    """What is known of a domain. ``best`` and ``last``: ``none``, ``encrypted`` or ``verified``; ``host`` and
    ``version`` are of the last session, ``source`` says who wanted it so (``dane``, ``mta-sts``, ``setting``, ""
    for nobody). ``good`` and ``bad`` count sessions. ``trouble`` is a result type of RFC 8460. ``sts_mode`` is that
    of the MTA-STS policy in force, "" for none. Times in seconds since 1970, 0 for never."""

    domain: str
    best: str
    last: str
    best_at: float = 0.0
    last_at: float = 0.0
    host: str = ""
    version: str = ""
    source: str = ""
    good: int = 0
    bad: int = 0
    trouble: str = ""
    trouble_host: str = ""
    trouble_at: float = 0.0
    downgraded_at: float = 0.0
    sts_mode: str = ""
    sts_ends: float = 0.0
    sts_trouble: str = ""


class TlsDomains(msgspec.Struct, frozen=True):
    """By name. ``next`` is the ``after`` of the page that follows, "" on the last."""

    domains: list[TlsDomain]
    next: str = ""
    total: int = 0


class TlsForgotten(msgspec.Struct, frozen=True):
    """Whose memory was dropped."""

    domain: str


class TlsStep(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``state``: ``demands``, ``nothing`` or ``trouble``."""

    name: str
    state: str
    text: str


class TlsHost(msgspec.Struct, frozen=True):
    """What is demanded of one host. ``level``: ``may``, ``encrypt``, ``dane``, ``verify``, or ``refused``: nothing
    would be sent to it now. ``validated``: DNSSEC vouches for it."""

    host: str
    preference: int
    addresses: list[str]
    validated: bool
    level: str
    testing: bool
    steps: list[TlsStep]


class TlsDemand(msgspec.Struct, frozen=True):
    """What mail to a domain would meet now. Without ``hosts``, ``trouble`` says why there are none."""

    domain: str
    hosts: list[TlsHost]
    trouble: str = ""


class TlsFailure(msgspec.Struct, frozen=True):
    """Sessions that failed, as another reports it."""

    policy: str = ""
    result: str = ""
    host: str = ""
    address: str = ""
    sender: str = ""
    count: int = 0
    more: str = ""


class TlsReceived(msgspec.Struct, frozen=True):
    """What another reports about one of our domains for a time. Times in seconds since 1970."""

    id: int
    received_at: float
    domain: str
    organisation: str
    contact: str
    report_id: str
    begins_at: float
    ends_at: float
    good: int
    bad: int
    failures: list[TlsFailure]


class TlsReceivedList(msgspec.Struct, frozen=True):
    """Newest first. ``next`` is the ``after`` of the page that follows, "" on the last."""

    reports: list[TlsReceived]
    next: str = ""
    total: int = 0


@use("tls.domains", right="view")
async def domains(call: Call, wanted: TlsPage) -> TlsDomains:
    """What is known of other domains' TLS, by name."""
    limit = page_size(wanted.limit)
    pattern = f"%{like(wanted.search.strip().lower())}%"

    def op(tx: Transaction) -> TlsDomains:
        rows = tx.execute(
            tls_memory_records.SELECT_PAGE, {"after": wanted.after, "pattern": pattern, "count": limit}
        )
        known = [tls_memory.of_row(row) for row in rows]
        names = [each.domain for each in known]
        policies = {
            row[0]: mta_sts_store.of_row(row)
            for row in (tx.execute(mta_sts_records.SELECT_OF, {"domains": names}) if names else ())
        }
        total = int(tx.execute(tls_memory_records.COUNT, {"pattern": pattern})[0][0])
        found = [_domain(each, policies.get(each.domain, mta_sts_store.Sts())) for each in known]
        return TlsDomains(found, names[-1] if len(names) == limit else "", total)

    return await call.context.database.scan(op)


def _domain(known: tls_memory.Known, sts: mta_sts_store.Sts) -> TlsDomain:
    return TlsDomain(
        domain=known.domain,
        best=WORDS[known.best],
        last=WORDS[known.last],
        best_at=known.best_at,
        last_at=known.last_at,
        host=known.host,
        version=known.tls,
        source=known.source,
        good=known.good,
        bad=known.bad,
        trouble=known.trouble,
        trouble_host=known.trouble_host,
        trouble_at=known.trouble_at,
        downgraded_at=known.downgraded_at,
        sts_mode=sts.policy.mode if sts.policy else "",
        sts_ends=sts.policy.ends_at if sts.policy else 0.0,
        sts_trouble=sts.reason,
    )


@use("tls.forget", right="change")
async def forget(call: Call, wanted: TlsDomainName) -> TlsForgotten:
    """Drop what is known of a domain's TLS, its MTA-STS policy too: the next message begins anew."""
    domain = _name(wanted.domain)

    def op(tx: Transaction) -> TlsForgotten:
        known = tls_memory.forget(tx, domain)
        if not mta_sts_store.forget(tx, domain) and not known:
            raise ManageError("missing", f"Nothing is known of {domain}.", "`tls domains` shows what is.")
        note(tx, call.actor, "tls.forget", domain)
        return TlsForgotten(domain)

    return await call.context.database.run(op)


@use("tls.policy", right="view")
async def policy(call: Call, wanted: TlsDomainName) -> TlsDemand:
    """What TLS would be demanded of a domain's hosts now, and why; asks the DNS, and the domain for its policy.
    Routes are not looked at."""
    domain = _name(wanted.domain)
    finder, tls = _parts(call.context)
    way = Way(f"mx:{domain}", domain)
    found = await finder.find(way)
    if not found.hosts:
        return TlsDemand(domain, [], str(found.trouble))
    return TlsDemand(domain, [await _host(tls, way, host) for host in found.hosts[:MOST_HOSTS]])


async def _host(tls: RemoteTls, way: Way, host: Host) -> TlsHost:
    demand = await tls.demand(way, host)
    answer = demand.answer
    return TlsHost(
        host=host.name,
        preference=host.preference,
        addresses=list(host.addresses),
        validated=host.authentic,
        level=answer.level if isinstance(answer, TlsPolicy) else "refused",
        testing=isinstance(answer, TlsPolicy) and answer.testing,
        steps=[TlsStep(each.name, each.state, each.text) for each in demand.steps],
    )


def _parts(context: Context) -> tuple[DnsHostFinder, RemoteTls]:
    """The same parts as delivery has, with a memory of their own."""
    settings = context.settings
    resolver = Resolver(settings)
    us = Ourselves(
        settings,
        lambda: (host_name(context),),
        lambda: [(each.address, each.port) for each in context.config.listeners if each.protocol == "smtp"],
    )
    policies = StsPolicies(context.database, resolver, PolicyFetcher(resolver, settings))
    tls = RemoteTls(resolver, settings, policies, TlsMemory(context.database, settings))
    return DnsHostFinder(resolver, settings, us), tls


def _name(text: str) -> str:
    try:
        name = ascii_name(text)
    except ValueError:
        name = ""
    if not _DOMAIN.match(name):
        raise ManageError("invalid", f"domain: {text[:100]!r} is no domain.", "Give one such as example.org.")
    return name


@use("tls.reports", right="view")
async def reports(call: Call, wanted: TlsPage) -> TlsReceivedList:
    """What other servers report about TLS with ours, newest first."""
    limit = page_size(wanted.limit)
    pattern = f"%{like(wanted.search.strip().lower())}%"
    if wanted.after and not (wanted.after.isascii() and wanted.after.isdigit() and len(wanted.after) < 19):
        raise ManageError("invalid", "after: is not from a page of this list.", "Leave it out to begin anew.")
    below = int(wanted.after or 2**62)

    def op(tx: Transaction) -> TlsReceivedList:
        rows = tx.execute(
            tls_report_records.SELECT_PAGE, {"below": below, "pattern": pattern, "count": limit}
        )
        total = int(tx.execute(tls_report_records.COUNT_FOUND, {"pattern": pattern})[0][0])
        found = [_received(row) for row in rows]
        return TlsReceivedList(found, str(found[-1].id) if len(found) == limit else "", total)

    return await call.context.database.scan(op)


def _received(row: tuple[Any, ...]) -> TlsReceived:
    return TlsReceived(
        id=int(row[0]),
        received_at=float(row[2]),
        domain=row[3],
        organisation=row[4],
        contact=row[5],
        report_id=row[6],
        begins_at=float(row[7]),
        ends_at=float(row[8]),
        good=int(row[9]),
        bad=int(row[10]),
        failures=msgspec.json.decode(row[11], type=list[TlsFailure]),
    )
