"""Looks after DKIM keys: makes them for new domains, waits until their records are in the DNS, uses them, lets the next
ones follow, and puts old ones aside. One worker of all does it at a time.

A key in use whose record vanished goes on signing: a signature without a key counts as none, so nothing is worse than
before, and most such gaps are a slip or a failing name server that is mended soon. It is warned of instead.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Protocol

from posthouse.cluster import leases
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory import dkim
from posthouse.directory.dkim import KeyRow, NewKey
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import DIRECTORY, SETTINGS
from posthouse.manage.audit import note
from posthouse.manage.context import Actor
from posthouse.manage.dkim_keys import DAY, due_for_rotation, judged, new_keys, record_name, record_value
from posthouse.net.acme.dns_update import DnsUpdate
from posthouse.net.acme.errors import AcmeError
from posthouse.net.dns import Answer
from posthouse.observe.log import logger
from posthouse.origin.keys import ALGORITHMS, Algorithm, record_of
from posthouse.settings import certificates as settings_certificates
from posthouse.settings import dkim as settings
from posthouse.settings.contract import CurrentSettings

log = logger("dkim")

LEASE = "dkim.keys"
AT_ONCE = 16
"""Questions to the DNS under way at the same time."""

MOST_CHECKS = 500
"""Records asked for in one look; those asked longest ago come first."""

DOMAINS_AT_ONCE = 50
POLL = 5.0
PUBLISH_PAUSE = 600.0
"""Seconds without dynamic updates after one was refused."""

SERVER = Actor(name="Posthouse", source="schedule")
"""Who changed what the schedule changed, for the audit."""


class Asks(Protocol):
    """Asks the DNS; see :class:`posthouse.net.dns.Resolver`."""

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        """The records of this type under a name."""


class DkimDesk:
    """``holder`` names this worker among all of the database, the same again after a crash."""

    def __init__(
        self,
        *,
        database: Database,
        feed: Feed,
        settings: CurrentSettings,
        resolver: Asks,
        holder: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._feed = feed
        self._settings = settings
        self._resolver = resolver
        self._holder = holder
        self._clock = clock
        self._publish_after = 0.0

    async def run(self) -> None:
        """Look again and again until cancelled: at the interval, and when the directory changed (a new domain is to get
        its keys at once)."""
        changed = asyncio.Event()
        changed.set()

        def heard(topic: str, key: int, version: int) -> None:
            changed.set()

        subscriptions = [self._feed.subscribe(topic, None, heard) for topic in (DIRECTORY, SETTINGS)]
        loop = asyncio.get_running_loop()
        last_look = -math.inf
        try:
            while True:
                interval = self._settings.now[settings.LOOK_INTERVAL]
                try:
                    # The poll notices what a lost notice did not tell: a changed interval, say.
                    async with asyncio.timeout(min(POLL, max(0.0, last_look + interval - loop.time()))):
                        await changed.wait()
                except TimeoutError:
                    pass
                complete = loop.time() >= last_look + interval
                if complete:
                    last_look = loop.time()
                if complete or changed.is_set():
                    changed.clear()
                    await self._once(complete, interval)
        finally:
            for forget in subscriptions:
                forget()
            try:
                await asyncio.shield(self._database.run(leases.give_back, LEASE, self._holder))
            except (DatabaseUnavailable, asyncio.CancelledError):
                pass

    async def _once(self, complete: bool, interval: float) -> None:
        seconds = max(60.0, 3 * interval)
        try:
            if await self._database.run(leases.take, LEASE, self._holder, time.time(), seconds):
                await (self.look() if complete else self.make_missing())
        except DatabaseUnavailable as problem:
            log.warning("dkim.postponed", reason=str(problem))
        except Exception:
            log.exception("dkim.failed")

    # ------------------------------------------------------------------ what is done

    async def look(self) -> None:
        """One look at everything. Raises DatabaseUnavailable."""
        await self.make_missing()
        await self._rotate(await self._database.scan(dkim.all_keys))
        rows = await self._database.scan(dkim.all_keys)
        await self.check(self._to_check(rows))
        await self._put_aside(await self._database.scan(dkim.all_keys))
        await self._publish(await self._database.scan(dkim.all_keys))

    async def make_missing(self) -> None:
        """Keys of both kinds for every domain that has none."""
        after = 0
        while self._settings.now[settings.AUTOMATIC]:
            found = await self._database.read(dkim.domains_without, after, DOMAINS_AT_ONCE)
            for _, name in found:
                await self._make(name, ALGORITHMS, ())
            after = found[-1][0] if found else after
            if len(found) < DOMAINS_AT_ONCE:
                return

    async def made(self, wanted: Sequence[Algorithm], taken: Sequence[str]) -> list[NewKey]:
        """New keys, not stored yet."""
        bits = self._settings.now[settings.RSA_BITS]
        return await asyncio.to_thread(new_keys, wanted, taken, bits, self._clock())

    async def check(self, rows: Sequence[KeyRow]) -> None:
        """Ask the DNS for the records of these keys; new ones whose record is there are used from now on."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(row: KeyRow) -> None:
            async with gate:
                state, words = await self.state_of(row)
            await self._database.run(self._checked, row, state, words)

        await asyncio.gather(*(one(row) for row in rows))

    async def state_of(self, row: KeyRow) -> tuple[str, str]:
        """What the DNS says of a key's record now: a state as in ``dkim_records`` and a note."""
        try:
            name = record_name(row.domain, row.selector)
        except ValueError as error:
            return "unknown", f"{error}."
        answer = await self._resolver.ask(name, "TXT", fresh=True)
        if answer.state == "failed":
            return "unknown", f"The DNS could not be asked: {answer.reason}."
        return judged(answer.rows, record_value(row))

    # ------------------------------------------------------------------ inside

    async def _make(self, domain: str, wanted: Sequence[Algorithm], taken: Sequence[str]) -> None:
        keys = await self.made(wanted, taken)

        def op(tx: Transaction) -> None:
            for key in keys:
                dkim.add_key(tx, domain, key, self._clock(), self._feed)
                note(tx, SERVER, "dkim.make", domain, after={"selector": key.selector})

        try:
            await self._database.run(op)
        except DirectoryError as error:
            log.info("dkim.not_made", domain=domain, reason=error.text)  # removed or made meanwhile
            return
        log.info("dkim.made", domain=domain, selectors=[key.selector for key in keys])

    def _to_check(self, rows: Sequence[KeyRow]) -> list[KeyRow]:
        old = self._clock() - self._settings.now[settings.CHECK_INTERVAL]
        due = [
            row
            for row in rows
            if row.state == "new" or (row.state in ("active", "retiring") and row.checked_at <= old)
        ]
        return sorted(due, key=lambda row: row.checked_at)[:MOST_CHECKS]

    def _checked(self, tx: Transaction, row: KeyRow, state: str, words: str) -> None:
        now = self._clock()
        dkim.set_check(tx, row, state, words, now)
        if row.state == "new" and state == "right":
            replaced = dkim.activate(tx, row, now, self._feed)
            note(
                tx,
                SERVER,
                "dkim.activate",
                row.domain,
                before={"selectors": [each.selector for each in replaced]} if replaced else None,
                after={"selector": row.selector},
            )

    async def _rotate(self, rows: Sequence[KeyRow]) -> None:
        days = self._settings.now[settings.ROTATE_DAYS]
        for domain, group in groupby(rows, key=lambda row: row.domain):
            own = list(group)
            wanted = due_for_rotation(own, self._clock(), days)
            if wanted:
                await self._make(domain, wanted, [row.selector for row in own])

    async def _put_aside(self, rows: Sequence[KeyRow]) -> None:
        """Retiring keys become retired, retired ones go, each after its time."""
        now = self._clock()
        over = now - self._settings.now[settings.KEEP_DAYS] * DAY
        for row in rows:
            if row.since > over:
                continue
            if row.state == "retiring":
                await self._database.run(dkim.set_state, row, "retired", now, self._feed)
                log.info("dkim.retired", domain=row.domain, selector=row.selector)
            elif row.state == "retired" and await self.withdraw(row):
                await self._database.run(self._remove, row)

    def _remove(self, tx: Transaction, row: KeyRow) -> None:
        if dkim.remove_key(tx, row, self._feed):
            note(tx, SERVER, "dkim.remove", row.domain, before={"selector": row.selector})

    # ------------------------------------------------------------------ dynamic update

    def _update(self) -> DnsUpdate | None:
        now = self._settings.now
        server = now[settings_certificates.DNS_SERVER].strip()
        if not server or not now[settings.PUBLISH] or self._clock() < self._publish_after:
            return None
        return DnsUpdate(
            server=server,
            key_name=now[settings_certificates.DNS_KEY_NAME].strip(),
            key_secret=now[settings_certificates.DNS_KEY_SECRET],
            algorithm=now[settings_certificates.DNS_KEY_ALGORITHM],
        )

    async def _publish(self, rows: Sequence[KeyRow]) -> None:
        """Write the records that are missing, and empty those of retired keys that we wrote."""
        for row in rows:
            update = self._update()
            if update is None:
                return
            full, empty = record_of(row.algorithm, row.public), record_of(row.algorithm, "")
            if row.state != "retired" and row.dns == "missing":
                await self._write(update, row, full, "", "key")
            elif row.state == "retired" and row.published == "key":
                await self._write(update, row, empty, full, "empty")

    async def _write(self, update: DnsUpdate, row: KeyRow, value: str, former: str, published: str) -> None:
        try:
            await update.publish(record_name(row.domain, row.selector), value, former)
        except (AcmeError, ValueError) as error:
            self._refused(row, error)
            return
        await self._database.run(dkim.set_published, row, published)
        log.info("dkim.published", domain=row.domain, selector=row.selector, what=published)

    async def withdraw(self, row: KeyRow) -> bool:
        """Take away what we wrote; True where nothing of ours is left in the DNS, or nobody could take it away (a
        record without a key in use harms nobody)."""
        if not row.published or not self._settings.now[settings.PUBLISH]:
            return True
        update = self._update()
        if update is None:
            return not self._settings.now[settings_certificates.DNS_SERVER].strip()
        value = record_of(row.algorithm, row.public if row.published == "key" else "")
        try:
            await update.withdraw(record_name(row.domain, row.selector), value)
        except (AcmeError, ValueError) as error:
            self._refused(row, error)
            return False
        return True

    def _refused(self, row: KeyRow, error: Exception) -> None:
        self._publish_after = self._clock() + PUBLISH_PAUSE
        reason = error.text if isinstance(error, AcmeError) else str(error)
        log.warning("dkim.not_published", domain=row.domain, selector=row.selector, reason=reason)
