"""Checks of one domain: where its mail goes, what protects it, how mail programs find us, DNSSEC."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from posthouse.manage import dns_records, dns_state, dns_wanted
from posthouse.manage.diagnostics import Finding, FindingState, Look, check_domain
from posthouse.manage.diagnostics_smtp import SmtpTalk, reason
from posthouse.manage.dns_forms import shown
from posthouse.manage.dns_state import RecordState
from posthouse.manage.dns_wanted import Wanted
from posthouse.net.dns import ascii_name
from posthouse.settings import setup as settings_setup

LONGEST = 120
"""Characters of a record that is right which are shown: keys are long."""

_TOPICS: tuple[tuple[str, str, str], ...] = (
    ("mx", "MX", "MX"),
    ("spf", "TXT", "SPF"),
    ("dkim", "TXT", "DKIM"),
    ("dmarc", "TXT", "DMARC"),
    ("mta-sts", "TXT", "MTA-STS"),
    ("tls-rpt", "TXT", "TLS-RPT"),
    ("caa", "CAA", "CAA"),
)
"""Name of the finding, record type and what people call it; SRV and aliases are one finding, ``programs``."""


def _topic(domain: str, record: Wanted) -> str:
    if record.type in ("SRV", "CNAME"):
        return "programs"
    if "._domainkey." in record.name:
        return "dkim"
    by_place = {
        ("MX", domain): "mx",
        ("TXT", domain): "spf",
        ("TXT", f"_dmarc.{domain}"): "dmarc",
        ("TXT", f"_mta-sts.{domain}"): "mta-sts",
        ("TXT", f"_smtp._tls.{domain}"): "tls-rpt",
        ("CAA", domain): "caa",
    }
    return by_place.get((record.type, record.name), "")


@check_domain("dns", "dns")
async def records(look: Look, domain: str) -> list[Finding]:
    """Every record that should be published, by topic."""
    facts = await dns_records.facts_of(look.context, domain)
    wanted = [record for record in dns_wanted.records(facts) if _topic(facts.domain, record)]
    states = await dns_state.states(look.resolver, wanted)
    pairs = list(zip(wanted, states, strict=True))
    found = []
    for name, _, word in _TOPICS:
        for record, state in pairs:
            if _topic(facts.domain, record) == name:
                key = record.name.partition("._domainkey.")[0] if name == "dkim" else ""
                found.append(_of_record(domain, name, f"{word} ({key})" if key else word, record, state))
    found.append(_programs(domain, [pair for pair in pairs if _topic(facts.domain, pair[0]) == "programs"]))
    return found


_SEVERITY: dict[str, FindingState] = {"must": "bad", "should": "warn", "may": "warn"}


def _of_record(domain: str, name: str, word: str, record: Wanted, state: RecordState) -> Finding:
    def finding(verdict: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name=name, group="dns", state=verdict, text=text, mend=mend, subject=domain)

    if state.state == "right":
        shown_value = ", ".join(row if len(row) < LONGEST else row[:LONGEST] + "…" for row in state.found)
        return finding("ok", f"{word} of {domain}: {shown_value or 'as it should be'}")
    if state.state == "unknown":
        return finding(
            "unknown", f"{word} of {domain}: {state.note}", "Check the setting dns.servers, then ask again."
        )
    if state.state == "missing":
        if record.need == "may":
            return finding("ok", f"{domain} has no {word} record; it is optional.")
        mend = f"Publish: {record.name} {record.type} {shown(record)}"
        return finding(_SEVERITY[record.need], f"{domain} has no {word} record. {record.why}", mend)
    mend = f"Change it to: {record.name} {record.type} {shown(record)}"
    text = f"{word} of {domain} is {', '.join(state.found)}. {state.note}"
    return finding(_SEVERITY[record.need], text, mend)


def _programs(domain: str, pairs: Iterable[tuple[Wanted, RecordState]]) -> Finding:
    """One finding for all that mail programs look for."""
    by_state: dict[str, list[Wanted]] = {"right": [], "missing": [], "unknown": [], "different": []}
    for record, state in pairs:
        by_state[state.state].append(record)

    def names(some: list[Wanted]) -> str:
        return ", ".join(record.name.removesuffix("." + domain) for record in some)

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="programs", group="dns", state=state, text=text, mend=mend, subject=domain)

    mend = f"See what to publish: posthouse dns records {domain}"
    if wrong := by_state["different"]:
        return finding("warn", f"Mail programs are led elsewhere by {names(wrong)} of {domain}.", mend)
    if needed := [record for record in by_state["missing"] if record.need == "should"]:
        return finding(
            "warn", f"Mail programs cannot set themselves up: {domain} lacks {names(needed)}.", mend
        )
    if by_state["unknown"] and not by_state["right"]:
        return finding("unknown", f"What mail programs find at {domain} could not be asked.", "Ask again.")
    return finding("ok", f"Mail programs find their settings at {domain}.")


@check_domain("own-mx", "mail")
async def own_mx(look: Look, domain: str) -> Finding:
    """Connect to the domain's MX as another server would."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="own-mx", group="mail", state=state, text=text, mend=mend, subject=domain)

    answer = await look.resolver.ask(domain, "MX", fresh=True)
    if not answer.rows:
        return finding("unknown", f"{domain} has no MX record to connect to.", "Publish the MX record first.")
    host = min(answer.rows, key=lambda row: int(row.split(" ")[0])).partition(" ")[2]
    if host == ".":
        return finding(
            "bad", f"{domain} says it takes no mail at all (null MX, RFC 7505).", "Remove that MX record."
        )
    found = await look.resolver.addresses(host, fresh=True)
    if not found.rows:
        return finding("bad", f"{host}, the MX of {domain}, has no address.", f"Give {host} an A record.")
    port = look.context.settings.now[settings_setup.PORT]
    address = found.rows[0]
    try:
        async with SmtpTalk(address, port) as talk:
            greeting = talk.greeting
    except (OSError, ValueError) as error:
        ours = address in look.addresses.own
        text = f"{host} ({address}), the MX of {domain}, does not answer on port {port} ({reason(error)})"
        if ours:
            return finding("bad", f"{text}.", "See the check of the listeners.")
        return finding("unknown", f"{text}, seen from this machine.", "Try it from another network.")
    if not look.is_us(greeting):
        mend = "Change the MX record, if mail for the domain should come here."
        return finding(
            "warn", f"The MX of {domain} is another server: it greets with {greeting[:100]!r}.", mend
        )
    return finding("ok", f"The MX of {domain} answers and is this server.")


@check_domain("dnssec", "dns")
async def dnssec(look: Look, domain: str) -> Finding:
    """Whether the domain is signed, by a resolver that validates."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="dnssec", group="dns", state=state, text=text, mend=mend, subject=domain)

    known = look.context.settings.now[settings_setup.VALIDATION_NAME]
    proof, answer = await asyncio.gather(
        look.resolver.ask(known, "SOA"), look.resolver.ask(ascii_name(domain), "SOA", fresh=True)
    )
    if not proof.authentic:
        return finding(
            "unknown",
            "Whether the domain is signed cannot be known: the DNS resolver does not validate.",
            "Run a validating resolver on this machine (unbound) and name it in the setting dns.servers.",
        )
    if answer.state == "failed":
        mend = "A broken signature looks like this: check the DS record and the keys of the zone."
        return finding("bad", f"The resolver has no valid answer for {domain}: {answer.reason}.", mend)
    if not answer.authentic:
        mend = (
            "Switch DNSSEC on at your DNS provider: then others can verify the records of your mail server."
        )
        return finding("warn", f"{domain} is not signed with DNSSEC.", mend)
    return finding("ok", f"{domain} is signed with DNSSEC, and the signature is valid.")
