"""One deadline, moved often and rung rarely."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Deadline:
    """Calls ``ring`` once when the time last set has passed.

    Moving it later costs no timer: the one that is armed rings early, sees that it is not time yet, and is
    armed again. So it can be moved at every command.
    """

    __slots__ = ("_due", "_ring", "_timer")

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def set(self, seconds: float | None, loop: asyncio.AbstractEventLoop) -> None:
        """Ring in so many seconds; None: do not ring."""
        if seconds is None:
            self._due = None
            return
        due = self._due = loop.time() + seconds
        timer = self._timer
        if timer is not None:
            if timer.when() <= due:
                return
            timer.cancel()
        self._timer = loop.call_at(due, self._look, loop)

    def end(self) -> None:
        """Never ring again (and let go of whom it would have called)."""
        self._due = None
        self._ring = _nobody
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        due = self._due
        if due is None:
            return
        if due - loop.time() > 0.001:
            self._timer = loop.call_at(due, self._look, loop)
            return
        self._due = None
        self._ring()


def _nobody() -> None:
    """Whom an ended deadline calls."""
