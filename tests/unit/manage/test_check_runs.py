"""Long work in the background: what is remembered of it, and what is not."""

from __future__ import annotations

import asyncio
import time

from posthouse.manage.check_runs import CheckRun
from posthouse.manage.use import Progress


def test_steps_are_told_once_and_bounded() -> None:
    run = CheckRun(time.time())
    for done in range(1000):
        run.heard(Progress(text="Reading", done=done, total=1000))
    assert [(step.text, step.done) for step in run.steps] == [("Reading", 999)]
    for number in range(1000):
        run.heard(Progress(text=f"Step {number}"))
    assert len(run.steps) == 200
    assert run.steps[-1].text == "Step 999"
    assert run.findings == []


async def test_news_wake_whoever_waits() -> None:
    run = CheckRun(time.time())
    waits = asyncio.create_task(run.news(60))
    await asyncio.sleep(0)
    run.heard(Progress(text="On"))
    await asyncio.wait_for(waits, 5)
    run.ended()
    await asyncio.wait_for(run.news(60), 5)


async def test_a_secret_is_shown_nowhere_and_forgotten() -> None:
    run = CheckRun(time.time())
    run.keep("PHKEY1-secret", 0.01)
    assert "PHKEY1" not in repr(run)
    assert run.kept == "PHKEY1-secret"
    await asyncio.sleep(0.05)
    assert run.kept is None
