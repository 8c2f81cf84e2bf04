"""Deliveries that are under way: of the rows of one message to one destination, from when they are leased until their
destination goes on being served. Who is next is the scheduler's business (``dispatch``)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from typing import Any

from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Deliverer, Settlement
from posthouse.deliver.lease_desk import LeaseDesk
from posthouse.deliver.overdue import Overdue, ended, nothing_more
from posthouse.deliver.passing import Passing, PassingRegister
from posthouse.deliver.places import Place, Places
from posthouse.deliver.results import Feedback, Result, Said
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.queue import destinations
from posthouse.queue.contract import Lease, Queue
from posthouse.settings import queue as settings_queue
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.dispatch")

PAUSE = 5.0
"""Seconds to wait when the database cannot be reached."""


class UnderWay:
    """The deliveries of this process. ``deliverers`` by class of destinations; ``overdue`` ends what waited too long,
    ``desk`` knows the limits of now."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        deliverers: Mapping[str, Deliverer],
        settlement: Settlement,
        settings: CurrentSettings,
        places: Places,
        desk: LeaseDesk,
        overdue: Overdue,
        clock: Callable[[], float],
        register: PassingRegister,
    ) -> None:
        self._database = database
        self._queue = queue
        self._deliverers = deliverers
        self._settlement = settlement
        self._settings = settings
        self._places = places
        self._desk = desk
        self._overdue = overdue
        self._clock = clock
        self.register = register
        self.freed: Callable[[Place], None] = lambda place: None
        """Told where there is room again."""
        self.awake = asyncio.Event()
        """Set when there may be something to lease."""
        self.tasks: set[asyncio.Task[None]] = set()
        self.running = 0
        """Messages under way to other servers, and room kept for those that are being leased."""
        self.unproven = 0
        """Those among them that go to destinations that took none recently."""

    def keep(self, count: int, unproven: bool) -> None:
        """Count room for so many messages to others; fewer than none frees it."""
        self.running += count
        if unproven:
            self.unproven += count

    def begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run it as a task of its own."""
        task = asyncio.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("dispatch.broke", exc_info=error)
        self.awake.set()

    def again(self, place: Place) -> None:
        """There is more for it now: serve it as soon as there is room."""
        if place.room(self._desk.limits()) > 0:
            self._places.schedule(place, self._clock())
            self.awake.set()
        else:
            place.more = True

    def deliver_soon(self, place: Place, leases: list[Lease], unproven: bool | None) -> None:
        """Deliver what was leased. ``unproven``: how its room is counted, None where it takes none."""
        self._places.take(place, leases[0].message.sender)
        self.begin(self._deliver(place, leases, unproven))

    def handed_over(self, place: Place, leases: list[Lease]) -> None:
        """Deliver what was just accepted; its room is counted already."""
        step("queue.leased")
        self.begin(self._deliver(place, leases, False, found=False))

    def passing(self, place: Place, passing: Passing) -> None:
        """Deliver what is not written down yet; its room is counted already."""
        ids = [lease.id for lease in passing.leases]
        self.register.add(passing)
        task = self.begin(self._deliver(place, list(passing.leases), False, found=False))

        def over(task: asyncio.Task[None]) -> None:
            self.register.remove(passing, ids)
            if not task.cancelled():
                passing.end()
            elif passing.given_up:
                self.left(place)

        task.add_done_callback(over)
        passing.begun(task.cancel, lambda: self.begin(self._give_back(passing.leases)))

    async def _give_back(self, leases: Sequence[Lease]) -> None:
        """Rows that were put for an attempt that is over: what it did not settle is due now."""

        def op(tx: Transaction) -> None:
            for lease in leases:
                self._queue.retry(tx, lease, self._clock(), lease.recipient.reason, tried=False)

        try:
            await self._database.run(op)
        except DatabaseUnavailable as problem:
            log.warning("queue.unavailable", reason=str(problem), trace=leases[0].message.trace)

    def left(self, place: Place) -> None:
        """Room that was kept is free again: whoever came meanwhile may have it."""
        if place.taking:
            place.ended = True  # the lease that is under way did not know of it
        elif place.more:
            place.more = False
            self.again(place)
        elif place.ended and not (place.running or place.ready):
            self.begin(self._ask(place))
        elif place.at is None and not place.ended:
            self._places.forget(place)
        if self._places.crowded:
            self.awake.set()  # others have waited for the room

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
                self.keep(-1, unproven)
            self.freed(place)

        def answered() -> None:
            """Lease the next one while this one is written down: both share a commit. Not where it was down."""
            if place.failures:
                return
            place.took(self._clock() - began)
            leave()
            if place.taking:
                place.ended = True
            elif place.more:
                place.more = False
                self.again(place)
            if self._places.crowded:
                self.awake.set()

        try:
            feedback = await self._attempt(place, leases, answered)
            await self._heed(place, feedback, began)
        except DatabaseUnavailable as problem:
            # The rows stay leased; when the lease runs out, they are due again.
            log.warning("queue.unavailable", reason=str(problem), trace=leases[0].message.trace)
        except Exception:
            # As above; those behind it must not wait for that.
            log.exception("dispatch.broke", destination=place.name, trace=leases[0].message.trace)
        finally:
            leave()
        if found or feedback.waits:
            await self._finished(place)
        else:
            self.left(place)

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
        proven = place.proven(now)
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
        if not proven and place.proven(now):
            self._places.promote(place)

    async def _finished(self, place: Place) -> None:
        """A delivery ended: see to it that the destination goes on being served."""
        place.ended = True
        if place.taking:
            pass  # whoever plans after that lease sees it
        elif place.more:
            place.more = False
            self.again(place)
        elif not (place.running or place.ready):
            await self._ask(place)
        self.awake.set()

    async def _ask(self, place: Place) -> None:
        """Nothing is under way there any more: what was deferred is due at a time nobody has told us, and what is
        planned may be the end of its lease."""
        place.ended = False
        planned, told = place.at, place.told
        try:
            due = await self._database.read(partial(self._queue.next_due, destination=place.name))
        except DatabaseUnavailable:
            due = self._clock() + PAUSE
        if place.taking or place.ready:
            pass  # it was taken up meanwhile
        elif place.running:
            place.ended = True  # who ends last asks again
        elif place.at != planned or place.told != told:
            # Something new was seen meanwhile, which the answer may not count.
            if due is not None and (place.at is None or due < place.at):
                self._places.schedule(place, due)
        elif due is None:
            self._places.forget(place)
        else:
            self._places.schedule(place, due)
