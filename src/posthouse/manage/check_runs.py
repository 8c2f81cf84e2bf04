"""Runs of checks that a page started and looks at again and again until they have ended."""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from posthouse.manage.errors import ManageError
from posthouse.observe.log import logger

if TYPE_CHECKING:
    from posthouse.manage.context import Actor, Context
    from posthouse.manage.diagnostics import Finding

log = logger("manage.check_runs")

_MOST = 16
"""Runs remembered; the oldest is forgotten first."""


@dataclass(slots=True)
class CheckRun:
    """What is known so far. ``trouble`` is why it could not be run to its end. ``began`` in seconds since 1970."""

    began: float
    findings: list[Finding] = field(default_factory=list)
    done: bool = False
    trouble: str = ""


class CheckRuns:
    """By a name of the caller's choice; one run of a name at a time."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, CheckRun] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def find(self, name: str) -> CheckRun | None:
        """The newest run of this name."""
        return self._runs.get(name)

    def start(
        self, name: str, context: Context, actor: Actor, use: str, parameters: Mapping[str, Any]
    ) -> CheckRun:
        """Run a use that emits findings. One of this name that is under way is ended first."""
        if (running := self._tasks.pop(name, None)) is not None:
            running.cancel()
        run = self._runs[name] = CheckRun(time.time())
        self._runs.move_to_end(name)
        while len(self._runs) > _MOST:
            oldest, _ = self._runs.popitem(last=False)
            if (task := self._tasks.pop(oldest, None)) is not None:
                task.cancel()
        self._tasks[name] = asyncio.create_task(_run(run, context, actor, use, parameters))
        return run

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)


async def _run(
    run: CheckRun, context: Context, actor: Actor, use: str, parameters: Mapping[str, Any]
) -> None:
    from posthouse.manage.use import perform

    async def emit(value: Any) -> None:
        run.findings.append(value)

    try:
        await perform(context, actor, use, dict(parameters), emit)
    except ManageError as error:
        run.trouble = f"{error.what} {error.mend}"
    except ConnectionError:
        run.trouble = "The connection ended."
    finally:
        run.done = True
