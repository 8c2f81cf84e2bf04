"""Periodic jobs that run in one process at a time, whoever holds the job's lease in the database."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable
from hashlib import sha256

from posthouse.cluster import records
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.observe.log import logger

log = logger("cluster.leases")

LEASE_FACTOR = 3.0
"""A lease lasts this many periods: a worker that died is replaced after that."""

FIRST_SECONDS = 60.0


def take(tx: Transaction, name: str, holder: str, now: float, seconds: float) -> bool:
    """Take or extend a lease. False while another holds it."""
    tx.insert_ignore(records.leases, {"name": name, "holder": holder, "until": now + seconds})
    taken = tx.change(
        records.TAKE,
        {"of_name": name, "by": holder, "now": now, "by_holder": holder, "to": now + seconds},
    )
    return taken == 1


def give_back(tx: Transaction, name: str, holder: str) -> None:
    """End a lease early, if it is still ours."""
    tx.change(records.GIVE_BACK, {"of_name": name, "by": holder})


class PeriodicJob:
    """Runs ``work`` every ``period()`` seconds while this process holds the lease ``name``.

    ``holder`` names this worker among all of the database. One that stays the same over restarts takes the
    lease of the worker that died at once; without it the lease must run out first. An error of the work is
    logged, and it is tried again at the next period.
    """

    def __init__(
        self,
        database: Database,
        name: str,
        period: Callable[[], float],
        work: Callable[[], Awaitable[object]],
        *,
        holder: str = "",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._name = name
        self._period = period
        self._work = work
        self._clock = clock
        self._holder = sha256(holder.encode()).hexdigest() if holder else secrets.token_hex(16)

    async def run(self) -> None:
        """Work until cancelled, then give the lease back. The first time is soon after the start, not at
        it."""
        first = True
        try:
            while True:
                await asyncio.sleep(min(FIRST_SECONDS, self._period()) if first else self._period())
                first = False
                await self._once()
        finally:
            try:
                await asyncio.shield(self._database.run(give_back, self._name, self._holder))
            except (DatabaseUnavailable, asyncio.CancelledError):
                pass

    async def _once(self) -> None:
        seconds = max(30.0, self._period() * LEASE_FACTOR)
        try:
            if await self._database.run(take, self._name, self._holder, self._clock(), seconds):
                await self._work()
        except DatabaseUnavailable as problem:
            log.warning("job.postponed", job=self._name, reason=str(problem))
        except Exception:
            log.exception("job.failed", job=self._name)
