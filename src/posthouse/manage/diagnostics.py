"""Diagnostics: is everything in place that a mail server needs around it?

Each check is a function that looks at one thing and returns findings; all run side by side, each with a deadline,
and every finding is told as soon as it is known. A check never claims what cannot be known from this machine.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import admin
from posthouse.directory.names import domain_name
from posthouse.manage import setup_facts
from posthouse.manage.context import Context, ListenerState
from posthouse.manage.errors import ManageError
from posthouse.manage.setup_facts import Addresses
from posthouse.manage.use import Call, Emit, use
from posthouse.net.dns import Resolver
from posthouse.observe.log import logger

log = logger("manage.diagnostics")

CHECK_SECONDS = 10.0
TOTAL_SECONDS = 20.0
AT_ONCE = 24
MAX_DOMAINS = 25
"""Domains looked at by one run; any further one can be asked about by its name."""

FindingState = Literal["ok", "warn", "bad", "unknown"]
Group = Literal["server", "ports", "dns", "mail", "machine"]

GROUPS: tuple[Group, ...] = ("server", "ports", "mail", "dns", "machine")


class Finding(msgspec.Struct, frozen=True, kw_only=True, tag="finding"):
    """What one check found. ``subject`` is the domain, address or port it is about, "" for the server.
    ``state``: ``ok``; ``warn``, it works but could be better; ``bad``, mail will suffer; ``unknown``, it cannot be
    known from here (the text says why, the mend how to find out). ``order``: host names for which a certificate can be
    ordered to mend it."""

    name: str
    group: Group
    state: FindingState
    text: str
    mend: str = ""
    subject: str = ""
    order: tuple[str, ...] = ()


class Diagnose(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``domain``: look at this domain only, besides the server itself."""

    domain: str = ""


class Findings(msgspec.Struct, frozen=True):
    """All findings by group, and how many there are of each state."""

    findings: list[Finding]
    counts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Look:
    """What the checks look at."""

    context: Context
    resolver: Resolver
    host: str
    addresses: Addresses
    listeners: tuple[ListenerState, ...]
    domains: tuple[str, ...]
    present: str = ""
    """The name the server has now, where ``host`` is one that it will have."""

    def is_us(self, greeting: str) -> bool:
        """Whether a server that greets so is this one."""
        words = greeting.lower().split()
        return bool(words) and words[0] in (self.host, self.present or self.host)


Check = Callable[[Look], Awaitable[Finding | Sequence[Finding]]]
CheckOf = Callable[[Look, str], Awaitable[Finding | Sequence[Finding]]]

_checks: dict[str, tuple[Group, Check]] = {}
_domain_checks: dict[str, tuple[Group, CheckOf]] = {}


def check(name: str, group: Group) -> Callable[[Check], Check]:
    """Register a check of the server."""

    def register(body: Check) -> Check:
        _checks[name] = (group, body)
        return body

    return register


def check_domain(name: str, group: Group) -> Callable[[CheckOf], CheckOf]:
    """Register a check of one domain, run for each."""

    def register(body: CheckOf) -> CheckOf:
        _domain_checks[name] = (group, body)
        return body

    return register


@use("diagnose", right="view")
async def diagnose(call: Call, wanted: Diagnose) -> Findings:
    """Check everything around the server: name, ports, DNS, block lists, clock, disk, certificate."""
    domains, left_out = await _domains(call.context, wanted.domain)
    look = await look_at(call.context, domains)
    findings = await run(look, call.emit)
    if left_out:
        more = Finding(
            name="domains",
            group="dns",
            state="unknown",
            text=f"{left_out} further domains were not looked at.",
            mend="Ask about one of them by its name: posthouse diagnose --domain NAME.",
        )
        findings.append(more)
        await call.emit(more)
    return summed(findings)


async def look_at(context: Context, domains: Sequence[str]) -> Look:
    """Gather what the checks look at."""
    return Look(
        context=context,
        resolver=Resolver(context.settings),
        host=setup_facts.host_name(context),
        addresses=setup_facts.addresses(context.settings),
        listeners=tuple((await context.live()).listeners),
        domains=tuple(domains),
    )


def summed(findings: Sequence[Finding]) -> Findings:
    """In the order of the groups, counted."""
    counts = dict.fromkeys(("ok", "warn", "bad", "unknown"), 0)
    for finding in findings:
        counts[finding.state] += 1
    ordered = sorted(findings, key=lambda each: (GROUPS.index(each.group), each.subject, each.name))
    return Findings(ordered, counts)


async def run(look: Look, emit: Emit) -> list[Finding]:
    """Run every check; ``emit`` is told each finding as it is known. Raises ConnectionError when the asker has
    gone."""
    from posthouse.manage import diagnostics_checks  # noqa: F401 - registers the checks

    gate = asyncio.Semaphore(AT_ONCE)
    jobs: list[asyncio.Task[list[Finding]]] = []
    try:
        for name, (group, body) in _checks.items():
            jobs.append(asyncio.create_task(_one(gate, name, group, "", body(look))))
        for domain in look.domains:
            for name, (group, body_of) in _domain_checks.items():
                jobs.append(asyncio.create_task(_one(gate, name, group, domain, body_of(look, domain))))
        return await _gather(jobs, emit)
    finally:
        for job in jobs:
            job.cancel()
        await asyncio.gather(*jobs, return_exceptions=True)


async def _gather(jobs: Sequence[asyncio.Task[list[Finding]]], emit: Emit) -> list[Finding]:
    found: list[Finding] = []
    try:
        for job in asyncio.as_completed(jobs, timeout=TOTAL_SECONDS):
            for finding in await job:
                found.append(finding)
                await emit(finding)
    except TimeoutError:
        late = Finding(
            name="time",
            group="server",
            state="unknown",
            text=f"Not every check came to an end within {TOTAL_SECONDS:.0f} seconds.",
            mend="Run it again, for one domain at a time if there are many.",
        )
        found.append(late)
        await emit(late)
    return found


async def _one(
    gate: asyncio.Semaphore,
    name: str,
    group: Group,
    subject: str,
    body: Awaitable[Finding | Sequence[Finding]],
) -> list[Finding]:
    """One check with its deadline; whatever happens, it is a finding."""
    async with gate:
        try:
            found = await asyncio.wait_for(body, CHECK_SECONDS)
        except TimeoutError:
            return [
                Finding(
                    name=name,
                    group=group,
                    state="unknown",
                    subject=subject,
                    text=f"The check did not end within {CHECK_SECONDS:.0f} seconds.",
                    mend="Run it again; when that does not help, look at the network and the DNS resolver.",
                )
            ]
        except Exception:
            log.exception("diagnostics.failed", check=name)
            return [
                Finding(
                    name=name,
                    group=group,
                    state="unknown",
                    subject=subject,
                    text="The check failed inside the server.",
                    mend="The server's log has the details.",
                )
            ]
    return [found] if isinstance(found, Finding) else list(found)


async def _domains(context: Context, wanted: str) -> tuple[list[str], int]:
    """The domains to look at, and how many are left out. Raises ManageError for one that is not ours."""

    def op(tx: Transaction) -> list[str]:
        return [domain.name for domain in admin.list_domains(tx)]

    try:
        ours = await context.database.scan(op)
    except DatabaseUnavailable:
        return [], 0  # the check of the database says so
    if wanted:
        name = domain_name(wanted)
        if name not in ours:
            raise ManageError("missing", f"{name} is not a domain of ours.", "See the list of domains.")
        return [name], 0
    return ours[:MAX_DOMAINS], max(0, len(ours) - MAX_DOMAINS)
