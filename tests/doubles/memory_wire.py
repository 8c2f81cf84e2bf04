"""A client in memory that says bytes to a session and looks at what came back."""

from __future__ import annotations

import asyncio
import zlib
from typing import Any


class _Transport(asyncio.Transport):
    def __init__(self, protocol: asyncio.Protocol) -> None:
        super().__init__({"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 143)})
        self.protocol = protocol
        self.written = bytearray()
        self.closing = False

    def write(self, data: Any) -> None:
        self.written += data

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def can_write_eof(self) -> bool:
        return False

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Client:
    """A connection to ``session``, open from the start."""

    def __init__(self, session: Any) -> None:
        self.session = session
        self._transport = _Transport(session)
        self._deflate: Any = None
        self._inflate: Any = None
        session.connection_made(self._transport)

    def start_deflate(self) -> None:
        """Both directions are compressed from here (RFC 4978)."""
        self._deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        self._inflate = zlib.decompressobj(-15)

    def send(self, data: bytes) -> None:
        """Say this."""
        if self._deflate is not None:
            data = self._deflate.compress(data) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        if not self._transport.closing:
            self.session.data_received(data)

    def said(self) -> bytes:
        """What the session said since the last look."""
        found = bytes(self._transport.written)
        self._transport.written.clear()
        return bytes(self._inflate.decompress(found)) if self._inflate is not None else found

    async def ask(self, data: bytes) -> bytes:
        """Say this, let the loop turn a few times, and return what came back."""
        self.send(data)
        for _ in range(5):
            await asyncio.sleep(0)
        return self.said()

    async def vanish(self) -> None:
        """The connection breaks."""
        self._transport.closing = True
        self.session.connection_lost(ConnectionResetError())
        for _ in range(5):
            await asyncio.sleep(0)

    @property
    def closed(self) -> bool:
        """Whether the session closed the connection."""
        return self._transport.closing
