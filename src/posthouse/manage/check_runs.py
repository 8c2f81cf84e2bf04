"""Runs of checks and other long work that a page started and looks at again and again until they have ended."""

from __future__ import annotations

import asyncio
import contextlib
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
    from posthouse.manage.use import Progress

log = logger("manage.check_runs")

_MOST = 16
"""Runs remembered; the oldest is forgotten first."""

_MOST_STEPS = 200
"""Steps remembered of one run; the oldest are forgotten first."""


@dataclass(slots=True)
class CheckRun:
    """What is known so far. ``trouble`` is why it could not be run to its end, ``error`` the same as the use said it.
    ``began`` in seconds since 1970. ``steps``: what it did, and does; ``result``: what the use gave in the end.
    ``about``: what the caller wants to remember of it; ``kept``: the same for what is secret, see ``keep``."""

    began: float
    findings: list[Finding] = field(default_factory=list)
    done: bool = False
    trouble: str = ""
    steps: list[Progress] = field(default_factory=list)
    result: Any = None
    error: ManageError | None = None
    about: str = ""
    kept: Any = field(default=None, repr=False)
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    def heard(self, value: Any) -> None:
        """Take in what the use emits."""
        from posthouse.manage.use import Progress

        if not isinstance(value, Progress):
            self.findings.append(value)
        elif self.steps and self.steps[-1].text == value.text:
            self.steps[-1] = value
        else:
            self.steps.append(value)
            del self.steps[:-_MOST_STEPS]
        self._tell()

    def ended(self) -> None:
        """It goes no further."""
        self.done = True
        self._tell()

    def keep(self, value: Any, seconds: float) -> None:
        """Remember ``value`` as ``kept``, and forget it after this time."""
        self.kept = value
        asyncio.get_running_loop().call_later(seconds, self.forget)

    def forget(self) -> None:
        """Let go of what is secret."""
        self.kept = None

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Wait until there is something new, at most so long."""
        if not self.done:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), seconds)


class CheckRuns:
    """By a name of the caller's choice; one run of a name at a time."""

    def __init__(self) -> None:
        self._runs: OrderedDict[str, CheckRun] = OrderedDict()
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def find(self, name: str) -> CheckRun | None:
        """The newest run of this name."""
        return self._runs.get(name)

    def start(
        self,
        name: str,
        context: Context,
        actor: Actor,
        use: str,
        parameters: Mapping[str, Any],
        about: str = "",
    ) -> CheckRun:
        """Run a use that emits findings or its progress. One of this name that is under way is ended first."""
        if (running := self._tasks.pop(name, None)) is not None:
            running.cancel()
        run = self._runs[name] = CheckRun(time.time(), about=about)
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
        run.heard(value)

    try:
        run.result = await perform(context, actor, use, dict(parameters), emit)
    except ManageError as error:
        run.trouble = f"{error.what} {error.mend}"
        # A new one: the raised one holds on to the call, with whatever secret was given to it.
        run.error = ManageError(error.kind, error.what, error.mend, error.problems)
    except ConnectionError:
        run.trouble = "The connection ended."
    finally:
        run.ended()
