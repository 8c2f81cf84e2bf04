"""DANE for SMTP (RFC 7672): which certificates the TLSA records of a host allow."""

from __future__ import annotations

import asyncio
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from posthouse.deliver.remote.contract import Host
from posthouse.net.dns import Answer, Resolver

Record = tuple[int, int, int, bytes]
"""Usage, selector, matching type, data."""

MOST_RECORDS = 50
_LENGTHS = {1: 32, 2: 64}
_USAGES = (2, 3)
"""DANE-TA and DANE-EE. What PKIX-TA and PKIX-EE would mean between servers is not defined (RFC 7672 3.1.3)."""


@dataclass(frozen=True, slots=True)
class Tlsa:
    """What the TLSA records of a host come to.

    ``none``: there are none that count. ``usable``: ``records`` are those to go by. ``unusable``: there are some, all
    such as we cannot use: TLS is still a must (RFC 7672 2.2). ``failed``: nobody knows, so nothing may be sent;
    ``reason`` says why. ``base`` is the name they were found under, which the host is asked for (SNI).
    """

    state: Literal["none", "usable", "unusable", "failed"]
    records: tuple[Record, ...] = ()
    base: str = ""
    reason: str = ""

    def lines(self) -> tuple[str, ...]:
        """The records in presentation form, as reports have them (RFC 8460 4.4)."""
        return tuple(
            f"{usage} {selector} {matching} {data.hex()}" for usage, selector, matching, data in self.records
        )


async def tlsa_of(resolver: Resolver, host: Host) -> Tlsa:
    """The TLSA records of a host whose name and addresses were validated (``host.authentic``); for any other there
    are none."""
    if not host.authentic:
        return Tlsa("none", reason="the answers of the DNS that lead to it are not validated")
    last = Tlsa("none", reason="there are no TLSA records")
    for base in await _bases(resolver, host):
        answer = await resolver.ask(f"_{host.port}._tcp.{base}", "TLSA")
        if answer.state == "failed":
            return Tlsa("failed", base=base, reason=answer.reason)
        if answer.state == "found":
            if answer.authentic:
                return _judged(answer, base)
            last = Tlsa("none", reason="the TLSA records are not validated")
    return last


async def _bases(resolver: Resolver, host: Host) -> list[str]:
    """The names under which TLSA records count: of a validated alias its target first, else the alias itself
    (RFC 7672 2.2.2)."""
    answers = await asyncio.gather(resolver.ask(host.name, "A"), resolver.ask(host.name, "AAAA"))
    secure = [each for each in answers if each.state != "failed"]
    targets = {each.canonical for each in secure if each.canonical}
    if len(targets) == 1 and all(each.authentic for each in secure):
        return [*targets, host.name]
    return [host.name]


def _judged(answer: Answer, base: str) -> Tlsa:
    records = _strongest(filter(None, map(_record, answer.rows[:MOST_RECORDS])))
    if records:
        return Tlsa("usable", tuple(records), base)
    return Tlsa("unusable", base=base, reason="none of the TLSA records is of a kind that can be used")


def _record(row: str) -> Record | None:
    try:
        usage, selector, matching, data = row.split(" ", 3)
        record = (int(usage), int(selector), int(matching), binascii.unhexlify(data))
    except (ValueError, binascii.Error):
        return None
    if record[0] not in _USAGES or record[1] not in (0, 1) or record[2] not in (0, 1, 2):
        return None
    if not record[3] or len(record[3]) != _LENGTHS.get(record[2], len(record[3])):
        return None
    return record


def _strongest(found: Iterable[Record]) -> list[Record]:
    """Without SHA-256 where the same usage and selector has SHA-512 (digest agility, RFC 7671 9)."""
    records = list(found)
    strong = {each[:2] for each in records if each[2] == 2}
    return [each for each in records if not (each[2] == 1 and each[:2] in strong)]
