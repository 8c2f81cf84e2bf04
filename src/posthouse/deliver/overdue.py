"""What waits too long, apart from delivery: rows whose time is over, and senders that are to be told of a delay.

Rows of a destination that is down or busy are not touched one by one while they wait. This part walks along the index
of their times of expiry, in units of a few dozen rows, and takes only those of which something is to be said.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Settlement
from posthouse.deliver.results import Result, Said
from posthouse.observe.log import logger
from posthouse.queue import destinations
from posthouse.queue import lookout as queue
from posthouse.queue.contract import HOLD_ROUTE, WEBHOOK, Lease, Queue
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.queue import LEASE_TIME, LIFETIME
from posthouse.settings.sending import DELAY_NOTICE

log = logger("deliver.overdue")

LOOK_SECONDS = 10.0
"""Seconds between two looks for what has expired."""

GAP = 0.3
"""Seconds between two looks at least, however often somebody asks for one."""

AGAIN_SECONDS = 1800.0
"""Seconds after which rows whose senders were not told of a delay then are looked at once more."""

ROWS = 200
SHARE = 3.0
"""A look rests so many times as long as its units take."""

GIVEN_UP = "an administrator of this server gave up trying to deliver it"
TOO_LONG = "it could not be delivered in the time it had"
NOT_REACHED = "the destination cannot be reached"


@dataclass(frozen=True, slots=True)
class Ended:
    """A row that was taken to end it, or to tell its sender (``end`` False)."""

    lease: Lease
    said: Said
    end: bool = True


class Overdue:
    """``run`` works until it is cancelled. ``classes``: those that somebody delivers to."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        settlement: Settlement,
        settings: CurrentSettings,
        classes: Collection[str],
        owner: str,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._queue = queue
        self._settlement = settlement
        self._settings = settings
        self._classes = frozenset(classes)
        self._owner = owner
        self._clock = clock
        self._wanted = asyncio.Event()
        self._late = (0.0, 0)
        self._late_again = 0.0
        self._deadline = clock()

    def look(self) -> None:
        """Look at once: somebody may have given up on something."""
        self._wanted.set()

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self._wanted.clear()
            began = _time()
            try:
                await self.once()
            except DatabaseUnavailable as problem:
                log.warning("queue.unavailable", reason=str(problem))
            except Exception:
                log.exception("overdue.broke")
            took = _time() - began
            await asyncio.sleep(GAP)
            try:
                await asyncio.wait_for(self._wanted.wait(), max(LOOK_SECONDS, 5 * took))
            except TimeoutError:
                pass

    async def once(self) -> None:
        """One look through all that is due for it."""
        await self._walk(held=False)
        await self._walk(held=True)
        await self._tell_late()

    async def _walk(self, *, held: bool) -> None:
        """End what has expired."""
        after = (-1.0, 0)
        while True:
            now, began = self._clock(), _time()
            rows = await self._database.scan(queue.by_expiry, after, now, ROWS, held=held)
            wanted = [each for each in rows if _free(each, now) and (not held or each.hold == HOLD_ROUTE)]
            await self._end(wanted, self._take_expired, began)
            if len(rows) < ROWS:
                return
            after = (rows[-1].expires_at, rows[-1].id)

    async def _tell_late(self) -> None:
        """Tell senders of what has waited long and is not tried now; each row is seen once in passing, and all again
        now and then."""
        now, after = self._clock(), self._settings.now[DELAY_NOTICE]
        if now >= self._late_again:
            self._late, self._late_again = (0.0, 0), now + AGAIN_SECONDS
            await self._database.run(destinations.remove_old, now)
        while after:
            began, upto = _time(), now + self._settings.now[LIFETIME] - after
            rows = await self._database.scan(queue.by_expiry, self._late, upto, ROWS)
            await self._end(
                [each for each in rows if _silent(each, now) and now - each.since >= after],
                self._take_late,
                began,
            )
            if rows:
                self._late = (rows[-1].expires_at, rows[-1].id)
            if len(rows) < ROWS:
                break
        while True:
            began = _time()
            rows = await self._database.scan(queue.by_deadline, self._deadline, now, ROWS)
            await self._end([each for each in rows if _silent(each, now)], self._take_late, began)
            if len(rows) < ROWS:
                self._deadline = now
                return
            self._deadline = max(rows[-1].deliver_by, self._deadline + 0.001)

    async def _end(
        self,
        rows: Sequence[queue.Waiting],
        take: Callable[[Transaction, Sequence[queue.Waiting], float], list[Ended]],
        began: float,
    ) -> None:
        """Take these rows in one unit, then settle them, those of one message together; then rest in proportion to
        what it took since ``began``."""
        taken = await self._database.run(take, rows, self._clock()) if rows else []
        by_message: dict[tuple[int, bool], list[Ended]] = {}
        for each in taken:
            by_message.setdefault((each.lease.message_id, each.end), []).append(each)
        for (_, end), group in by_message.items():
            try:
                await self.settle(group, end=end)
            except DatabaseUnavailable:
                raise
            except Exception:
                # One message must not keep all those behind it from being ended, look after look.
                log.exception("overdue.broke", trace=group[0].lease.message.trace)
        await asyncio.sleep(min(SHARE * (_time() - began), 1.0))

    async def settle(self, group: Sequence[Ended], *, end: bool) -> None:
        """Hand rows of one message to the settlement: failed, or waiting on."""
        results = [
            Result(each.lease, "failed" if end else "deferred", each.said, tried=False) for each in group
        ]
        # They wait on for their destination, not for a schedule: due again in a minute.
        await self._settlement.settle(results, minutes=0 if end else 1)

    # ------------------------------------------------------------------ within a unit

    def _take_expired(self, tx: Transaction, rows: Sequence[queue.Waiting], now: float) -> list[Ended]:
        """Lease those for which nothing more is to be tried."""
        known = destinations.states(
            tx, sorted({each.destination for each in rows} | {destinations.EVERYTHING})
        )
        all_paused = known.get(destinations.EVERYTHING, _NOTHING).paused
        taken = []
        for row in rows:
            state = known.get(row.destination, _NOTHING)
            given_up = row.expires_at <= 0 or row.hold == HOLD_ROUTE or past_deadline(row, now)
            if not given_up:
                if state.paused or all_paused:
                    continue  # once it is resumed it gets its last attempt
                if state.down_until <= now and row.destination.partition(":")[0] in self._classes:
                    continue  # the dispatcher makes the last attempt
            if row.hold == HOLD_ROUTE and not queue.release_expired(tx, row.id, now):
                continue
            lease = self._lease(tx, row, now)
            if lease is not None:
                taken.append(Ended(_untried(lease), over(lease, state.reason)))
        return taken

    def _take_late(self, tx: Transaction, rows: Sequence[queue.Waiting], now: float) -> list[Ended]:
        """Lease those whose senders are to be told."""
        known = destinations.states(tx, sorted({each.destination for each in rows}))
        taken = []
        for row in rows:
            lease = self._lease(tx, row, now)
            if lease is not None:
                down = known.get(row.destination, _NOTHING)
                reason = lease.recipient.reason or down.reason or "it waits for its turn"
                taken.append(Ended(lease, Said(0, "", reason), end=False))
        return taken

    def _lease(self, tx: Transaction, row: queue.Waiting, now: float) -> Lease | None:
        seconds = float(self._settings.now[LEASE_TIME])
        return self._queue.lease_row(tx, row.id, row.token, now, seconds, self._owner)


_NOTHING = destinations.DestinationState("")


def past_deadline(row: queue.Waiting, now: float) -> bool:
    """Whether it was to be delivered by now or to go back (DELIVERBY, RFC 2852)."""
    return bool(row.deliver_by) and row.deliver_by <= now and row.by_mode.startswith("R")


def over(lease: Lease, reason: str = "") -> Said:
    """What is said of a row for which nothing more is tried; ``reason`` is why its destination is left alone."""
    before = lease.recipient.reason or reason
    if lease.expires_at <= 0:
        return Said(0, "5.0.0", f"{GIVEN_UP}; before: {before}" if before else GIVEN_UP)
    return Said(0, "5.4.7", f"{TOO_LONG}; {before or NOT_REACHED}")


def nothing_more(lease: Lease, now: float) -> bool:
    """Whether a row that was just leased is not to be tried."""
    if lease.expires_at <= 0:
        return True
    by = lease.message.deliver_by
    return bool(by) and by <= now and lease.message.by_mode.startswith("R")


def ended(leases: Sequence[Lease]) -> list[Ended]:
    """Leased rows for which nothing more is tried; this lease does not count as an attempt."""
    return [Ended(_untried(each), over(each)) for each in leases]


def _untried(lease: Lease) -> Lease:
    return replace(lease, attempts=max(lease.attempts - 1, 0))


def _time() -> float:
    return asyncio.get_running_loop().time()


def _free(row: queue.Waiting, now: float) -> bool:
    """Whether nobody has it, and it is mail."""
    return (not row.token or row.leased_until <= now) and not row.destination.startswith(WEBHOOK)


def _silent(row: queue.Waiting, now: float) -> bool:
    """Whether it is due and has time left, nobody has it, and its sender was not told yet."""
    return (
        _free(row, now) and row.expires_at > now and row.tellable and not row.delay_told and row.due_at <= now
    )
