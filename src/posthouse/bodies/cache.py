"""What was read lately, bounded in bytes."""

from __future__ import annotations

from collections import OrderedDict


class ReadCache:
    """Small bodies by digest; the least recently used go first. Thread-safe as single dict operations are: it
    is used by the event loop and, rarely, by threads that compute facts."""

    __slots__ = ("_entries", "_limit", "_size")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._entries: OrderedDict[str, bytes] = OrderedDict()

    def get(self, digest: str) -> bytes | None:
        """The body, now the most recently used."""
        found = self._entries.get(digest)
        if found is not None:
            try:
                self._entries.move_to_end(digest)
            except KeyError:
                pass  # another thread dropped it just now
        return found

    def put(self, digest: str, content: bytes) -> None:
        """Remember a body; drop old ones past the limit."""
        if len(content) > self._limit or digest in self._entries:
            return
        self._entries[digest] = content
        self._size += len(content)
        while self._size > self._limit and self._entries:
            try:
                _, old = self._entries.popitem(last=False)
            except KeyError:
                break
            self._size -= len(old)
