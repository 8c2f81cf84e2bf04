"""What is read of mail that arrived, besides keeping it: bounces, and reports of others about TLS with our hosts.

It happens after the 250, one message at a time, and nothing waits for it. What a crash leaves unread is still in its
mailbox; only the counting of it is lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from posthouse.bodies.contract import Bodies, BodyMissing
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.dsn.bounces import Bounces
from posthouse.deliver.remote.tls_report_read import TlsReportReader
from posthouse.directory.own_secrets import own_secret
from posthouse.mail.address import Address
from posthouse.mail.envelope import Envelope
from posthouse.observe.log import logger
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.arrivals")

MOST_WAITING = 1000
"""Messages that wait to be read; what comes beyond is not read."""

MOST_RECIPIENTS = 20
LARGEST = 25 * 1024 * 1024
"""Bytes of a message that is read; no report and no bounce is larger."""

REPORT_NAMES = ("tlsrpt", "postmaster")
"""Where reports arrive: what the DNS page proposes, now and formerly."""

VERP = "verp"
"""The name of the key for return paths of one recipient."""

PAUSE = 5.0


@dataclass(frozen=True, slots=True)
class _Arrived:
    digest: str
    bounced: tuple[Address, ...]
    reported: bool


class Arrivals:
    """``arrived`` takes note, ``run`` reads."""

    def __init__(
        self,
        *,
        database: Database,
        settings: CurrentSettings,
        bodies: Bodies,
        router: Router,
        reports: TlsReportReader,
    ) -> None:
        self._database = database
        self._bodies = bodies
        self._router = router
        self._reports = reports
        self._keys: list[bytes] = []
        self._bounces = Bounces(database, settings, lambda: self._keys)
        self._waiting: deque[_Arrived] = deque()
        self._wanted = asyncio.Event()
        self._left_out = 0

    def arrived(self, envelope: Envelope, digest: str, size: int) -> None:
        """A message was accepted. Never waits, never raises."""
        addresses = [each.address for each in envelope.recipients[:MOST_RECIPIENTS]]
        bounced = tuple(addresses) if envelope.sender is None else ()
        reported = any(each.local.partition("+")[0].lower() in REPORT_NAMES for each in addresses)
        if not (bounced or reported) or size > LARGEST:
            return
        if len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        self._waiting.append(_Arrived(digest, bounced, reported))
        self._wanted.set()

    @property
    def waiting(self) -> int:
        """How many messages wait to be read."""
        return len(self._waiting)

    async def run(self) -> None:
        """Read until cancelled."""
        while True:
            if not self._waiting:
                self._wanted.clear()
                await self._wanted.wait()
            if self._left_out:
                log.warning("arrivals.left_out", messages=self._left_out, reason="too much at once")
                self._left_out = 0
            try:
                await self._read(self._waiting[0])
            except DatabaseUnavailable as problem:
                log.warning("arrivals.postponed", reason=str(problem))
                await asyncio.sleep(PAUSE)
                continue
            except BodyMissing:
                pass  # it was removed meanwhile
            except Exception:
                log.exception("arrivals.unread")
            self._waiting.popleft()

    async def _read(self, arrived: _Arrived) -> None:
        body = self._bodies.read(arrived.digest)
        if arrived.reported and await self._reports.take(body):
            return
        if arrived.bounced and not self._keys:
            self._keys = [await self._database.run(own_secret, VERP)]
        for address in arrived.bounced:
            # Return addresses of forwarded mail (SRS) lead to somebody else: that bounce is theirs.
            if not (await self._router.resolve(address)).reachable:
                continue
            found = await asyncio.to_thread(self._bounces.read, body, address)
            if found:
                new = await self._database.run(self._bounces.keep, found)
                log.info("bounce.read", recipient=str(address), new=new, certain=found[0].certain)
