"""Keeps the dispatcher's picture of what is due where.

Three sources, each bounded: rows that were just put, by their id; a look through the destinations in units of a few
dozen, jumping from one to the next along an index (never through their rows); and, while something is paused, the
short list of what is paused. A notice that was lost costs no more than the time until the next look.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.places import Limits, Places
from posthouse.queue import destinations
from posthouse.queue import lookout as queue
from posthouse.queue.service import OLDER, TOPIC

NEWS_SECONDS = 5.0
"""Seconds after which new rows are looked for even without a notice."""

LOOK_SECONDS = 60.0
"""Seconds between the end of a look through all destinations and the beginning of the next."""

PAUSE_SECONDS = 1.0
"""Seconds after which a pause that was met is looked at again."""

HORIZON = 300.0
"""What is due later than so many seconds from now is left to a later look."""

AGAIN_SECONDS = 1.0
"""Seconds between two looks that were asked for while another was under way."""

SHARE = 3.0
"""A look through many destinations rests so many times as long as its units take."""


class Lookout:
    """``classes`` are the classes of destinations that somebody delivers to."""

    def __init__(
        self,
        database: Database,
        places: Places,
        classes: Collection[str],
        limits: Callable[[], Limits],
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._places = places
        self._classes = frozenset(classes)
        self._limits = limits
        self._clock = clock
        self._seen = -1
        self._told = 0
        self._news_wanted = True
        self._news_at = 0.0
        self._look_at = 0.0
        self._began = self._ended = 0.0
        self._horizon = HORIZON
        self._after = ""
        self._again = self._looking = False
        self._paused: frozenset[str] | None = None
        self._met: set[str] = set()
        self._pauses_at = 0.0

    def notice(self, topic: str, key: int, version: int) -> bool:
        """The feed tells: something was put; or (then it is True) what was there before is due or given up now."""
        self._news_wanted = True
        if topic != TOPIC:
            self.again()
            return True
        if key != OLDER:
            told, self._told = self._told, max(self._told, version)
            if told and version > told:
                return False
        # Something older; or, on some engines, a transaction that overtook another: not at once each time.
        self.again(self._ended + AGAIN_SECONDS)
        return True

    def again(self, at: float = 0.0) -> None:
        """Look through all destinations at once; a look that is under way is ended first."""
        if self._after or self._looking:
            self._again = True
        else:
            self._look_at = min(self._look_at, at)

    def met_pause(self, name: str) -> None:
        """Rows of a destination could not be leased because somebody paused them. It may be resumed by now."""
        self._met.add(name)
        if self._paused is None:
            self._paused = frozenset()
            self._pauses_at = asyncio.get_running_loop().time() + PAUSE_SECONDS

    async def watch(self) -> float:
        """Do what is due now, a unit of each; returns the seconds until there is more to do. Raises
        DatabaseUnavailable."""
        now = asyncio.get_running_loop().time()
        if self._seen < 0:  # what is there already is found by the look
            self._seen = await self._database.read(queue.newest)
        if self._news_wanted or now >= self._news_at:
            await self._news(now)
        if self._paused is not None and now >= self._pauses_at:
            await self._pauses(now)
        if now >= self._look_at and not self._places.full:
            await self._look(now)
        now = asyncio.get_running_loop().time()
        times = [self._news_at]
        if not self._places.full:
            times.append(self._look_at)
        if self._paused is not None:
            times.append(self._pauses_at)
        return 0.0 if self._news_wanted else max(min(times) - now, 0.0)

    async def _news(self, now: float) -> None:
        self._news_wanted = False
        # With one writer at a time (SQLite) the order of ids is that of commits.
        after = self._seen if self._database.inline else max(self._seen - queue.OVERLAP, 0)
        try:
            firsts, newest, more = await self._database.read(queue.new_rows, after, self._classes)
        except DatabaseUnavailable:
            self._news_wanted = True
            raise
        self._seen = max(newest, self._seen)
        self._news_wanted = self._news_wanted or more
        self._news_at = now + NEWS_SECONDS
        self._see([queue.Due(name, at) for name, at in firsts.items()], asked=False)

    async def _look(self, now: float) -> None:
        """One unit of the look through all destinations."""
        if not self._after:
            self._began, self._again = now, False
        self._looking = True  # what is asked for from here on may come too late for it
        try:
            found = await self._database.scan(queue.stretch, self._after, self._classes)
        finally:
            self._looking = False
        self._after = found.after
        self._see(found.found, asked=True)
        ended = asyncio.get_running_loop().time()
        if self._after:
            self._look_at = ended + SHARE * (ended - now)
        else:
            took = ended - self._began
            rest = AGAIN_SECONDS if self._again else max(LOOK_SECONDS, 5 * took)
            self._ended, self._look_at = ended, ended + rest
            self._horizon = max(HORIZON, 2 * (took + rest))

    async def _pauses(self, now: float) -> None:
        """Whether what is paused has changed; with nothing paused there is nothing to watch."""
        met, self._met = self._met, set()
        try:
            paused = await self._database.read(destinations.paused)
        except DatabaseUnavailable:
            self._met |= met
            raise
        if paused != self._paused or met - paused:
            self.again()
        self._paused = paused if paused or self._met else None
        self._pauses_at = now + PAUSE_SECONDS

    def _see(self, found: list[queue.Due], *, asked: bool) -> None:
        limits, horizon = self._limits(), self._clock() + self._horizon
        for each in found:
            if max(each.at, each.until) <= horizon:
                self._places.see(each.destination, each.at, limits, each.until if asked else None)
