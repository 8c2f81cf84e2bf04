"""The newest log lines of this process in memory, and those who watch them come."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Iterator

from posthouse.observe.record import Record, Wanted

KEPT = 2000
"""Lines kept in memory by each process."""

WATCHED = 1000
"""Lines that wait for one watcher at most; what comes on top is counted, not kept."""


class Watcher:
    """A queue of the lines that somebody wants. Filled from any thread, read in the event loop."""

    def __init__(self, wanted: Wanted, limit: int = WATCHED) -> None:
        self._wanted = wanted
        self._loop = asyncio.get_running_loop()
        self._lines: deque[Record] = deque()
        self._limit = limit
        self._dropped = 0
        self._news = asyncio.Event()
        self._lock = threading.Lock()

    def offer(self, record: Record) -> None:
        """A line was logged."""
        if not self._wanted.lets(record):
            return
        with self._lock:
            if len(self._lines) >= self._limit:
                self._dropped += 1
                return
            self._lines.append(record)
            first = len(self._lines) == 1
        if first:
            try:
                self._loop.call_soon_threadsafe(self._news.set)
            except RuntimeError:  # the loop is closed: nobody reads any more
                pass

    def lost(self, count: int) -> None:
        """Lines were dropped before they came here."""
        with self._lock:
            self._dropped += count

    async def take(self, seconds: float) -> tuple[list[Record], int]:
        """What has come, after waiting for at most ``seconds``; and how many lines were dropped since the
        last time."""
        if not self._lines:
            try:
                await asyncio.wait_for(self._news.wait(), seconds)
            except TimeoutError:
                pass
        with self._lock:
            lines, self._lines = list(self._lines), deque()
            dropped, self._dropped = self._dropped, 0
            self._news.clear()
        return lines, dropped


class LiveLog:
    """The ring of one process. ``add`` is on the road of every log line: two calls and a check."""

    def __init__(self, kept: int = KEPT) -> None:
        self._ring: deque[Record] = deque(maxlen=kept)
        self._watchers: tuple[Watcher, ...] = ()

    def add(self, record: Record) -> None:
        """A line was logged, by any thread."""
        self._ring.append(record)
        for watcher in self._watchers:
            watcher.offer(record)

    def watch(self, watcher: Watcher) -> None:
        """Tell this watcher of every line from now on."""
        self._watchers = (*self._watchers, watcher)

    def leave(self, watcher: Watcher) -> None:
        """End that."""
        self._watchers = tuple(each for each in self._watchers if each is not watcher)

    @property
    def watchers(self) -> int:
        """How many watch."""
        return len(self._watchers)

    def tail(self, wanted: Wanted, count: int) -> list[Record]:
        """The newest ``count`` lines that are wanted, oldest first."""
        found: list[Record] = []
        for record in self._backwards():
            if wanted.lets(record):
                found.append(record)
                if len(found) >= count:
                    break
        found.reverse()
        return found

    def _backwards(self) -> Iterator[Record]:
        return iter(list(self._ring)[::-1])


live_log = LiveLog()
"""That of this process."""
