"""Long work that a page starts: it goes on in the background, and pages look at how far it is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from starlette.responses import Response, StreamingResponse

from posthouse.manage.check_runs import CheckRun
from posthouse.settings.contract import Settings
from posthouse.web.visit import Trouble, Visit, trouble_of

PATIENCE = 1.5
"""Seconds in which work that is declined at once usually says so: then the form can show why."""

QUIET = 20.0
"""Seconds after which a stream says that it is still there."""


SETTLED = 3.0
"""Seconds in which a changed setting is known to the worker that serves the pages."""

SETTLED_LOOK = 0.03


async def settled(visit: Visit, known: Callable[[Settings], bool]) -> None:
    """Wait until a setting that was just changed is read as it is now, so that the next page shows it."""
    for _ in range(round(SETTLED / SETTLED_LOOK)):
        if known(visit.site.context.settings.now):
            return
        await asyncio.sleep(SETTLED_LOOK)


def work_of(visit: Visit, name: str) -> CheckRun | None:
    """The newest work of this name."""
    return visit.site.context.check_runs.find(name)


def under_way(visit: Visit, name: str) -> bool:
    """Whether work of this name goes on now."""
    found = work_of(visit, name)
    return found is not None and not found.done


async def begin(
    visit: Visit, name: str, use: str, parameters: Mapping[str, Any], *, field: str = "", about: str = ""
) -> CheckRun | None:
    """Start a use. None when it was declined before it began, or when such work goes on already: ``trouble`` says
    why, as after ``visit.attempt``."""
    if under_way(visit, name):
        visit.trouble = Trouble(
            visit.t("Such work is under way already."), visit.t("Wait until it has ended."), status=409
        )
        return None
    context = visit.site.context
    run = context.check_runs.start(name, context, visit.actor, use, parameters, about)
    await run.news(PATIENCE)
    if run.error is not None and not run.steps:
        visit.trouble = trouble_of(run.error, field, visit.form)
        return None
    return run


def stream(run: CheckRun | None) -> Response:
    """Server-sent events: one whenever the work has come further, ``end`` when it has ended. The page then fetches
    itself."""
    return StreamingResponse(
        _events(run), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
    )


async def _events(run: CheckRun | None) -> AsyncIterator[str]:
    while run is not None and not run.done:
        yield f"event: step\ndata: {len(run.steps)}\n\n"
        await run.news(QUIET)
    yield "event: end\ndata: 0\n\n"
