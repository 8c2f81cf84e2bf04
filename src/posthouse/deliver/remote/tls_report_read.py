"""Reading the TLS reports that others send about our domains (RFC 8460): bounded, and lenient where it does not
matter."""

from __future__ import annotations

import asyncio
import hashlib
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from posthouse.database.contract import Database, Row, Transaction
from posthouse.deliver import tls_report_records as records
from posthouse.mail.mime import Buffer, Part, scan
from posthouse.mail.transfer import decode_transfer
from posthouse.net.dns import ascii_name
from posthouse.observe.log import logger
from posthouse.settings import tls_out as settings_tls_out
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.tls_report")

LARGEST_PACKED = 10 * 1024 * 1024
LARGEST = 10 * 1024 * 1024
"""Bytes of the attachment, and of what comes out of it."""
MOST_POLICIES = 200
MOST_DETAILS = 100
_DAY = 86_400.0


class BadReport(Exception):
    """It is no TLS report, or none that can be read; the text says why."""


class _Dates(msgspec.Struct):
    start: str = msgspec.field(name="start-datetime", default="")
    end: str = msgspec.field(name="end-datetime", default="")


class _Policy(msgspec.Struct):
    kind: str = msgspec.field(name="policy-type", default="")
    domain: str = msgspec.field(name="policy-domain", default="")


class _Summary(msgspec.Struct):
    good: int = msgspec.field(name="total-successful-session-count", default=0)
    bad: int = msgspec.field(name="total-failure-session-count", default=0)


class _Failure(msgspec.Struct):
    result: str = msgspec.field(name="result-type", default="")
    sender: str | None = msgspec.field(name="sending-mta-ip", default="")
    host: str | None = msgspec.field(name="receiving-mx-hostname", default="")
    address: str | None = msgspec.field(name="receiving-ip", default="")
    count: int = msgspec.field(name="failed-session-count", default=0)
    more: str | None = msgspec.field(name="failure-reason-code", default="")


class _One(msgspec.Struct):
    policy: _Policy = msgspec.field(default_factory=_Policy)
    summary: _Summary = msgspec.field(default_factory=_Summary)
    failures: list[_Failure] | None = msgspec.field(name="failure-details", default=None)


class _Report(msgspec.Struct):
    ident: str = msgspec.field(name="report-id")
    dates: _Dates = msgspec.field(name="date-range")
    policies: list[_One] = msgspec.field(name="policies")
    organisation: str | None = msgspec.field(name="organization-name", default="")
    contact: str | None = msgspec.field(name="contact-info", default="")


@dataclass(slots=True)
class Received:
    """What a report says of one domain."""

    domain: str
    organisation: str
    contact: str
    report_id: str
    begins_at: float
    ends_at: float
    good: int = 0
    bad: int = 0
    details: list[dict[str, Any]] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """What tells it from others."""
        told = "\0".join((self.domain, self.organisation, self.report_id))
        return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()


class TlsReportReader:
    """Takes what arrives at the address our domains name for TLS reports. ``ours`` says whether a domain is served
    here."""

    def __init__(
        self,
        database: Database,
        settings: CurrentSettings,
        ours: Callable[[str], Awaitable[bool]],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._settings = settings
        self._ours = ours
        self._clock = clock

    async def take(self, message: Buffer) -> bool:
        """Read and keep the report in a message. False when there is none, when it cannot be read, or is about none
        of our domains; the message itself is nobody's business here. Raises DatabaseUnavailable."""
        try:
            found = await asyncio.to_thread(read, message)
        except BadReport as error:
            log.info("tls.report_unreadable", reason=str(error))
            return False
        kept = [each for each in found if await self._ours(each.domain)]
        if not kept:
            return False
        most = int(self._settings.now[settings_tls_out.MAX_RECEIVED])
        if not await self._database.run(_keep, kept, self._clock(), most):
            log.warning("tls.report_left_out", reason="tlsrpt.max_received is reached")
            return False
        return True

    async def clean(self) -> None:
        """Remove reports older than ``tlsrpt.keep_days``."""
        before = self._clock() - self._settings.now[settings_tls_out.KEEP_DAYS] * _DAY
        while await self._database.run(_remove_old, before):
            pass


def read(message: Buffer) -> list[Received]:
    """What the first report in a message says, by domain. Raises BadReport."""
    part = next(_reports_in(scan(message, max_depth=10, max_parts=100)), None)
    if part is None:
        raise BadReport("there is no report in it")
    if part.end - part.body > LARGEST_PACKED:
        raise BadReport("the attachment is larger than a report can be")
    content = decode_transfer(bytes(message[part.body : part.end]), part.encoding)
    if content is None:
        raise BadReport("its transfer encoding is not known")
    return parse(_unpacked(content) if content[:2] == b"\x1f\x8b" else content)


def _reports_in(part: Part) -> Iterator[Part]:
    if part.type == "application" and part.subtype in ("tlsrpt+gzip", "tlsrpt+json"):
        yield part
    for child in part.children:
        yield from _reports_in(child)


def _unpacked(content: bytes) -> bytes:
    """Bounded: what would come out beyond the limit is never made."""
    opener = zlib.decompressobj(31)
    try:
        found = opener.decompress(content, LARGEST + 1)
    except zlib.error:
        raise BadReport("it cannot be unpacked") from None
    if len(found) > LARGEST:
        raise BadReport("it unpacks to more than a report can be")
    if not opener.eof:
        raise BadReport("it ends too soon")
    return found


def parse(content: bytes) -> list[Received]:
    """What a report (JSON) says, by domain. Raises BadReport."""
    try:
        report = msgspec.json.decode(content, type=_Report, strict=False)
    except (msgspec.MsgspecError, RecursionError, ValueError) as error:
        raise BadReport(f"its JSON is not that of a report: {str(error)[:200]}") from None
    begins, ends = _moment(report.dates.start), _moment(report.dates.end)
    if not report.ident or len(report.policies) > MOST_POLICIES:
        raise BadReport("it has no id" if not report.ident else "it has too many policies")
    found: dict[str, Received] = {}
    for one in report.policies:
        try:
            domain = ascii_name(one.policy.domain)
        except ValueError:
            continue
        received = found.setdefault(
            domain,
            Received(
                domain,
                _plain(report.organisation, 255),
                _plain(report.contact, 320),
                _plain(report.ident, 255),
                begins,
                ends,
            ),
        )
        received.good = _sum(received.good, one.summary.good)
        received.bad = _sum(received.bad, one.summary.bad)
        room = MOST_DETAILS - len(received.details)
        received.details += [_detail(one.policy.kind, each) for each in (one.failures or [])[:room]]
    return list(found.values())


def _detail(kind: str, failure: _Failure) -> dict[str, Any]:
    return {
        "policy": _plain(kind, 32),
        "result": _plain(failure.result, 64),
        "host": _plain(failure.host, 255),
        "address": _plain(failure.address, 64),
        "sender": _plain(failure.sender, 64),
        "count": _sum(0, failure.count),
        "more": _plain(failure.more, 300),
    }


def _sum(known: int, more: int) -> int:
    return min(known + max(0, min(more, 2**40)), 2**40)


def _plain(text: str | None, length: int) -> str:
    """Without what a table or a page could not show."""
    kept = "".join(each if each.isprintable() else " " for each in (text or "")[:length])
    return kept.encode("utf-8", "replace").decode().strip()


def _moment(text: str) -> float:
    try:
        moment = datetime.fromisoformat(text.strip())
        stamp = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise BadReport("its dates are no dates") from None
    if not 1_400_000_000 < stamp < 7_000_000_000:
        raise BadReport("its dates are not of our time")
    return stamp


def _keep(tx: Transaction, reports: list[Received], now: float, most: int) -> bool:
    """Keep them; False when there were too many within a day. One that is known already is kept once."""
    if tx.execute(records.COUNT_SINCE, {"since": now - _DAY})[0][0] >= most:
        return False
    for each in reports:
        if tx.execute(records.SELECT_KNOWN, {"of_digest": each.digest}):
            continue
        tx.insert_ignore(
            records.tls_reports,
            {
                "digest": each.digest,
                "received_at": now,
                "domain": each.domain,
                "organisation": each.organisation,
                "contact": each.contact,
                "report_id": each.report_id,
                "begins_at": each.begins_at,
                "ends_at": each.ends_at,
                "good": each.good,
                "bad": each.bad,
                "details": msgspec.json.encode(each.details).decode(),
            },
        )
    return True


def _remove_old(tx: Transaction, before: float) -> int:
    old: list[Row] = tx.execute(records.SELECT_OLD, {"before": before, "count": 200})
    for (row_id,) in old:
        tx.change(records.DELETE_REPORT, {"of_id": row_id})
    return len(old)
