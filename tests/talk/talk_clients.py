"""The client's end of a talk: over a fake transport, or over a real socket."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import zlib
from typing import Any

PATIENCE = 10.0
"""Seconds to wait for a line that ought to come."""


class MemoryTransport(asyncio.Transport):
    """What the server's protocol writes to. While the protocol has paused reading, nothing arrives."""

    def __init__(self, protocol: asyncio.Protocol, peer: tuple[str, int], server: tuple[str, int]) -> None:
        super().__init__({"peername": peer, "sockname": server})
        self.protocol = protocol
        self.written = bytearray()
        self.news = asyncio.Event()
        self.closing = False
        self.lost = False
        self.paused = False
        self._held: list[bytes | None] = []

    def write(self, data: Any) -> None:
        if not self.closing:
            self.written += data
            self.news.set()

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            asyncio.get_running_loop().call_soon(self._lose)

    abort = close

    def _lose(self) -> None:
        self.lost = True
        self.protocol.connection_lost(None)
        self.news.set()

    def is_closing(self) -> bool:
        return self.closing

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def can_write_eof(self) -> bool:
        return False

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False
        asyncio.get_running_loop().call_soon(self._release)

    def is_reading(self) -> bool:
        return not self.paused

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        assert isinstance(protocol, asyncio.Protocol)
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        return self.protocol

    def arrive(self, data: bytes | None) -> None:
        """Bytes from the client; None is its end of stream."""
        self._held.append(data)
        self._release()

    def _release(self) -> None:
        while self._held and not self.paused and not self.closing:
            data = self._held.pop(0)
            if data is None:
                if not self.protocol.eof_received():
                    self.close()
            else:
                self.protocol.data_received(data)


class _Lines:
    """Splits what the server sent into lines, inflating it when compression is on."""

    def __init__(self) -> None:
        self.buffer = bytearray()
        self.inflate: Any = None
        self.deflate: Any = None

    def start_deflate(self) -> None:
        """RFC 4978: raw deflate in both directions."""
        self.inflate = zlib.decompressobj(-15)
        self.deflate = zlib.compressobj(6, zlib.DEFLATED, -15)
        rest, self.buffer = bytes(self.buffer), bytearray()
        self.take(rest)

    def take(self, data: bytes) -> None:
        self.buffer += self.inflate.decompress(data) if self.inflate else data

    def pack(self, data: bytes) -> bytes:
        if not self.deflate:
            return data
        return bytes(self.deflate.compress(data) + self.deflate.flush(zlib.Z_SYNC_FLUSH))

    def pop(self) -> bytes | None:
        end = self.buffer.find(b"\n")
        if end < 0:
            return None
        line = bytes(self.buffer[: end + 1])
        del self.buffer[: end + 1]
        return line[:-2] if line.endswith(b"\r\n") else line


class MemoryClient:
    """A client that calls the server's protocol directly."""

    def __init__(self, protocol: asyncio.Protocol, address: str, dribble: bool) -> None:
        self._lines = _Lines()
        self._dribble = dribble
        self._transport = MemoryTransport(protocol, (address, 50_000), ("127.0.0.1", 143))
        protocol.connection_made(self._transport)

    async def send(self, data: bytes) -> None:
        packed = self._lines.pack(data)
        pieces = [packed[at : at + 1] for at in range(len(packed))] if self._dribble else [packed]
        for number, piece in enumerate(pieces):
            self._transport.arrive(piece)
            if self._dribble and number % 16 == 0:
                await asyncio.sleep(0)

    async def line(self, patience: float = PATIENCE) -> bytes | None:
        """The next line without CRLF; None at the end. Raises TimeoutError."""
        async with asyncio.timeout(patience):
            while True:
                self._transport.news.clear()
                data, self._transport.written = bytes(self._transport.written), bytearray()
                if data:
                    self._lines.take(data)
                found = self._lines.pop()
                if found is not None:
                    return found
                if self._transport.lost:
                    return None
                await self._transport.news.wait()

    async def close(self) -> None:
        self._transport.arrive(None)
        for _ in range(100):
            if self._transport.lost:
                return
            await asyncio.sleep(0.01)

    async def start_tls(self, context: ssl.SSLContext) -> None:
        raise NotImplementedError("talks with TLS run over a socket")

    def start_deflate(self) -> None:
        self._lines.start_deflate()


class SocketClient:
    """A client on a real TCP connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._lines = _Lines()
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionError):
            self._writer.write(self._lines.pack(data))
            await self._writer.drain()

    async def line(self, patience: float = PATIENCE) -> bytes | None:
        """The next line without CRLF; None at the end. Raises TimeoutError."""
        async with asyncio.timeout(patience):
            while True:
                found = self._lines.pop()
                if found is not None:
                    return found
                try:
                    data = await self._reader.read(65536)
                except ConnectionError:
                    return None
                if not data:
                    return None
                self._lines.take(data)

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                await self._writer.wait_closed()

    async def start_tls(self, context: ssl.SSLContext) -> None:
        await self._writer.start_tls(context, server_hostname="mail.example.org")

    def start_deflate(self) -> None:
        self._lines.start_deflate()
