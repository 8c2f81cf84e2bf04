"""Run a coroutine at once up to its first real wait; only what really waits becomes an :class:`asyncio.Task`.

Most commands of a mail session finish without waiting (their answer is cached, or the database answers in the
calling thread). A task for each of them would cost a turn of the event loop and a scheduling delay.

From Python 3.12 on this is ``asyncio.Task(eager_start=True)``. On 3.11 the first stretch is driven by hand.
There ``asyncio.current_task()`` is not this coroutine's before its first wait, so ``asyncio.timeout`` and
``TaskGroup`` may only be entered after one.
"""

from __future__ import annotations

import asyncio
import sys
import types
from collections.abc import Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


def start_by_hand(
    coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[T] | None:
    """Drive ``coroutine`` here; None when it ended, else the task that carries it on. Raises what it
    raises."""
    try:
        first = coroutine.send(None)
    except StopIteration:
        return None
    rest = _carry_on(coroutine, first)
    rest.send(None)  # up to the priming yield: a cancel before the task's first step must reach the coroutine
    return loop.create_task(rest)


def start_eagerly(
    coroutine: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[T] | None:
    """The same through Python 3.12's eager tasks."""
    task = asyncio.Task(coroutine, loop=loop, eager_start=True)  # type: ignore[call-arg]
    if not task.done():
        return task
    task.result()
    return None


start = start_eagerly if sys.version_info >= (3, 12) else start_by_hand


async def _carry_on(coroutine: Coroutine[Any, Any, T], first: Any) -> T:
    """The rest of a coroutine that has already yielded ``first``, as the body of a task that was driven to
    its first yield here."""
    result: T = await _primed(coroutine, first)
    return result


@types.coroutine
def _primed(coroutine: Coroutine[Any, Any, T], first: Any) -> Generator[Any, Any, T]:
    try:
        yield  # the priming yield
    except asyncio.CancelledError:
        # Cancelled before the task took its first step. A task that waits passes a cancel on to what it waits
        # for; do the same, and let the future's own cancellation come back to us.
        if first is None or not first.cancel():
            try:
                first = coroutine.throw(asyncio.CancelledError())
            except StopIteration as end:
                value: T = end.value
                return value
    return (yield from go_on(coroutine, first))


@types.coroutine
def go_on(coroutine: Coroutine[Any, Any, T], first: Any) -> Generator[Any, Any, T]:
    """Await the rest of a coroutine whose first ``send`` yielded ``first``."""
    waiting_on = first
    try:
        while True:
            try:
                sent = yield waiting_on
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                waiting_on = coroutine.throw(error)
            else:
                waiting_on = coroutine.send(sent)
    except StopIteration as end:
        value: T = end.value
        return value
