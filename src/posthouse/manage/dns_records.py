"""The DNS page of a domain: what to publish, as text, zone file and provider's form, and what is published now."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, dkim
from posthouse.directory.names import domain_name
from posthouse.manage import dns_forms, dns_state, dns_wanted, setup_facts
from posthouse.manage.context import Context
from posthouse.manage.dns_forms import ProviderForm
from posthouse.manage.dns_wanted import Facts, Key, Need, Wanted
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, named, use
from posthouse.net.dns import Resolver, ascii_name
from posthouse.settings import dns as settings_dns


class RecordsOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The records of one of our domains; ``check``: also ask the DNS what is published."""

    domain: str
    check: bool = True


class RecordView(msgspec.Struct, frozen=True, kw_only=True):
    """One record. ``name`` is absolute, ``value`` with the priority before it; ``text`` is both in one line.
    ``elsewhere``: set where the address is rented (PTR), not in the domain's zone. ``state`` is ``right``, ``missing``,
    ``different`` or ``unknown`` (not asked, or no answer); ``found`` what there is, ``note`` what is wrong with
    it."""

    name: str
    type: str
    ttl: int
    value: str
    why: str
    need: Need
    elsewhere: bool
    text: str
    state: dns_state.State
    found: list[str] = []
    note: str = ""


class DnsRecords(msgspec.Struct, frozen=True, kw_only=True):
    """``ascii`` is the domain in A-labels, as the records have it. ``zone`` is a zone file, ``providers`` the
    same as forms. ``notes`` say what could not be known."""

    domain: str
    ascii: str
    host: str
    addresses: list[str]
    records: list[RecordView]
    zone: str
    providers: list[ProviderForm]
    notes: list[str]
    checked: bool


@use("dns.records", right="view", open_to="domain", about=named("domain"))
async def show(call: Call, wanted: RecordsOf) -> DnsRecords:
    """Show what a domain must publish in the DNS, and whether it does."""
    name = domain_name(wanted.domain)

    def op(tx: Transaction) -> bool:
        return any(domain.name == name for domain in admin.list_domains(tx))

    if not await call.context.database.scan(op):
        raise ManageError("missing", f"{name} is not a domain of ours.", "See the list of domains.")
    return await records_of(call.context, name, check=wanted.check)


async def records_of(context: Context, domain: str, *, check: bool) -> DnsRecords:
    """The records of a domain, ours already or about to be."""
    facts = await facts_of(context, domain)
    wanted = dns_wanted.records(facts)
    if check:
        found = await dns_state.states(Resolver(context.settings), wanted)
    else:
        found = [dns_state.RecordState("unknown")] * len(wanted)
    return DnsRecords(
        domain=domain,
        ascii=facts.domain,
        host=facts.host,
        addresses=list(facts.addresses),
        records=[_view(record, state) for record, state in zip(wanted, found, strict=True)],
        zone=dns_forms.zone_file(facts.domain, wanted),
        providers=dns_forms.provider_forms(facts.domain, wanted),
        notes=_notes(facts),
        checked=check,
    )


async def facts_of(context: Context, domain: str) -> Facts:
    """What the records are made from. Raises ManageError for a name that DNS cannot hold."""
    now = context.settings.now
    try:
        name, host = ascii_name(domain), ascii_name(setup_facts.host_name(context))
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Correct the setting server.hostname.") from None
    keys = await context.database.read(dkim.all_keys, domain)
    services = setup_facts.offered(await setup_facts.listeners(context))
    # Without https nobody could fetch the policy, and a record without a policy only makes others wait.
    https = any(service.protocol == "http" and service.tls == "implicit" for service in services)
    mode, max_age = now[settings_dns.MTA_STS_MODE], now[settings_dns.MTA_STS_MAX_AGE]
    return Facts(
        domain=name,
        host=host,
        addresses=setup_facts.addresses(context.settings).public,
        services=services,
        keys=tuple(Key(row.selector, row.algorithm, row.public, row.state) for row in keys),
        policy=dns_wanted.policy_text(host, mode, max_age) if https and mode != "none" else "",
        issuer=now[settings_dns.CERTIFICATE_AUTHORITY],
        ttl=now[settings_dns.RECORD_TTL],
    )


def _view(record: Wanted, state: dns_state.RecordState) -> RecordView:
    return RecordView(
        name=record.name,
        type=record.type,
        ttl=record.ttl,
        value=dns_forms.shown(record),
        why=record.why,
        need=record.need,
        elsewhere=record.elsewhere,
        text=dns_forms.text_line(record),
        state=state.state,
        found=state.found,
        note=state.note,
    )


def _notes(facts: Facts) -> list[str]:
    notes = []
    if not facts.addresses:
        notes.append(
            "The server's public address is not known from here (it is behind a router, perhaps): name it in the "
            "setting server.addresses, and the A, AAAA and PTR records appear."
        )
    if "." not in facts.host:
        notes.append(
            f"The server calls itself {facts.host}, which is no full host name: set server.hostname, for "
            f"instance to mail.{facts.domain}."
        )
    elif not dns_wanted.within(facts.host, facts.domain):
        notes.append(
            f"{facts.host} belongs to another domain: its A and AAAA records are in that domain's zone."
        )
    if not facts.keys:
        notes.append(
            "There is no DKIM key yet. It is made soon after the domain was added, unless dkim.automatic is off."
        )
    return notes
