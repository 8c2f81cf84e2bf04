"""Following what is stored: read it anew when its change is told, and now and then even so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DatabaseUnavailable


async def follow(
    feed: Feed,
    topic: str,
    load: Callable[[], Awaitable[None]],
    unreadable: Callable[[DatabaseUnavailable], None],
    poll: float,
) -> None:
    """Await ``load`` once at the start, at each notice of the topic, and ``poll`` seconds after it was last awaited
    even without one, until cancelled. ``unreadable`` is told when the database was away; the next try comes as
    usual."""
    progress = _Progress()
    ends = [
        feed.subscribe(topic, None, lambda topic, key, version: progress.want()),
        feed.follow(progress.caught_up),
    ]
    try:
        while True:
            # The first time too: a notice may have come between the caller's own load and our subscription.
            wanted = progress.begin()
            try:
                await load()
                progress.reach(wanted)
            except DatabaseUnavailable as problem:
                unreadable(problem)
            await progress.wait(poll)
    finally:
        for end in ends:
            end()
        progress.reach(progress.wanted)  # nobody waits for one that has ended


class _Progress:
    """What was told, and how far it was read."""

    def __init__(self) -> None:
        self.wanted = 1
        self._reached = 0
        self._changed = asyncio.Event()
        self._moved = asyncio.Event()

    def want(self) -> None:
        """There is something new."""
        self.wanted += 1
        self._changed.set()

    def begin(self) -> int:
        """A load begins: what it will have reached."""
        self._changed.clear()
        return self.wanted

    def reach(self, wanted: int) -> None:
        """A load that saw so much is done."""
        self._reached = wanted
        self._moved.set()
        self._moved = asyncio.Event()

    async def wait(self, seconds: float) -> None:
        """Until there is something new, or the time is over."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            pass

    async def caught_up(self) -> None:
        """Until all that was told by now is read."""
        wanted = self.wanted
        while self._reached < wanted:
            await self._moved.wait()
