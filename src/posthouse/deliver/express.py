"""The short way out: a message that is just being accepted is leased in the same unit and handed over in memory, where
its destination has room and nothing waits for it.

Nothing depends on it. Where the worker dies after the unit, the rows are leased rows like any other: the same worker
frees them when it starts again, others find them when the lease runs out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial

from posthouse.deliver.contract import Room
from posthouse.deliver.lease_desk import LeaseDesk
from posthouse.deliver.places import Place, Places
from posthouse.queue.contract import Lease

Begin = Callable[[Place, list[Lease]], None]


class KeptRoom:
    """Room for one message (``contract.Room``): it counts as one that is under way."""

    __slots__ = ("_begin", "_committed", "_give_up", "_loop", "owner", "until")

    def __init__(
        self,
        owner: str,
        until: float,
        loop: asyncio.AbstractEventLoop,
        begin: Callable[[list[Lease]], None],
        give_up: Callable[[], None],
    ) -> None:
        self.owner = owner
        self.until = until
        self._loop = loop
        self._begin = begin
        self._give_up = give_up
        self._committed = False

    def begin(self, leases: Sequence[Lease]) -> None:
        """The rows are durable: deliver them. From any thread."""
        self._committed = True
        try:
            self._loop.call_soon_threadsafe(self._begin, list(leases))
        except RuntimeError:
            pass  # the loop is closed: the next start frees the rows

    def release(self) -> None:
        """The unit is over."""
        if not self._committed:
            self._committed = True
            self._give_up()


class ExpressLine:
    """Keeps room (``contract.Express``). ``free`` says whether this worker may have one more message under way to
    others, ``count`` adds to their number, ``begin`` takes over a message whose room is counted already and ``left`` is
    told of room that is free again. Closed until ``open``: what a worker held when it died is freed first."""

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
    ) -> None:
        self._places = places
        self._desk = desk
        self._owner = owner
        self._clock = clock
        self._free = free
        self._count = count
        self._begin = begin
        self._left = left
        self.open = False

    def room(self, destination: str, sender: str) -> Room | None:
        """Keep room for a message of ``sender``, where nothing else waits for it."""
        place = self._places.get(destination)
        if place is None or place.local or not self.open:
            return None
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
        )

    def _give_up(self, place: Place, sender: str) -> None:
        place.leave(sender)
        self._count(-1)
        self._left(place)
