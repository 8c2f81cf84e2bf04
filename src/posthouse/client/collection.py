"""Collections whose pages are fetched as they are needed, as in hMailServer's object tree."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

from posthouse.client.errors import NotFound

T = TypeVar("T")
D = TypeVar("D")

PAGE = 200
"""Things fetched at once."""


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some things of a collection. ``next`` leads to the following page, "" on the last; ``total`` counts all."""

    items: Sequence[T]
    next: str
    total: int


class _Seen(Generic[T]):
    """What has been fetched so far, in order."""

    def __init__(self, fetch: Callable[[str], Page[T]]) -> None:
        self._fetch = fetch
        self._next = ""
        self.items: list[T] = []
        self.total = -1

    def reaches(self, index: int) -> bool:
        """Whether there is a thing at this place; fetches up to it."""
        while index >= len(self.items) and (self.total < 0 or self._next):
            page = self._fetch(self._next)
            self.items += page.items
            # A page that leads to itself would never end.
            self._next = page.next if page.next != self._next else ""
            self.total = page.total
        return index < len(self.items)


class Collection(Generic[T]):
    """Things in the server's order. What was fetched is kept until :meth:`refresh`, or until something is added or
    deleted through it; a loop that runs goes on with what it has begun with."""

    def __init__(self, fetch: Callable[[str], Page[T]]) -> None:
        self._fetch = fetch
        self._seen = _Seen(fetch)

    def __iter__(self) -> Iterator[T]:
        seen, index = self._seen, 0
        while seen.reaches(index):
            yield seen.items[index]
            index += 1

    def __len__(self) -> int:
        self._seen.reaches(0)
        return self._seen.total

    @overload
    def __getitem__(self, index: int) -> T: ...

    @overload
    def __getitem__(self, index: slice) -> list[T]: ...

    def __getitem__(self, index: int | slice) -> T | list[T]:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = index if index >= 0 else len(self) + index
        if place < 0 or not self._seen.reaches(place):
            raise IndexError(f"There is no item {index}; there are {len(self)}.")
        return self._seen.items[place]

    def __bool__(self) -> bool:
        return len(self) > 0

    @property
    def count(self) -> int:
        """How many there are on the server."""
        return len(self)

    @property
    def item(self) -> Collection[T]:
        """For ``item[0]``: the same as ``collection[0]``."""
        return self

    def refresh(self) -> None:
        """Look at the server again."""
        self._seen = _Seen(self._fetch)


class ItemBy(Generic[T]):
    """Finds one thing by its key: ``item_by_name["x"]``, ``item_by_name("x")``, ``"x" in item_by_name``."""

    def __init__(self, find: Callable[[str], T]) -> None:
        self._find = find

    def __getitem__(self, key: str) -> T:
        return self._find(key)

    def __call__(self, key: str) -> T:
        return self._find(key)

    def __contains__(self, key: str) -> bool:
        return self.get(key) is not None

    @overload
    def get(self, key: str) -> T | None: ...

    @overload
    def get(self, key: str, default: D) -> T | D: ...

    def get(self, key: str, default: D | None = None) -> T | D | None:
        """The thing, or ``default`` where there is none."""
        try:
            return self._find(key)
        except NotFound:
            return default
