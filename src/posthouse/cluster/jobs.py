"""Tasks that run as long as a worker does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any

from posthouse.cluster.stop import Stop
from posthouse.observe.log import logger

log = logger("cluster.jobs")

END_SECONDS = 10.0
"""How long a job may take to end by itself before it is cancelled."""


class Jobs:
    """An async context manager; leaving it ends every job. A job that breaks is logged and stops the worker
    (whoever started it starts it anew): a server without one of its jobs is not a server."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._tasks: dict[asyncio.Task[None], Callable[[], None] | None] = {}

    def start(
        self, job: Coroutine[Any, Any, None], name: str, *, end: Callable[[], None] | None = None
    ) -> None:
        """Start a job. ``end`` asks it to end by itself; without it the job is cancelled."""
        task = asyncio.create_task(job, name=name)
        self._tasks[task] = end
        task.add_done_callback(self._done)

    async def __aenter__(self) -> Jobs:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = dict(self._tasks)
        for task, end in tasks.items():
            if end is None:
                task.cancel()
            else:
                end()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=END_SECONDS)
            for task in late:
                log.warning("job.cancelled", job=task.get_name())
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None:
            log.error("job.broke", job=task.get_name(), exc_info=error)
            self._stop.failed = True
            self._stop.wanted.set()
