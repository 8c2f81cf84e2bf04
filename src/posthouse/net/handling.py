"""The handlers of a session: one at a time, and what was collected meanwhile when it has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from posthouse.net import eager
from posthouse.net.hooks import Hooks


class Handling(Hooks):
    """How :class:`posthouse.net.connection.Connection` calls its session."""

    __slots__ = (
        "_again",
        "_finished",
        "_resuming",
        "_shutting_down",
        "_task",
        "farewell",
        "interruptible",
    )

    def __init__(self) -> None:
        super().__init__()
        self.farewell = ""
        """Why the administrator ends this connection: what ``going_down`` says then."""
        self.interruptible = False
        """Set while a handler waits for the peer or for news (IDLE): ``going_down`` may then be called at
        once."""
        self._task: asyncio.Task[None] | None = None
        self._resuming = False
        self._again = False
        self._finished = False
        self._shutting_down = False

    def perform(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a handler: at once up to its first real wait, then as a task. Never two at a time."""
        assert not self._running, "one handler at a time"
        self._running = self.busy = True
        try:
            task = eager.start(coroutine, self._loop)
        except Exception as error:
            self._ended(error)
            return
        if task is None:
            self._ended(None)
        else:
            self._task = task
            task.add_done_callback(self._task_done)

    def shut_down(self) -> None:
        """The server stops: tell the session as soon as it is not in the middle of an answer."""
        if self._closed or self._shutting_down:
            return
        self._shutting_down = True
        if not self._running or self.interruptible:
            self.going_down()

    def dismiss(self, reason: str) -> None:
        """The administrator ends this connection: like ``shut_down``, with this reason."""
        self.farewell = reason
        self.shut_down()

    def _ended(self, error: BaseException | None) -> None:
        """A handler ended: report its error, then go on unless the peer does not read."""
        self._running = False
        self._task = None
        self.interruptible = False
        if error is not None and not isinstance(error, (ConnectionError, asyncio.CancelledError)):
            assert isinstance(error, Exception)
            self.failed(error)
        elif error is not None:
            self.close()
        if self._transport is None:
            self.busy = False
            self._finish_if_idle()
            return
        if self._shutting_down and not self._closed:
            self.going_down()
        self.busy = self.choked
        if not self.busy and not self._closed:
            self._go_on()

    def _task_done(self, task: asyncio.Task[None]) -> None:
        error: BaseException | None
        if task.cancelled():
            error = asyncio.CancelledError()
        else:
            error = task.exception()
        self._corked(lambda: self._ended(error))

    def _go_on(self) -> None:
        """Call ``resume`` until nothing ends at once any more; never nested, however many commands are
        waiting."""
        if self._resuming:
            self._again = True
            return
        self._resuming = True
        try:
            while True:
                self._again = False
                self._safely(self.resume)
                if not self._again or self.busy or self._closed:
                    break
        finally:
            self._resuming = False
        if self.busy or self._closed:
            return
        self._collected = 0
        self._steer_reading()
        if self._input_over:
            self._safely(self.peer_finished)

    def _corked(self, call: Callable[[], None]) -> None:
        """Call with writes gathered into one."""
        if self._cork is not None:
            call()
            return
        self._cork = []
        self._cork_size = 0
        self._safely(call)
        self._uncork()

    def _safely(self, call: Callable[[], None]) -> None:
        """Call a hook of the session; one that raises has failed like a handler."""
        try:
            call()
        except Exception as error:
            self.failed(error)

    def _finish_if_idle(self) -> None:
        if self._running or self._finished or self._transport is not None:
            return
        self._finished = True
        self._safely(self.finished)
