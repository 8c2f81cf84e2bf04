"""What searches read of messages, kept in memory for the next search.

Keys are body digests: content never changes, so nothing here can be out of date. Entries live in two generations.
What is used moves to the young one; every five minutes the young becomes the old and the old is dropped. When the
budget is full, new entries are not taken rather than others thrown out: a scan over a mailbox larger than the budget
would otherwise throw out each entry just before it is needed again.
"""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

V = TypeVar("V")

GENERATION = 300.0
"""Seconds until unused entries grow old, and again until they are dropped."""

_OVERHEAD = 400
"""Bytes an entry costs beyond its text."""


class SearchCache(Generic[V]):
    """One kind of value by digest. Used in the event loop only."""

    __slots__ = ("_old", "_size", "_timer", "_young")

    def __init__(self) -> None:
        self._young: dict[str, tuple[V, int]] = {}
        self._old: dict[str, tuple[V, int]] = {}
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._size

    def get(self, digest: str) -> V | None:
        """The value, or None."""
        found = self._young.get(digest)
        if found is None:
            found = self._old.pop(digest, None)
            if found is None:
                return None
            self._young[digest] = found
        return found[0]

    def put(self, digest: str, value: V, size: int, budget: int) -> None:
        """Keep a value of ``size`` bytes if it fits into ``budget``."""
        size += _OVERHEAD
        before = self._young.get(digest) or self._old.pop(digest, None)
        if before is not None:
            self._size -= before[1]
            self._young.pop(digest, None)
        if self._size + size > budget:
            return
        self._young[digest] = (value, size)
        self._size += size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GENERATION, self.age)

    def age(self) -> None:
        """Drop what was not used for a generation, and let the rest grow old."""
        self._timer = None
        self._size -= sum(size for _, size in self._old.values())
        self._old, self._young = self._young, {}
        if self._old:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                return
            self._timer = loop.call_later(GENERATION, self.age)

    def clear(self) -> None:
        """Forget everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._young = {}
        self._old = {}
        self._size = 0
