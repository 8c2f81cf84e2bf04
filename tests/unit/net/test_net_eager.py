"""Coroutines run at once up to their first wait, and behave as tasks from there."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from typing import Any

import pytest

from posthouse.net import eager

STARTS: list[Any] = [eager.start_by_hand]
if sys.version_info >= (3, 12):
    STARTS.append(eager.start_eagerly)

start_with = pytest.mark.parametrize("start", STARTS, ids=lambda f: f.__name__)
Start = Callable[..., Any]


@start_with
async def test_ends_at_once(start: Start) -> None:
    """A coroutine that never waits is over when start returns, without a task."""
    seen: list[int] = []

    async def handler() -> None:
        seen.append(1)

    assert start(handler(), asyncio.get_running_loop()) is None
    assert seen == [1]


@start_with
async def test_raises_at_once(start: Start) -> None:
    """What it raises before its first wait comes out of start."""

    async def handler() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        start(handler(), asyncio.get_running_loop())


@start_with
async def test_carries_on_after_a_future(start: Start) -> None:
    """The first stretch runs at once; the rest when the awaited future is done, with its result."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    seen: list[int] = []

    async def handler() -> int:
        seen.append(0)
        seen.append(await future)
        return 7

    task = start(handler(), loop)
    assert seen == [0]
    future.set_result(5)
    assert await task == 7
    assert seen == [0, 5]


@start_with
async def test_future_already_done_when_the_task_looks(start: Start) -> None:
    """A future that is done before the task's first step is not waited for in vain."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()

    async def handler() -> int:
        return await future

    task = start(handler(), loop)
    future.set_result(3)
    assert await asyncio.wait_for(task, 1) == 3


@start_with
@pytest.mark.parametrize("error", [ValueError("no"), StopAsyncIteration()])
async def test_error_of_the_future(start: Start, error: Exception) -> None:
    """An exception of the awaited future is raised at the await, and can be handled there."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()

    async def handler() -> str:
        try:
            await future
        except type(error):
            await asyncio.sleep(0)
            return "handled"
        return "missed"

    task = start(handler(), loop)
    future.set_exception(error)
    assert await task == "handled"


@start_with
async def test_bare_yield(start: Start) -> None:
    """sleep(0) as the first wait is a wait."""
    seen: list[int] = []

    async def handler() -> None:
        await asyncio.sleep(0)
        seen.append(1)

    task = start(handler(), asyncio.get_running_loop())
    assert seen == []
    await task
    assert seen == [1]


@start_with
async def test_cancel_before_the_first_step(start: Start) -> None:
    """A cancel that comes before the task ran reaches the coroutine and what it awaits."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    seen: list[str] = []

    async def handler() -> None:
        try:
            await future
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = start(handler(), loop)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]
    assert future.cancelled()


@start_with
async def test_cancel_before_the_first_step_at_a_bare_yield(start: Start) -> None:
    """The same where nothing is awaited, by a coroutine that swallows the cancel."""

    async def handler() -> str:
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            return "swallowed"
        return "missed"

    task = start(handler(), asyncio.get_running_loop())
    task.cancel()
    assert await task == "swallowed"


@start_with
async def test_cancel_later(start: Start) -> None:
    """A cancel in a later wait behaves as in any task, finally blocks included."""
    seen: list[str] = []

    async def handler() -> None:
        await asyncio.sleep(0)
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0)
            seen.append("finally")

    task = start(handler(), asyncio.get_running_loop())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["finally"]


@start_with
async def test_timeout_after_the_first_wait(start: Start) -> None:
    """asyncio.timeout works from the first wait on."""

    async def handler() -> str:
        await asyncio.sleep(0)
        try:
            async with asyncio.timeout(0.01):
                await asyncio.sleep(10)
        except TimeoutError:
            return "timeout"
        return "missed"

    assert await start(handler(), asyncio.get_running_loop()) == "timeout"


@start_with
async def test_wait_for_and_gather_first(start: Start) -> None:
    """Tasks of others, gather and executors can be the first wait."""

    async def other() -> int:
        await asyncio.sleep(0)
        return 1

    async def handler() -> list[Any]:
        return [await asyncio.gather(other(), other()), await asyncio.to_thread(lambda: 2)]

    assert await start(handler(), asyncio.get_running_loop()) == [[1, 1], 2]


@start_with
async def test_task_group_after_the_first_wait(start: Start) -> None:
    """A TaskGroup cancels its children and re-raises, from the first wait on."""

    async def fails() -> None:
        raise ValueError("child")

    async def handler() -> str:
        await asyncio.sleep(0)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(asyncio.sleep(10))
                group.create_task(fails())
        except* ValueError:
            pass
        return "gathered"

    assert await asyncio.wait_for(start(handler(), asyncio.get_running_loop()), 1) == "gathered"
