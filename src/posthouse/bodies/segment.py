"""One file of the journal: bodies one after the other, written in place into space that is there already.

The file begins with a block that names its *lap*, a random number drawn each time the file is begun anew. Records
follow: :data:`RECORD` (kind, length, SHA-256 of the content, lap, CRC-32 of these), then the content. Records written
together begin at a block of their own, so that a block with something that was promised is never written again.
Whatever is not of the lap, or damaged, is passed over when the file is read; reading goes on at the next block.
"""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import struct
import sys
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from posthouse.bodies import flush
from posthouse.mail.mime import Buffer

BLOCK = 4096
HEAD = struct.Struct(">8sQI")
RECORD = struct.Struct(">4sI32sQI")
LONGEST = 1 << 20
"""Bytes of a record's content; the bodies that go through the journal are shorter."""

_MAGIC = b"PHJRNL1\n"
_BODY = b"body"
_GROW = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)


@dataclass(slots=True)
class Found:
    """A record of a file that is read again. ``content`` is None where it is damaged."""

    digest: bytes
    content: bytes | None


class Segment:
    """One file, used by one thread at a time, and by one process: a worker that outlives its supervisor may still have
    it. Raises OSError."""

    def __init__(self, path: str, limit: int) -> None:
        self.path = path
        self._limit = limit
        self._descriptor = os.open(path, _FLAGS, 0o600)
        try:
            _lock(self._descriptor, path)
        except BaseException:
            os.close(self._descriptor)
            raise
        self._there = os.fstat(self._descriptor).st_size
        self._lap = 0
        self._begun = False
        """Whether the block that names the lap is on the disk."""
        self._end = BLOCK
        """Where the next records go."""

    def close(self) -> None:
        """Close the file."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # ------------------------------------------------------------------ writing

    def begin(self) -> None:
        """Forget what is in it. This is on the disk together with the first records of the new lap."""
        self._lap = secrets.randbits(63) + 1
        self._begun = False
        self._end = BLOCK

    def fits(self, sizes: int, count: int) -> bool:
        """Whether so many records with so many bytes of content go into it."""
        return self._end + sizes + count * RECORD.size <= self._limit

    def append(self, records: Sequence[tuple[bytes, Buffer]]) -> None:
        """Write these bodies (digest, content) and return once they are on the disk. Raises OSError: they may be there
        or not, and whatever comes next is written behind them."""
        if not self._begun:
            _write(self._descriptor, _head(self._lap), 0)
        pieces: list[Buffer] = []
        for digest, content in records:
            pieces.append(_record(digest, len(content), self._lap))
            pieces.append(content)
        data, start = b"".join(pieces), self._end
        self._end = _aligned(start + len(data))
        if self._end > self._there:
            # Zeros up to the next step: later flushes then write bytes, and nothing about the file.
            grown = max(self._end, min(self._there + _GROW, self._limit))
            data += bytes(grown - start - len(data))
            self._there = grown
        _write(self._descriptor, data, start)
        flush.flush_data(self._descriptor)
        self._begun = True

    def clear(self) -> None:
        """Forget what is in it, durably."""
        if self._there:
            _write(self._descriptor, _head(0), 0)
            flush.flush_data(self._descriptor)
        self._lap, self._begun, self._end = 0, False, BLOCK

    # ------------------------------------------------------------------ reading

    def found(self) -> Iterator[Found]:
        """The records of its lap, in their order; those of any lap where it is not known, as the block that names it is
        damaged: of two evils, bodies that nobody wants any more are the smaller, and they are removed in time."""
        lap = self._read_lap()
        place = BLOCK
        while lap != 0 and place + RECORD.size <= self._there:
            size, digest = self._read_record(place, lap)
            if size < 0:
                place = _aligned(place + 1)
                continue
            content = _read(self._descriptor, size, place + RECORD.size)
            whole = len(content) == size and hashlib.sha256(content).digest() == digest
            yield Found(digest, content if whole else None)
            # Of an unknown lap, what is damaged may be an older record that others were written over.
            known = whole or lap is not None
            place = place + RECORD.size + size if known else _aligned(place + 1)

    def _read_lap(self) -> int | None:
        """0: it holds nothing; None: unknown."""
        data = _read(self._descriptor, HEAD.size, 0)
        if len(data) < HEAD.size:
            return None
        magic, lap, check = HEAD.unpack(data)
        return int(lap) if magic == _MAGIC and check == zlib.crc32(data[:-4]) else None

    def _read_record(self, place: int, lap: int | None) -> tuple[int, bytes]:
        """Length and digest of the record that begins here; length -1 where none of this lap does."""
        data = _read(self._descriptor, RECORD.size, place)
        if len(data) == RECORD.size and data.startswith(_BODY):
            _, size, digest, of_lap, check = RECORD.unpack(data)
            if lap in (of_lap, None) and size <= LONGEST and check == zlib.crc32(data[:-4]):
                return size, digest
        return -1, b""


def _head(lap: int) -> bytes:
    start = HEAD.pack(_MAGIC, lap, 0)[:-4]
    return start + zlib.crc32(start).to_bytes(4, "big")


def _record(digest: bytes, size: int, lap: int) -> bytes:
    start = RECORD.pack(_BODY, size, digest, lap, 0)[:-4]
    return start + zlib.crc32(start).to_bytes(4, "big")


def _aligned(place: int) -> int:
    return -(-place // BLOCK) * BLOCK


if sys.platform != "win32":
    import fcntl

    def _lock(descriptor: int, path: str) -> None:
        """Keep others out; it ends with the descriptor. Waits a little for one that is about to go."""
        for wait in (0.1, 0.3, 1.0, 3.0, None):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if wait is None:
                    raise OSError(errno.EBUSY, "another process uses it", path) from None
                time.sleep(wait)

else:

    def _lock(descriptor: int, path: str) -> None:
        """There is one process on Windows, which has the data folder's lock."""


if hasattr(os, "pwrite"):

    def _write(descriptor: int, data: bytes, place: int) -> None:
        written = os.pwrite(descriptor, data, place)
        while written < len(data):
            written += os.pwrite(descriptor, memoryview(data)[written:], place + written)

    def _read(descriptor: int, size: int, place: int) -> bytes:
        return os.pread(descriptor, size, place)

else:  # Windows

    def _write(descriptor: int, data: bytes, place: int) -> None:
        os.lseek(descriptor, place, os.SEEK_SET)
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]

    def _read(descriptor: int, size: int, place: int) -> bytes:
        os.lseek(descriptor, place, os.SEEK_SET)
        return os.read(descriptor, size)
