"""What searches read of messages, kept in memory for the next search.

Keys are body digests: content never changes, so nothing here can be out of date. Entries live in two generations.
What is used moves to the young one; every five minutes the young becomes the old and the old is dropped. When the
budget is full, new entries are not taken rather than others thrown out: a scan over a mailbox larger than the budget
would otherwise throw out each entry just before it is needed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Generic, Protocol, TypeVar


class Sized(Protocol):
    """What can be kept. Never falsy."""

    @property
    def size(self) -> int:
        """Bytes held, roughly."""


V = TypeVar("V", bound=Sized)

GENERATION = 300.0
"""Seconds until unused entries grow old, and again until they are dropped."""

_OVERHEAD = 400
"""Bytes an entry costs beyond its text."""


class SearchCache(Generic[V]):
    """One kind of value by digest. Used in the event loop only."""

    __slots__ = ("_old", "_size", "_timer", "_young")

    def __init__(self) -> None:
        self._young: dict[str, V] = {}
        self._old: dict[str, V] = {}
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None

    @property
    def size(self) -> int:
        """Bytes held, roughly."""
        return self._size

    def get(self, digests: Iterable[str]) -> list[V | None]:
        """The values of digests, None where there is none."""
        young, old = self._young, self._old
        found = [young.get(digest) for digest in digests]
        if old and not all(found):
            for index, digest in enumerate(digests):
                value = None if found[index] else old.pop(digest, None)
                if value is not None:
                    found[index] = young[digest] = value
        return found

    def put(self, digest: str, value: V, budget: int) -> None:
        """Keep a value if it fits into ``budget`` bytes."""
        if digest in self._young or digest in self._old:
            self.drop(digest)
        size = value.size + _OVERHEAD
        if self._size + size > budget:
            return
        self._young[digest] = value
        self._size += size
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(GENERATION, self.age)

    def drop(self, digest: str) -> None:
        """Forget a value, before it changes its size."""
        before = self._young.pop(digest, None) or self._old.pop(digest, None)
        if before is not None:
            self._size -= before.size + _OVERHEAD

    def age(self) -> None:
        """Drop what was not used for a generation, and let the rest grow old."""
        self._timer = None
        self._size -= sum(value.size + _OVERHEAD for value in self._old.values())
        self._old, self._young = self._young, {}
        if self._old:
            self._timer = asyncio.get_running_loop().call_later(GENERATION, self.age)

    def clear(self) -> None:
        """Forget everything."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._young = {}
        self._old = {}
        self._size = 0
