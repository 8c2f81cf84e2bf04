"""Long answers in small steps, so that one client's 20,000 messages do not keep the others waiting."""

from __future__ import annotations

import asyncio
from time import perf_counter

STEP = 0.004
"""Seconds of work after which other sessions get their turn."""


class Pace:
    """Remembers when this command last gave way. One per command."""

    __slots__ = ("_since",)

    def __init__(self) -> None:
        self._since = perf_counter()

    async def breathe(self) -> None:
        """Give way if this command has worked for a step. Cheap otherwise."""
        if perf_counter() - self._since > STEP:
            await asyncio.sleep(0)
            self._since = perf_counter()
