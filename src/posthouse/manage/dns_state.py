"""Whether a record that should be published is: asked of the DNS now, and judged by its meaning rather than by its
letters (another SPF record that names us is as good as the proposed one)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

import msgspec

from posthouse.manage.dkim_keys import judged
from posthouse.manage.dns_wanted import Wanted
from posthouse.net.dns import Answer, Resolver, reverse_name

State = Literal["right", "missing", "different", "unknown"]

AT_ONCE = 16
"""Questions under way at the same time."""


class RecordState(msgspec.Struct, frozen=True):
    """What was found. ``found`` are the values there are, ``note`` says what is the matter in words, "" where
    nothing is. ``authentic``: DNSSEC vouches for the answer."""

    state: State
    found: list[str] = []
    note: str = ""
    authentic: bool = False


Judge = Callable[[Resolver, Wanted], Awaitable[RecordState]]


async def states(resolver: Resolver, records: Sequence[Wanted]) -> list[RecordState]:
    """The state of each record, in order. Never raises for what the DNS says."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(record: Wanted) -> RecordState:
        async with gate:
            return await _JUDGES.get(record.type, _text)(resolver, record)

    return list(await asyncio.gather(*(one(record) for record in records)))


def _without(answer: Answer) -> RecordState | None:
    """The state where there is nothing to judge; None where there is."""
    if answer.state == "failed":
        return RecordState("unknown", note=f"The DNS could not be asked: {answer.reason}.")
    if not answer.rows:
        return RecordState("missing", authentic=answer.authentic)
    return None


def _judged(answer: Answer, right: bool, note: str = "", found: Sequence[str] | None = None) -> RecordState:
    rows = list(answer.rows if found is None else found)
    return RecordState("right" if right else "different", rows, "" if right else note, answer.authentic)


async def _mx(resolver: Resolver, record: Wanted) -> RecordState:
    answer = await resolver.ask(record.name, "MX", fresh=True)
    nothing = _without(answer)
    if nothing is not None:
        return nothing
    ours = any(row.partition(" ")[2] == record.value for row in answer.rows)
    return _judged(answer, ours, "Mail for the domain goes to another server.")


async def _addresses(resolver: Resolver, record: Wanted) -> RecordState:
    answer = await resolver.ask(record.name, record.type, fresh=True)
    note = "The name leads to another machine."
    return _without(answer) or _judged(answer, record.value in answer.rows, note)


async def _alias(resolver: Resolver, record: Wanted) -> RecordState:
    """A CNAME to the host; addresses of the same machine do as well."""
    answer = await resolver.ask(record.name, "CNAME", fresh=True)
    if answer.rows:
        if record.value in answer.rows:
            return _judged(answer, True)
    elif answer.state == "failed":
        return RecordState("unknown", note=f"The DNS could not be asked: {answer.reason}.")
    there, ours = await asyncio.gather(
        resolver.addresses(record.name, fresh=True), resolver.addresses(record.value, fresh=True)
    )
    nothing = _without(there)
    if nothing is not None:
        return nothing
    same = bool(ours.rows) and set(there.rows) <= set(ours.rows)
    return _judged(there, same, "The name leads to another machine.", [*answer.rows, *there.rows])


async def _service(resolver: Resolver, record: Wanted) -> RecordState:
    answer = await resolver.ask(record.name, "SRV", fresh=True)
    nothing = _without(answer)
    if nothing is not None:
        return nothing
    _, port, target = record.value.split(" ")
    right = any(row.split(" ")[2:] == [port, target] for row in answer.rows)
    return _judged(answer, right, "It names another server or port.")


async def _pointer(resolver: Resolver, record: Wanted) -> RecordState:
    answer = await resolver.ask(record.name, "PTR", fresh=True)
    nothing = _without(answer)
    if nothing is not None:
        return nothing
    if record.value not in answer.rows:
        return _judged(answer, False, "The address bears another name.")
    forward = await resolver.addresses(record.value, fresh=True)
    confirmed = any(reverse_name(address) == record.name for address in forward.rows)
    return _judged(answer, confirmed, f"{record.value} does not lead back to this address.")


async def _authority(resolver: Resolver, record: Wanted) -> RecordState:
    answer = await resolver.ask(record.name, "CAA", fresh=True)
    nothing = _without(answer)
    if nothing is not None:
        return nothing
    issuer = record.value.split('"')[1]
    may = [row for row in answer.rows if " issue " in row]
    right = not may or any(row.split('"')[1].split(";")[0].strip() == issuer for row in may if '"' in row)
    return _judged(answer, right, f"It does not let {issuer} issue certificates.")


async def _text(resolver: Resolver, record: Wanted) -> RecordState:
    """TXT: records of the same kind count, other texts of the name do not."""
    answer = await resolver.ask(record.name, "TXT", fresh=True)
    if answer.state == "failed":
        return _without(answer) or RecordState("unknown")
    if "._domainkey." in record.name:
        return _key(answer, record)
    kind = record.value.split(";")[0].split(" ")[0].lower()
    rows = [row for row in answer.rows if row.lower().replace(" ", ";").split(";")[0] == kind]
    if not rows:
        return RecordState("missing", authentic=answer.authentic)
    if len(rows) > 1:
        return _judged(answer, False, f"There are {len(rows)} such records; only one may be.", rows)
    note = (
        _TEXTS[kind](rows[0], record)
        if kind in _TEXTS
        else ("" if rows[0] == record.value else "It differs.")
    )
    return _judged(answer, not note, note, rows)


def _key(answer: Answer, record: Wanted) -> RecordState:
    """DKIM. That an old key's record is gone already is as good as an empty one."""
    state, note = judged(answer.rows, record.value)
    revoked = record.value.endswith("p=")
    if state == "missing":
        return RecordState("right" if revoked else "missing", authentic=answer.authentic)
    if state == "different" and revoked:
        note = "The key is still there; revoke it."
    return _judged(answer, state == "right", note)


def _tags(row: str) -> dict[str, str]:
    """``v=DMARC1; p=none`` as a dict, names in lower case."""
    pairs = (part.partition("=") for part in row.split(";") if "=" in part)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _spf(row: str, record: Wanted) -> str:
    terms = {term.lstrip("+").lower() for term in row.split()[1:]}
    if (
        terms & {"-all", "~all"}
        and not terms & {"mx", "a"}
        and not any(
            term.startswith(("a:", "mx:", "ip4:", "ip6:", "include:", "redirect=", "exists:"))
            for term in terms
        )
    ):
        return "It allows nobody to send for the domain."
    if "all" in terms:
        return "It allows everybody to send for the domain (+all)."
    return ""


def _dmarc(row: str, record: Wanted) -> str:
    policy = _tags(row).get("p", "")
    return (
        "" if policy in ("none", "quarantine", "reject") else f"Its policy p={policy or '?'} means nothing."
    )


def _sts(row: str, record: Wanted) -> str:
    same = _tags(row).get("id") == _tags(record.value).get("id")
    return "" if same else "Its id is not that of the present policy: others go on with an old one."


def _reports(row: str, record: Wanted) -> str:
    return (
        ""
        if _tags(row).get("rua", "").startswith(("mailto:", "https:"))
        else "It names no place for reports."
    )


_TEXTS: dict[str, Callable[[str, Wanted], str]] = {
    "v=spf1": _spf,
    "v=dmarc1": _dmarc,
    "v=stsv1": _sts,
    "v=tlsrptv1": _reports,
}

_JUDGES: dict[str, Judge] = {
    "MX": _mx,
    "A": _addresses,
    "AAAA": _addresses,
    "CNAME": _alias,
    "SRV": _service,
    "PTR": _pointer,
    "CAA": _authority,
    "TXT": _text,
}
