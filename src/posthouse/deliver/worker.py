"""Works off the queue: leases what is due, delivers it, keeps the schedule.

There is no polling storm: the worker sleeps until the next row is due, until the feed says that something was
queued, or for half a minute (a lost notice costs no more than that).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.local import Deferred, LeaseLost, LocalDelivery
from posthouse.observe import spans
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue.contract import Lease, Queue
from posthouse.queue.schedule import expired, next_attempt
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.queue import LEASE_TIME

_log = logger("deliver.worker")

BATCH = 20
"""Rows leased at once, delivered side by side so that they share commits."""

POLL = 30.0
"""Seconds after which the queue is looked at even without a reason."""

PAUSE = 5.0
"""Seconds to wait when the database cannot be reached."""


class DeliveryWorker:
    """One worker of the queue in this process. ``owner`` names it among all workers of the database and
    stays the same over restarts (``host/worker number``): when it starts, it frees what it held when it
    died."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        local: LocalDelivery,
        settings: CurrentSettings,
        feed: Feed,
        owner: str,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._queue = queue
        self._local = local
        self._settings = settings
        self._feed = feed
        self._owner = owner[:255]
        self._clock = clock
        self._awake = asyncio.Event()
        self._stopping = False

    async def run(self) -> None:
        """Work until ``stop``; then what was leased is finished first. Cancelling ends it at once: leases
        that are left run out or are freed at the next start."""
        unsubscribe = self._feed.subscribe("queue", None, self._notice)
        try:
            await self._free()
            while not self._stopping:
                self._awake.clear()
                try:
                    wait = await self._round()
                except DatabaseUnavailable as problem:
                    _log.warning("queue.unavailable", reason=str(problem))
                    wait = PAUSE
                await self._sleep(wait)
        finally:
            unsubscribe()

    def stop(self) -> None:
        """Finish what is leased, then end ``run``."""
        self._stopping = True
        self._awake.set()

    async def _round(self) -> float:
        """Lease and deliver what is due; returns the seconds until there may be more."""
        now = self._clock()
        due = await self._database.read(self._queue.next_due)
        if due is None:
            return POLL
        if due > now:
            return min(due - now, POLL)
        seconds = float(self._settings.now[LEASE_TIME])
        leases = await self._database.run(self._queue.lease, now, BATCH, seconds, self._owner)
        if not leases:
            return 0.1  # another worker was faster
        step("queue.leased")
        async with asyncio.TaskGroup() as group:
            for lease in leases:
                group.create_task(self._deliver(lease))
        return 0.0

    async def _deliver(self, lease: Lease) -> None:
        try:
            reason = await self._attempt(lease)
            if reason is not None:
                await self._database.run(self._postpone, lease, reason)
        except DatabaseUnavailable as problem:
            # The row stays leased; when the lease runs out, it is due again.
            _log.warning("queue.unavailable", reason=str(problem), trace=lease.message.trace)

    async def _attempt(self, lease: Lease) -> str | None:
        """Deliver one row; returns why it did not work, or None when nothing is left to do."""
        trace, recipient = lease.message.trace, lease.recipient.recipient
        began = time()
        try:
            await self._local.deliver(lease)
        except Deferred as deferred:
            reason = str(deferred)
            counters.deferred += 1
            _log.warning(
                "queue.deferred", trace=trace, recipient=recipient, reason=reason, attempts=lease.attempts
            )
            return reason
        except LeaseLost:
            _log.warning("queue.lease_lost", trace=trace, recipient=recipient)
        except DatabaseUnavailable:
            raise
        except Exception as failure:
            _log.exception("queue.failed", trace=trace, recipient=recipient)
            return f"internal error ({type(failure).__name__})"
        else:
            step("queue.delivered")
            counters.delivered += 1
            if spans.told is not None:
                spans.told("message.deliver", began, trace=trace, attempts=lease.attempts)
            _log.info("queue.delivered", trace=trace, recipient=recipient)
        return None

    def _postpone(self, tx: Transaction, lease: Lease, reason: str) -> None:
        now = self._clock()
        if expired(lease, now):
            self._queue.hold(tx, lease, f"{reason}; given up after {lease.attempts} attempts")
        else:
            due_at = min(
                next_attempt(self._settings.now, lease, now), max(lease.expires_at, now + 1)
            )
            self._queue.retry(tx, lease, due_at, reason)

    async def _free(self) -> None:
        try:
            freed = await self._database.run(self._queue.free, self._owner, self._clock())
        except DatabaseUnavailable:
            return  # the leases run out by themselves
        if freed:
            _log.info("queue.freed", count=freed)

    async def _sleep(self, seconds: float) -> None:
        if self._stopping or seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._awake.wait(), seconds)
        except TimeoutError:
            pass

    def _notice(self, topic: str, key: int, version: int) -> None:
        self._awake.set()
