"""A body being received: in memory while small, then in a temporary file of the bodies' own file system."""

from __future__ import annotations

import hashlib
import mmap
import os
from collections.abc import Callable

from posthouse.mail.mime import Buffer

IN_MEMORY = 256 * 1024
"""Bytes of a body that stay in memory."""

_HASHED_AT_ONCE = 2047
"""Above this many bytes hashlib lets other threads run, and getting the interpreter back costs ten times what hashing
a short message does."""
_SHORT = 8 * _HASHED_AT_ONCE


class MemoryBody:
    """A complete small body."""

    __slots__ = ("_content", "_digest")

    def __init__(self, content: bytes, digest: str) -> None:
        self._content = content
        self._digest = digest

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def size(self) -> int:
        return len(self._content)

    def buffer(self) -> Buffer:
        return self._content

    def discard(self) -> None:
        """Nothing to drop."""


class FileBody:
    """A complete large body in a temporary file; the descriptor stays open until :meth:`discard`, so that the
    content can be kept again even after its file was taken and removed."""

    __slots__ = ("_descriptor", "_digest", "_map", "_size", "path")

    def __init__(self, descriptor: int, path: str, digest: str, size: int) -> None:
        self._descriptor = descriptor
        self.path: str | None = path
        """The temporary file; None once it was renamed into place."""
        self._digest = digest
        self._size = size
        self._map: mmap.mmap | None = None

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def size(self) -> int:
        return self._size

    @property
    def descriptor(self) -> int:
        """The open file."""
        return self._descriptor

    def buffer(self) -> Buffer:
        if self._map is None:
            self._map = mmap.mmap(self._descriptor, self._size, access=mmap.ACCESS_READ)
        return self._map

    def close(self) -> None:
        """Close descriptor and map (Windows cannot rename an open file)."""
        if self._map is not None:
            try:
                self._map.close()
            except BufferError:
                pass  # somebody still reads a slice of it; it goes with the last one
            self._map = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def discard(self) -> None:
        self.close()
        path, self.path = self.path, None
        if path is not None:
            try:
                os.unlink(path)
            except OSError:
                pass  # taken meanwhile, or swept by the removal job later


class Spooling:
    """The Spool of contract.py."""

    __slots__ = ("_chunks", "_descriptor", "_finished", "_hash", "_new_path", "_path", "_size")

    def __init__(self, new_path: Callable[[], str]) -> None:
        self._new_path = new_path
        self._hash = hashlib.sha256()
        self._chunks: list[bytes] = []
        self._size = 0
        self._descriptor = -1
        self._path = ""
        self._finished: MemoryBody | FileBody | None = None

    @property
    def size(self) -> int:
        return self._size

    def write(self, data: bytes | memoryview) -> None:
        if _HASHED_AT_ONCE < len(data) <= _SHORT:
            for start in range(0, len(data), _HASHED_AT_ONCE):
                self._hash.update(data[start : start + _HASHED_AT_ONCE])
        else:
            self._hash.update(data)
        self._size += len(data)
        if self._descriptor >= 0:
            write_all(self._descriptor, data)
            return
        self._chunks.append(data if isinstance(data, bytes) else bytes(data))
        if self._size > IN_MEMORY:
            self._spill()

    def finish(self) -> MemoryBody | FileBody:
        digest = self._hash.hexdigest()
        if self._descriptor >= 0:
            self._finished = FileBody(self._descriptor, self._path, digest, self._size)
        else:
            content = self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)
            self._finished = MemoryBody(content, digest)
        self._chunks = []
        return self._finished

    def discard(self) -> None:
        self._chunks = []
        if self._finished is not None:
            self._finished.discard()
        elif self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
            try:
                os.unlink(self._path)
            except OSError:
                pass

    def _spill(self) -> None:
        self._path = self._new_path()
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        for chunk in self._chunks:
            write_all(self._descriptor, chunk)
        self._chunks = []


def write_all(descriptor: int, data: Buffer | memoryview) -> None:
    """Write all of it where the file stands."""
    written = os.write(descriptor, data)
    while written < len(data):
        written += os.write(descriptor, memoryview(data)[written:])
