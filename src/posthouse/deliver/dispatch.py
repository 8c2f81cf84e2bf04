"""The queue's scheduler: decides which destination is served next, leases its rows and hands them to who delivers them.

Rows of one message and one destination go together. Destinations take turns, and within one the senders do
(``queue.leasing``); how many messages are under way to each follows what it answers (``places``). Where something is
due is known without reading through the queue (``lookout``), and what waits too long is somebody else's (``overdue``).

There is no polling storm: while nothing is due, one row is read every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from itertools import groupby
from time import time
from typing import Any

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.contract import Deliverer, Settlement
from posthouse.deliver.express import ExpressLine
from posthouse.deliver.lease_desk import Leased, LeaseDesk
from posthouse.deliver.lookout import Lookout
from posthouse.deliver.overdue import Overdue, ended, nothing_more
from posthouse.deliver.places import Place, Places
from posthouse.deliver.results import Feedback, Result, Said
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue import destinations
from posthouse.queue.contract import Lease, Queue
from posthouse.queue.service import TOPIC
from posthouse.settings import queue as settings_queue
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.dispatch")

MESSAGES = 20
"""Messages leased by one unit."""

PAUSE = 5.0
"""Seconds to wait when the database cannot be reached."""

OVERTAKEN = 0.5
"""Seconds to wait when another worker was faster."""

STOP_SECONDS = 8.0
"""How long deliveries may go on when the worker stops."""


class Dispatcher:
    """The scheduler of this process. ``deliverers`` by class of destinations (``local``, ``mx``, ``route``); what
    nobody delivers waits. ``owner`` names the worker among all of the database and stays the same over restarts: when
    it starts, it frees what it held when it died."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        deliverers: Mapping[str, Deliverer],
        settlement: Settlement,
        settings: CurrentSettings,
        feed: Feed,
        owner: str,
        clock: Callable[[], float] = time,
    ) -> None:
        self._database = database
        self._queue = queue
        self._deliverers = dict(deliverers)
        self._settlement = settlement
        self._settings = settings
        self._feed = feed
        self._owner = owner[:255]
        self._clock = clock
        self._desk = LeaseDesk(queue, settings, self._owner, clock)
        self._places = Places()
        self._lookout = Lookout(database, self._places, self._deliverers, self._desk.limits, clock)
        self._overdue = Overdue(
            database=database,
            queue=queue,
            settlement=settlement,
            settings=settings,
            classes=self._deliverers,
            owner=self._owner,
            clock=clock,
        )
        self._awake = asyncio.Event()
        self._stopping = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.express = ExpressLine(
            places=self._places,
            desk=self._desk,
            owner=self._owner,
            clock=clock,
            free=lambda: self._running < self._desk.limits().at_once,
            count=partial(self._keep, unproven=False),
            begin=self._handed_over,
            left=self._left,
        )
        """Where mail that is just being accepted may go at once."""
        self._running = 0
        """Messages under way to other servers, and room kept for those that are being leased."""
        self._unproven = 0
        """Those among them that go to destinations that took none recently."""

    async def run(self) -> None:
        """Work until ``stop``; then what was leased is finished first, as far as that takes a few seconds. Cancelling
        ends it at once: leases that are left run out or are freed at the next start."""
        topics = (TOPIC, destinations.TOPIC)
        unsubscribe = [self._feed.subscribe(topic, None, self._notice) for topic in topics]
        overdue: asyncio.Task[None] | None = None
        try:
            await self._free()
            self.express.open = not self._stopping
            overdue = asyncio.create_task(self._overdue.run())
            while not self._stopping:
                self._awake.clear()
                try:
                    wait = await self._round()
                except DatabaseUnavailable as problem:
                    log.warning("queue.unavailable", reason=str(problem))
                    wait = PAUSE
                await self._sleep(wait)
            if self._tasks:
                await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        finally:
            self.express.open = False
            for end in unsubscribe:
                end()
            tasks = [*self._tasks, *([overdue] if overdue is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Lease nothing more, finish what is leased, then end ``run``."""
        self._stopping = True
        self.express.open = False
        self._awake.set()

    # ------------------------------------------------------------------ who is next

    async def _round(self) -> float:
        """Look for what is due and begin what there is room for; the seconds until there may be more."""
        wait = await self._lookout.watch()
        self._start()
        at = self._places.wait()
        return wait if at is None else min(wait, max(at - self._clock(), 0.0))

    def _start(self) -> None:
        """Begin to lease for those whose turn it is, as long as there is room."""
        limits, now = self._desk.limits(), self._clock()
        while not self._stopping:
            free = limits.at_once - self._running
            free_others = min(limits.at_once // 2 - self._unproven, free)
            place = self._places.next(now, proven=free > 0, others=free_others > 0)
            if place is None:
                return
            count = min(place.room(limits), MESSAGES)
            if place.local:
                kept, unproven = 0, False
            else:
                unproven = not place.proven(now)
                count = kept = min(count, free_others if unproven else free)
            if count <= 0:
                if place.running or place.taking:
                    place.more = True  # the end of one that is under way brings it back
                else:
                    self._places.schedule(place, now + OVERTAKEN)
                continue
            place.taking, place.more = True, False
            self._keep(kept, unproven)
            self._begin(self._serve(place, count, kept, unproven))

    def _keep(self, count: int, unproven: bool) -> None:
        self._running += count
        if unproven:
            self._unproven += count

    async def _serve(self, place: Place, count: int, kept: int, unproven: bool) -> None:
        """Lease up to ``count`` messages for a destination and begin to deliver them."""
        found = Leased(down_until=self._clock() + PAUSE, failures=place.failures)
        limits = self._desk.limits()
        begun = 0
        try:
            found = await self._database.run(self._desk.lease, place.name, count, dict(place.senders))
            if found.leases:
                step("queue.leased")
            for _, group in groupby(found.leases, key=lambda lease: lease.message_id):
                begun += 1
                # The room that was kept goes over to the delivery.
                remote = begun <= kept
                self._deliver_soon(place, list(group), unproven if remote else None)
        except DatabaseUnavailable as problem:
            log.warning("queue.unavailable", reason=str(problem))
        finally:
            place.taking = False
            self._keep(min(begun - kept, 0), unproven)
        place.began(begun, limits, self._clock())
        self._plan(place, found)

    def _plan(self, place: Place, found: Leased) -> None:
        """When this destination is served next, by what was found."""
        now = self._clock()
        more, place.more = place.more, False
        if found.paused:
            self._lookout.met_pause()
        elif found.down_until:  # that time may be over by now
            place.failures, place.rest_until = found.failures, found.down_until
            self._places.schedule(place, found.down_until)
            return
        else:
            place.failures = found.failures
            due_now = found.next_due is not None and found.next_due <= now
            if more or (due_now and found.leases):
                self._again(place)
                return
            if due_now and not place.running:
                self._places.schedule(place, now + OVERTAKEN)
                self._awake.set()
                return
            if due_now:
                place.more = True  # its senders have as much under way as they may
                return
            if found.next_due is not None:
                self._places.schedule(place, found.next_due)
                return
        self._places.forget(place)

    def _again(self, place: Place) -> None:
        """There is more for it now: serve it as soon as there is room."""
        if place.room(self._desk.limits()) > 0:
            self._places.schedule(place, self._clock())
            self._awake.set()
        else:
            place.more = True

    # ------------------------------------------------------------------ one message

    def _deliver_soon(self, place: Place, leases: list[Lease], unproven: bool | None) -> None:
        self._places.take(place, leases[0].message.sender)
        self._begin(self._deliver(place, leases, unproven))

    def _handed_over(self, place: Place, leases: list[Lease]) -> None:
        """Deliver what was just accepted; its room is counted already."""
        step("queue.leased")
        self._begin(self._deliver(place, leases, False, found=False))

    def _left(self, place: Place) -> None:
        """Room that was kept is free again: whoever came meanwhile may have it."""
        if place.more and not place.taking:
            place.more = False
            self._again(place)
        elif place.at is None:
            self._places.forget(place)

    async def _deliver(
        self, place: Place, leases: list[Lease], unproven: bool | None, *, found: bool = True
    ) -> None:
        """Deliver rows of one message; then its destination has room for another. ``found`` False: they came here
        without being looked for, so what is known of the queue does not count them."""
        feedback, began, left = Feedback(), self._clock(), False

        def leave() -> None:
            """Its room is free again."""
            nonlocal left
            if left:
                return
            left = True
            place.leave(leases[0].message.sender)
            if unproven is not None:
                self._keep(-1, unproven)

        def answered() -> None:
            """Lease the next one while this one is written down: both share a commit. Not where it was down."""
            if place.failures:
                return
            leave()
            if place.more and not place.taking:
                place.more = False
                self._again(place)

        try:
            feedback = await self._attempt(place, leases, answered)
            await self._heed(place, feedback, began)
        except DatabaseUnavailable as problem:
            # The rows stay leased; when the lease runs out, they are due again.
            log.warning("queue.unavailable", reason=str(problem), trace=leases[0].message.trace)
        finally:
            leave()
        if found or feedback.waits:
            await self._finished(place)
        else:
            self._left(place)

    async def _attempt(self, place: Place, leases: list[Lease], answered: Callable[[], None]) -> Feedback:
        now = self._clock()
        over = [each for each in leases if nothing_more(each, now)]
        if over:
            await self._overdue.settle(ended(over), end=True)
            leases = [each for each in leases if each not in over]
            if not leases:
                return Feedback()
        try:
            return await self._deliverers[place.name.partition(":")[0]].deliver(leases, answered)
        except DatabaseUnavailable:
            raise
        except Exception as failure:
            log.exception("dispatch.broke", destination=place.name, trace=leases[0].message.trace)
            said = Said(0, "4.3.0", f"internal error ({type(failure).__name__})")
            await self._settlement.settle([Result(each, "deferred", said) for each in leases])
            return Feedback()

    async def _heed(self, place: Place, feedback: Feedback, began: float) -> None:
        """Learn from the attempt, and remember for all workers what concerns them."""
        if place.local:
            return
        now, known_down = self._clock(), place.failures > 0
        if place.heed(feedback, began, now, self._desk.limits()):
            reason = str(feedback.said) if feedback.said is not None else "it cannot be reached"
            place.rest_until = now + PAUSE  # others that were under way find out the same meanwhile
            state = await self._database.run(
                partial(
                    destinations.note_down,
                    first=float(self._settings.now[settings_queue.DOWN_FIRST]),
                    most=float(self._settings.now[settings_queue.DOWN_MOST]),
                    retry_after=feedback.retry_after,
                ),
                place.name,
                now,
                reason,
            )
            place.failures, place.rest_until = state.failures, state.down_until
            log.warning("destination.down", destination=place.name, reason=reason, failures=state.failures)
        elif feedback.well and known_down:
            place.failures, place.rest_until = 0, 0.0
            if await self._database.run(destinations.note_well, place.name, now):
                log.info("destination.works", destination=place.name)

    async def _finished(self, place: Place) -> None:
        """A delivery ended: see to it that the destination goes on being served."""
        if place.more and not place.taking:
            place.more = False
            self._again(place)
        elif not (place.running or place.taking or place.ready):
            # What was deferred is due at a time nobody has told us; what is planned may be the end of its lease.
            planned = place.at
            try:
                due = await self._database.read(partial(self._queue.next_due, destination=place.name))
            except DatabaseUnavailable:
                due = self._clock() + PAUSE
            if place.running or place.taking or place.ready or place.at != planned:
                pass  # it was taken up meanwhile
            elif due is None:
                self._places.forget(place)
            else:
                self._places.schedule(place, due)
        self._awake.set()

    # ------------------------------------------------------------------ running

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatch.broke", exc_info=error)
        self._awake.set()

    async def _free(self) -> None:
        try:
            freed = await self._database.run(self._queue.free, self._owner, self._clock())
        except DatabaseUnavailable:
            return  # the leases run out by themselves
        if freed:
            log.info("queue.freed", count=freed)

    async def _sleep(self, seconds: float) -> None:
        if self._stopping:
            return
        if seconds <= 0:
            await asyncio.sleep(0)  # everybody else gets a turn
            return
        try:
            await asyncio.wait_for(self._awake.wait(), seconds)
        except TimeoutError:
            pass

    def _notice(self, topic: str, key: int, version: int) -> None:
        if self._lookout.notice(topic, version):
            self._overdue.look()
        self._awake.set()
