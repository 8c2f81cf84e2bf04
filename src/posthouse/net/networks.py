"""A set of networks, packed: tens of thousands of them cost a few microseconds to ask and 8 or 32 bytes each."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

Span = tuple[int, int, int]
"""(IP version, first address, last address)"""

_WIDTH = {4: 4, 6: 16}
_HEAD = 9
"""Bytes before the addresses of a packed set: a format number, and how many spans there are of either family."""
_FORMAT = 1


class Networks:
    """An immutable set. What overlaps or touches is one span. Making one is work for a thread when there are many."""

    __slots__ = ("_ends", "_starts", "count")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        by_version: dict[int, list[tuple[int, int]]] = {4: [], 6: []}
        for version, first, last in spans:
            by_version[version].append((first, last))
        self._starts: dict[int, bytes] = {}
        self._ends: dict[int, bytes] = {}
        self.count = 0
        """How many spans are left."""
        for version, found in by_version.items():
            merged = _merged(found)
            width = _WIDTH[version]
            self._starts[version] = b"".join(first.to_bytes(width, "big") for first, _ in merged)
            self._ends[version] = b"".join(last.to_bytes(width, "big") for _, last in merged)
            self.count += len(merged)

    def find(self, version: int, number: int) -> Span | None:
        """The span an address is in."""
        starts, width = self._starts[version], _WIDTH[version]
        wanted = number.to_bytes(width, "big")
        place = bisect_right(
            range(len(starts) // width), wanted, key=lambda at: starts[at * width : at * width + width]
        )
        at = (place - 1) * width
        if place == 0 or self._ends[version][at : at + width] < wanted:
            return None
        end = self._ends[version][at : at + width]
        return version, int.from_bytes(starts[at : at + width], "big"), int.from_bytes(end, "big")

    def pack(self) -> bytes:
        """All of it as bytes, for :meth:`unpack`."""
        sizes = [len(self._starts[version]) // width for version, width in _WIDTH.items()]
        head = bytes((_FORMAT,)) + b"".join(size.to_bytes(4, "big") for size in sizes)
        return head + b"".join(self._starts[version] + self._ends[version] for version in _WIDTH)

    @classmethod
    def unpack(cls, packed: bytes) -> Networks:
        """What :meth:`pack` gave. Raises ValueError for anything else."""
        if len(packed) < _HEAD or packed[0] != _FORMAT:
            raise ValueError("no packed networks")
        found = cls()
        at = _HEAD
        for place, (version, width) in enumerate(_WIDTH.items()):
            count = int.from_bytes(packed[1 + 4 * place : 5 + 4 * place], "big")
            size = count * width
            found._starts[version] = packed[at : at + size]
            found._ends[version] = packed[at + size : at + 2 * size]
            found.count += count
            at += 2 * size
        if at != len(packed):
            raise ValueError("packed networks of another length")
        return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1] + 1:
            if last > merged[-1][1]:
                merged[-1] = (merged[-1][0], last)
        else:
            merged.append((first, last))
    return merged
