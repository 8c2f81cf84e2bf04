"""Spools in memory that count how many are open, and refuse on demand."""

from __future__ import annotations

import hashlib


class CountedSpool:
    """A body being received. ``unended`` counts those that neither finished nor were dropped; ``room`` is how many
    octets one takes before the disk is full."""

    unended = 0
    room = 1 << 40

    def __init__(self) -> None:
        self._data = bytearray()
        self._ended = False
        CountedSpool.unended += 1

    @property
    def size(self) -> int:
        return len(self._data)

    def write(self, data: bytes | memoryview) -> None:
        self._data += data
        if len(self._data) > self.room:
            raise OSError(28, "No space left on device")

    def finish(self) -> CountedBody:
        self.discard()
        return CountedBody(bytes(self._data))

    def discard(self) -> None:
        if not self._ended:
            self._ended = True
            CountedSpool.unended -= 1


class CountedBody:
    """A complete body; ``unended`` counts those that were not discarded."""

    unended = 0

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._ended = False
        CountedBody.unended += 1

    @property
    def digest(self) -> str:
        return hashlib.sha256(self._data).hexdigest()

    @property
    def size(self) -> int:
        return len(self._data)

    def buffer(self) -> bytes:
        return self._data

    def discard(self) -> None:
        if not self._ended:
            self._ended = True
            CountedBody.unended -= 1
