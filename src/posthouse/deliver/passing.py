"""Mail that passes through: it is on its way to the next host while the one who brings it waits for our answer.

Where a destination answers quickly, a message is sent on first. If the next host takes it in time, it is safe there,
and our 250 says so: nothing is owed, nothing is written to the queue. If it does not (it is slow, it refuses, it takes
only some of the recipients), the message is accepted as any other, its rows belong to the attempt that is under way,
and what comes of it is settled as ever.

A crash before our reply leaves nothing here: whoever brings the message does so again, and the next host may get it
twice. That is the same gap, between its 250 and what we do then, that a message from the queue has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from posthouse.deliver.results import Result
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient

_NEW = ("message_id", "lease_token", "lease_until", "expires_at", "id")
"""What a lease learns when its row is put; the id last: by it others tell that the row is there."""

_numbers = count(1)


def not_put(
    message: QueuedMessage, recipients: Sequence[QueuedRecipient], until: float, expires_at: float
) -> tuple[Lease, ...]:
    """Leases of rows that are not there (yet): their ids are below zero."""
    return tuple(
        Lease(
            id=-next(_numbers),
            message_id=0,
            message=message,
            recipient=replace(recipient, due_at=until),
            attempts=1,
            lease_token="",
            lease_until=until,
            expires_at=expires_at,
        )
        for recipient in recipients
    )


class Passing:
    """One message on its way through, for one destination. Event loop only."""

    __slots__ = ("_cancel", "_kept", "_left", "_outcome", "ended", "leases", "taken")

    def __init__(self, leases: Sequence[Lease]) -> None:
        loop = asyncio.get_running_loop()
        self.leases = tuple(leases)
        self._outcome: asyncio.Future[list[Result] | None] = loop.create_future()
        self._kept: asyncio.Future[bool] = loop.create_future()
        self._cancel: Callable[[], object] = lambda: None
        self._left: Callable[[], object] = lambda: None
        self.ended = False
        """Whether the attempt is over."""
        self.taken: list[Result] | None = None
        """What the next host said, where it took the message for all, though perhaps too late."""

    def begun(self, cancel: Callable[[], object], left: Callable[[], object]) -> None:
        """The attempt is under way; ``cancel`` ends it. ``left`` is told once rows were put and the attempt is over:
        those it did not settle are nobody's."""
        self._cancel, self._left = cancel, left

    @property
    def given_up(self) -> bool:
        """Whether it was not accepted."""
        return self._kept.done() and not self._kept.result()

    # ------------------------------------------------------------------ for acceptance

    async def results(self, seconds: float) -> list[Result] | None:
        """What the next host said, where it has the message for all recipients in this time. None: it is to be written
        down now; :meth:`adopt` or :meth:`give_up` must follow."""
        try:
            await asyncio.wait([self._outcome], timeout=seconds)
        except asyncio.CancelledError:
            if not self._outcome.done():
                self._outcome.set_result(None)
                self.give_up()
            raise
        if not self._outcome.done():
            self._outcome.set_result(None)
        return self._outcome.result()

    def adopt(self, leases: Sequence[Lease]) -> None:
        """The rows are durable, leased for this attempt: whoever holds a lease of ours holds theirs from now on."""
        for ours, theirs in zip(self.leases, leases, strict=True):
            for name in _NEW:
                object.__setattr__(ours, name, getattr(theirs, name))
        if not self._kept.done():
            self._kept.set_result(True)
        if self.ended:
            self._left()

    def give_up(self) -> None:
        """It was not accepted: the attempt ends, if it still can."""
        if not self._kept.done():
            self._kept.set_result(False)
            self._cancel()

    # ------------------------------------------------------------------ for the attempt

    async def settled(self, results: Sequence[Result], *, taken: bool) -> bool:
        """What came of it, ``taken`` by the next host without anything left to do or not. Whether it is to be written
        down: then the rows are there."""
        if taken and len(results) == len(self.leases):
            self.taken = list(results)
            if not self._outcome.done():
                self._outcome.set_result(self.taken)
                return False
        if not self._outcome.done():
            self._outcome.set_result(None)
        return await asyncio.shield(self._kept)

    def end(self) -> None:
        """The attempt is over."""
        self.ended = True
        if not self._outcome.done():
            self._outcome.set_result(None)
        if self._kept.done() and self._kept.result():
            self._left()


class PassingRegister:
    """Which leases are of rows that are not there."""

    def __init__(self) -> None:
        self._known: dict[int, Passing] = {}

    def add(self, passing: Passing) -> None:
        """It begins."""
        for lease in passing.leases:
            self._known[lease.id] = passing

    def remove(self, passing: Passing, ids: Sequence[int]) -> None:
        """It is over; ``ids`` are those it began with."""
        for each in ids:
            self._known.pop(each, None)

    def of(self, lease: Lease) -> Passing | None:
        """The message that passes through by this lease; None for a row of the queue."""
        return self._known.get(lease.id) if lease.id < 0 else None
