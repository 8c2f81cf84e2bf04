"""Keeps an attempt's rows leased for as long as it lasts, and ends an attempt that lasts too long.

Until the message is on its way an attempt has the time of one lease. From the final dot on it has as long as
``remote.end_time`` says: to break off then means that the message arrives twice. Meanwhile the lease is renewed again
and again, so that no other worker takes the rows. Where it cannot be renewed (the database is away) or is lost (the
machine slept), nothing is sent any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.queue.contract import Lease, Queue

log = logger("deliver.remote")

RESERVE = 10.0
"""Seconds before the end of a lease at which nothing more is begun under it."""

SHORTEST = 1.0
"""Seconds an attempt has at least, however short the lease."""

AGAIN = 1.0
"""Seconds between tries to renew while the database is away."""


class LeaseKeeper:
    """A context for one attempt: ``async with`` it from the first question to the last row written down.

    ``deadline`` is the timeout of the dialogue; it is lifted while an answer to the final dot is waited for. The leases
    were taken just now: what is left of them is how long they are renewed for."""

    def __init__(
        self,
        leases: Sequence[Lease],
        *,
        database: Database,
        queue: Queue,
        clock: Callable[[], float],
    ) -> None:
        self._leases = list(leases)
        self._database = database
        self._queue = queue
        self._clock = clock
        self._until = min(lease.lease_until for lease in leases)
        self._seconds = max(self._until - clock(), 3 * SHORTEST)
        self._reserve = min(RESERVE, self._seconds / 3)
        self._lost = False
        self._waiting = False
        loop = asyncio.get_running_loop()
        self._ends_at = loop.time() + max(self._until - clock() - self._reserve, SHORTEST)
        self.deadline = asyncio.timeout_at(self._ends_at)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        # Most attempts are over long before: there is no task for them.
        self._timer = asyncio.get_running_loop().call_later(self._pause(), self._begin)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    # ------------------------------------------------------------------ for the session (``Hold``)

    def holds(self) -> bool:
        """Whether the rows are certainly ours, so that the message may be sent."""
        return not self._lost and self._clock() + self._reserve < self._until

    def sent(self) -> None:
        """The final dot is out: the answer is waited for as long as the session does."""
        self._waiting = True
        self._move(None)

    def answered(self) -> None:
        """The answer is there, or will never be."""
        self._waiting = False
        self._move(self._ends_at)

    # ------------------------------------------------------------------ renewing

    def _begin(self) -> None:
        self._task = asyncio.create_task(self._renew())

    def _pause(self) -> float:
        """Seconds until a third of the time has gone."""
        return max(self._until - self._clock() - self._seconds * 2 / 3, 0.0)

    async def _renew(self) -> None:
        """Renew whenever a third of the time has gone, so that most attempts never need it."""
        while not self._lost:
            await asyncio.sleep(self._pause())
            if self._leases[0].id < 0:  # its row is not put yet (``passing``): there is nothing to renew
                await asyncio.sleep(AGAIN)
                continue
            until = self._clock() + self._seconds
            try:
                self._lost = not await self._database.run(self._queue.renew, self._leases, until)
            except DatabaseUnavailable as problem:
                log.warning("lease.not_renewed", reason=str(problem))
                if not self.holds() and not self._waiting:
                    self._move(asyncio.get_running_loop().time())
                await asyncio.sleep(AGAIN)
                continue
            if self._lost:
                log.warning("lease.lost", trace=self._leases[0].message.trace)
                if not self._waiting:
                    self._move(asyncio.get_running_loop().time())
            else:
                self._until = until

    def _move(self, when: float | None) -> None:
        """Move the end of the dialogue, while it goes on."""
        try:
            self.deadline.reschedule(when)
        except RuntimeError:
            pass  # it is over already, or about to be
