"""Risky changes revert unless confirmed: worker 0 takes back what was not confirmed in time, also what came due
while the server was stopped."""

from __future__ import annotations

import asyncio
import time

from posthouse.database.contract import DatabaseUnavailable
from posthouse.manage.context import Context
from posthouse.manage.probation import begin_waiting, next_deadline, take_back_due
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.settings import manage as settings_manage

log = logger("server.probation")

LONGEST_WAIT = 2.0
"""Seconds between looks at the earliest deadline: a new change may be due before those known."""
SHORTEST_WAIT = 0.05


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    if not built.first:
        return
    seconds = built.settings.now[settings_manage.PROBATION_TIME]
    await built.database.run(begin_waiting, time.time() + max(seconds, 1.0))
    built.jobs.start(_watch(built.context, built.opened), "probation")


async def _watch(context: Context, opened: asyncio.Event) -> None:
    await opened.wait()  # listeners that are taken back must be open first
    while True:
        try:
            await take_back_due(context)
            due = await context.database.read(next_deadline)
        except DatabaseUnavailable as problem:
            log.warning("probation.unreadable", reason=str(problem))
            due = None
        wait = LONGEST_WAIT if due is None else due - time.time()
        await asyncio.sleep(max(SHORTEST_WAIT, min(wait, LONGEST_WAIT)) if wait > 0 else LONGEST_WAIT)
