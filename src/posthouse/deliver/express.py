"""The short way out: a message that is just being accepted is leased in the same unit and handed over in memory, where
its destination has room and nothing waits for it.

Where the destination answers quickly, the message is even sent on before the unit (``passing``), which then may have
nothing left to write. Where it has no room just now, such a message may wait a moment for it.

Nothing depends on it. Where the worker dies after the unit, the rows are leased rows like any other: the same worker
frees them when it starts again, others find them when the lease runs out.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from posthouse.deliver.contract import Room
from posthouse.deliver.lease_desk import LeaseDesk
from posthouse.deliver.passing import Passing, not_put
from posthouse.deliver.places import Place, Places
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient

Begin = Callable[[Place, list[Lease]], None]
Send = Callable[[Place, Passing], None]


QUICK = 0.1
"""What part of the time for which a message may wait its destination usually takes at most."""

VAIN_SECONDS = 30.0
"""How long nobody waits for room at a destination where somebody waited in vain: what is in the queue takes long."""

MOST_WAITING = 1000
"""Messages that wait for room at one destination before they are written down."""


@dataclass(slots=True, eq=False)
class _Waiting:
    sender: str
    future: asyncio.Future[Room | None]


class KeptRoom:
    """Room for one message (``contract.Room``): it counts as one that is under way."""

    __slots__ = ("_begin", "_committed", "_give_up", "_loop", "_passing", "_send", "owner", "quick", "until")

    def __init__(
        self,
        owner: str,
        until: float,
        loop: asyncio.AbstractEventLoop,
        begin: Callable[[list[Lease]], None],
        give_up: Callable[[], None],
        send: Callable[[Passing], None],
        quick: bool,
    ) -> None:
        self._passing: Passing | None = None
        self._send = send
        self.quick = quick
        """Whether the destination has been answering so quickly that one can wait for it."""
        self.owner = owner
        self.until = until
        self._loop = loop
        self._begin = begin
        self._give_up = give_up
        self._committed = False

    @property
    def firm(self) -> bool:
        """Whether rows are under way already."""
        return self._passing is not None

    def send(
        self, message: QueuedMessage, recipients: Sequence[QueuedRecipient], expires_at: float
    ) -> Passing:
        """Send the message on before it is written down. Event loop only."""
        self._passing = passing = Passing(not_put(message, recipients, self.until, expires_at))
        self._committed = True
        self._send(passing)
        return passing

    def begin(self, leases: Sequence[Lease]) -> None:
        """The rows are durable: deliver them. From any thread."""
        self._committed = True
        begin = self._begin if self._passing is None else self._passing.adopt
        try:
            self._loop.call_soon_threadsafe(begin, list(leases))
        except RuntimeError:
            pass  # the loop is closed: the next start frees the rows

    def release(self) -> None:
        """The unit is over."""
        if not self._committed:
            self._committed = True
            self._give_up()


class ExpressLine:
    """Keeps room (``contract.Express``). ``free`` says whether this worker may have one more message under way to
    others, ``count`` adds to their number, ``begin`` takes over a message whose room is counted already, ``send`` one
    that passes through, and ``left`` is told of room that is free again. ``patience``: seconds to wait for a
    destination before a message is written down. Closed until ``open``: what a worker held when it died is freed
    first."""

    def __init__(
        self,
        *,
        places: Places,
        desk: LeaseDesk,
        owner: str,
        clock: Callable[[], float],
        free: Callable[[], bool],
        count: Callable[[int], None],
        begin: Begin,
        left: Callable[[Place], None],
        send: Send,
        patience: Callable[[], float],
    ) -> None:
        self._send = send
        self._patience = patience
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._places = places
        self._desk = desk
        self._owner = owner
        self._clock = clock
        self._free = free
        self._count = count
        self._begin = begin
        self._left = left
        self.open = False

    async def room(self, destination: str, sender: str, *, wait: bool = False) -> Room | None:
        """Keep room for a message of ``sender``, where nothing else waits for it. With ``wait``: where it is all taken
        by now, wait for it a little, unless others have done so in vain of late."""
        place = self._places.get(destination)
        if place is None or place.local or not self.open:
            return None
        line = self._waiting.get(destination)
        if not line and (room := self._take(place, sender)) is not None:
            return room
        return await self._wait(place, sender) if wait and self._worth_waiting(place) else None

    def freed(self, place: Place) -> None:
        """There may be room again: who waits for it gets it, first come, first served among senders that may have
        more."""
        for waiting in list(self._waiting.get(place.name, ())):
            if waiting.future.done():
                continue
            if not self._worth_waiting(place):
                waiting.future.set_result(None)
            elif (room := self._take(place, waiting.sender)) is not None:
                waiting.future.set_result(room)
            elif not place.clear(self._clock()) or not place.free(self._desk.limits()):
                return

    def _worth_waiting(self, place: Place) -> bool:
        """Whether it will be their turn soon."""
        patience = self._patience()
        if not (self.open and 0 < place.usual <= patience * QUICK) or place.vain_until > self._clock():
            return False
        return place.works(self._clock(), self._desk.limits())

    async def _wait(self, place: Place, sender: str) -> Room | None:
        line = self._waiting.setdefault(place.name, deque())
        if len(line) >= MOST_WAITING:
            return None
        waiting = _Waiting(sender, asyncio.get_running_loop().create_future())
        line.append(waiting)
        self.freed(place)  # those before may be of a sender with enough under way
        try:
            await asyncio.wait([waiting.future], timeout=self._patience())
        except asyncio.CancelledError:
            if waiting.future.done() and (room := waiting.future.result()) is not None:
                room.release()
            raise
        finally:
            line.remove(waiting)
            if not line:
                self._waiting.pop(place.name, None)
        if not waiting.future.done():
            place.vain_until = self._clock() + VAIN_SECONDS
            waiting.future.set_result(None)
            self.freed(place)  # nobody else need wait
        return waiting.future.result()

    def _take(self, place: Place, sender: str) -> Room | None:
        now, limits = self._clock(), self._desk.limits()
        if not place.at_once(sender, now, limits) or not self._free():
            return None
        self._places.take(place, sender)
        self._count(1)
        return KeptRoom(
            self._owner,
            now + self._desk.seconds(local=False),
            asyncio.get_running_loop(),
            partial(self._begin, place),
            partial(self._give_up, place, sender),
            partial(self._send, place),
            0 < place.usual < self._patience() * QUICK,
        )

    def _give_up(self, place: Place, sender: str) -> None:
        place.leave(sender)
        self._count(-1)
        self._left(place)
        self.freed(place)
