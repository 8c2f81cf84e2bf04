"""The queue's scheduler: decides which destination is served next, leases its rows and hands them to who delivers them.

Rows of one message and one destination go together. Destinations take turns, and within one the senders do
(``queue.leasing``); how many messages are under way to each follows what it answers (``places``). Where something is
due is known without reading through the queue (``lookout``). What was leased is delivered by ``under_way``, and what
waits too long is ended by ``overdue``.

There is no polling storm: while nothing is due, one row is read every few seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from itertools import groupby
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.contract import Deliverer, Settlement
from posthouse.deliver.express import ExpressLine
from posthouse.deliver.lease_desk import Leased, LeaseDesk
from posthouse.deliver.lookout import Lookout
from posthouse.deliver.overdue import Overdue
from posthouse.deliver.passing import PassingRegister
from posthouse.deliver.places import Place, Places
from posthouse.deliver.under_way import PAUSE, UnderWay
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue import destinations
from posthouse.queue.contract import Queue
from posthouse.queue.service import TOPIC
from posthouse.settings import queue as settings_queue
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.dispatch")

MESSAGES = 20
"""Messages leased by one unit."""

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
        register: PassingRegister | None = None,
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
        self._register = register if register is not None else PassingRegister()
        self._under_way = UnderWay(
            register=self._register,
            database=database,
            queue=queue,
            deliverers=self._deliverers,
            settlement=settlement,
            settings=settings,
            places=self._places,
            desk=self._desk,
            overdue=self._overdue,
            clock=clock,
        )
        self._stopping = False
        self.express = ExpressLine(
            places=self._places,
            desk=self._desk,
            owner=self._owner,
            clock=clock,
            free=lambda: self._under_way.running < self._desk.limits().at_once,
            count=partial(self._under_way.keep, unproven=False),
            begin=self._under_way.handed_over,
            left=self._under_way.left,
            send=self._under_way.passing,
            patience=lambda: float(settings.now[settings_queue.PASS_THROUGH]),
        )
        self._under_way.freed = self.express.freed
        """Where mail that is just being accepted may go at once."""

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
                self._under_way.awake.clear()
                try:
                    wait = await self._round()
                except DatabaseUnavailable as problem:
                    log.warning("queue.unavailable", reason=str(problem))
                    wait = PAUSE
                await self._sleep(wait)
            if self._under_way.tasks:
                await asyncio.wait(self._under_way.tasks, timeout=STOP_SECONDS)
        finally:
            self.express.open = False
            for end in unsubscribe:
                end()
            tasks = [*self._under_way.tasks, *([overdue] if overdue is not None else [])]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def stop(self) -> None:
        """Lease nothing more, finish what is leased, then end ``run``."""
        self._stopping = True
        self.express.open = False
        self._under_way.awake.set()

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
            free = limits.at_once - self._under_way.running
            free_others = min(limits.at_once // 2 - self._under_way.unproven, free)
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
            place.taking, place.more, place.ended = True, False, False
            self._under_way.keep(kept, unproven)
            self._under_way.begin(self._serve(place, count, kept, unproven))

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
                self._under_way.deliver_soon(place, list(group), unproven if remote else None)
        except DatabaseUnavailable as problem:
            log.warning("queue.unavailable", reason=str(problem))
        finally:
            place.taking = False
            self._under_way.keep(min(begun - kept, 0), unproven)
        place.began(begun, limits, self._clock())
        self._plan(place, found)
        self.express.freed(place)

    def _plan(self, place: Place, found: Leased) -> None:
        """When this destination is served next, by what was found."""
        now = self._clock()
        more, ended = place.more, place.ended
        place.more = place.ended = False
        if found.paused:
            self._lookout.met_pause(place.name)
            if more:  # it may have been resumed since that lease
                self._under_way.again(place)
                return
        elif found.down_until:  # that time may be over by now
            place.failures = found.failures
            if not more:  # else it may have been woken since that lease
                place.rest_until = found.down_until
            self._places.schedule(place, now if more else found.down_until)
            return
        else:
            place.failures = found.failures
            due_now = found.next_due is not None and found.next_due <= now
            # A delivery that ended meanwhile made room that this lease did not have, and left what it did not see.
            late = ended and (due_now or not place.running)
            if more or late or (due_now and found.leases):
                self._under_way.again(place)
                return
            place.ended = ended
            if due_now and not place.running:
                self._places.schedule(place, now + OVERTAKEN)
                self._under_way.awake.set()
                return
            if due_now:
                place.more = True  # its senders have as much under way as they may
                return
            if found.next_due is not None:
                self._places.schedule(place, found.next_due)
                return
        self._places.forget(place)

    # ------------------------------------------------------------------ running

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
            await asyncio.wait_for(self._under_way.awake.wait(), seconds)
        except TimeoutError:
            pass

    def _notice(self, topic: str, key: int, version: int) -> None:
        if self._lookout.notice(topic, key, version):
            self._overdue.look()
        self._under_way.awake.set()
