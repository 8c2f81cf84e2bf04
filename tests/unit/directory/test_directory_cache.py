"""The cache of look-ups: what was asked before a change is never taken for an answer after it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from posthouse.cluster.local import LocalFeed
from posthouse.directory import cache
from posthouse.directory.cache import VersionedCache


class Slow:
    """A database whose reads see what is stored when they begin, and are answered when they may."""

    def __init__(self) -> None:
        self.version = 1
        self.value = "old"
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0

    async def read(self, op: Callable[..., Any], *args: Any) -> Any:
        self.reads += 1
        found = (self.version, self.value) if op.__name__ == "both" else self.version
        await self.gate.wait()
        return found

    def change(self, feed: LocalFeed, value: str) -> None:
        """Store a value, and tell of it."""
        self.version += 1
        self.value = value
        feed.deliver([("directory", 0, self.version)])


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def look(tx: Any) -> str:
    raise AssertionError("the double answers")


async def test_a_change_is_seen_at_once_where_it_is_told() -> None:
    """And nothing is asked while nothing is told."""
    feed, slow, clock = LocalFeed(), Slow(), Clock()
    kept = VersionedCache(slow, feed, clock)  # type: ignore[arg-type]
    assert [await kept.get("a", look) for _ in range(5)] == ["old"] * 5
    assert slow.reads <= 2
    slow.change(feed, "new")
    assert [await kept.get("a", look) for _ in range(5)] == ["new"] * 5
    kept.close()


async def test_a_look_that_began_before_the_change_hides_nothing() -> None:
    """The version is asked for, then the change is told, then the old version arrives: it says nothing about now."""
    feed, slow, clock = LocalFeed(), Slow(), Clock()
    kept = VersionedCache(slow, feed, clock)  # type: ignore[arg-type]
    await kept.get("a", look)
    clock.now += cache.MAX_AGE
    slow.gate.clear()
    before = asyncio.create_task(kept.get("a", look))
    await asyncio.sleep(0)
    slow.change(feed, "new")
    slow.gate.set()
    assert await before == "old"  # it was asked before the change
    assert await kept.get("a", look) == "new"
    kept.close()


async def test_an_answer_from_before_the_change_is_not_kept() -> None:
    """The same for a look-up that was not in the cache."""
    feed, slow, clock = LocalFeed(), Slow(), Clock()
    kept = VersionedCache(slow, feed, clock)  # type: ignore[arg-type]
    await kept.get("b", look)
    slow.gate.clear()
    before = asyncio.create_task(kept.get("a", look))
    await asyncio.sleep(0)
    slow.change(feed, "new")
    slow.gate.set()
    assert await before == "old"
    assert await kept.get("a", look) == "new"
    assert await kept.get("b", look) == "new"
    kept.close()
