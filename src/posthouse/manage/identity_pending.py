"""Things remembered for a few minutes between two steps, in memory, bounded: a restart only makes people begin
again. Only the first worker answers HTTP, so its memory is the memory of all."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Callable
from time import time
from typing import Generic, TypeVar

from posthouse.directory.browser_sessions import digest

T = TypeVar("T")

MOST = 10_000


class Pending(Generic[T]):
    """Values under random names; each lasts ``seconds``, and the oldest go when there are too many. The names are
    secrets: only their digests are kept, so a look-up's time tells nothing of them."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time, most: int = MOST) -> None:
        self._seconds = seconds
        self._clock = clock
        self._most = most
        self._kept: OrderedDict[bytes, tuple[float, T]] = OrderedDict()

    def put(self, value: T, name: str = "") -> str:
        """Keep a value; the secret it is found by (a new one, unless given)."""
        name = name or secrets.token_urlsafe(32)
        key = digest(name)
        self._kept.pop(key, None)
        self._kept[key] = (self._clock() + self._seconds, value)
        while len(self._kept) > self._most or self._first_is_over():
            self._kept.popitem(last=False)
        return name

    def get(self, name: str) -> T | None:
        """The value while it lasts."""
        found = self._kept.get(digest(name))
        return found[1] if found is not None and self._clock() < found[0] else None

    def pop(self, name: str) -> T | None:
        """The value while it lasts; it is gone then."""
        found = self.get(name)
        self._kept.pop(digest(name), None)
        return found

    def __len__(self) -> int:
        return len(self._kept)

    def _first_is_over(self) -> bool:
        return bool(self._kept) and next(iter(self._kept.values()))[0] <= self._clock()
