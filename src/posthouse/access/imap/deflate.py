"""COMPRESS=DEFLATE (RFC 4978): raw deflate in both directions."""

from __future__ import annotations

import zlib

STEP = 16384
"""Most bytes inflated at a time: what a small piece of input can grow to before someone looks at it."""


class Compression:
    """Both directions of one connection.

    What arrives is held packed and inflated in steps of :data:`STEP` bytes on demand, so that a few bytes that
    inflate to gigabytes are read no faster than commands are carried out, and never held unpacked.
    """

    __slots__ = ("_deflate", "_inflate", "_more", "_packed")

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        self._inflate = zlib.decompressobj(-15)
        self._packed = b""
        self._more = False

    def pack(self, data: bytes) -> bytes:
        """Compress, complete up to here for the reader at the other end."""
        return self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._packed = self._packed + data if self._packed else data
        self._more = True

    def read(self) -> bytes:
        """The next plain bytes, at most STEP; b"" when there are none. Raises zlib.error when it is no deflate stream,
        or one that has ended."""
        if not self._more:
            return b""
        if self._inflate.eof:
            raise zlib.error("the deflate stream has ended")
        plain = self._inflate.decompress(self._packed, STEP)
        self._packed = self._inflate.unconsumed_tail
        # zlib may keep output back although it has taken all input.
        self._more = bool(self._packed) or len(plain) == STEP or self._inflate.eof
        return plain
