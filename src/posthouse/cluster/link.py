"""Messages between the supervisor and a worker: length-prefixed msgpack over a Unix stream.

A message is a list whose first element names it. Both ends are the same program, so there is no version; a
frame that is too long or cannot be read ends the link, and with it the worker.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from typing import Any, cast

import msgspec

from posthouse.observe.log import logger

log = logger("cluster.link")

MAX_FRAME = 16 * 1024 * 1024
_LENGTH = struct.Struct(">I")

Message = list[Any]


class Link(asyncio.Protocol):
    """One end. ``receive`` is called with each message, ``lost`` once when the other end is gone."""

    def __init__(self, receive: Callable[[Message], None], lost: Callable[[], None]) -> None:
        self._receive = receive
        self._lost = lost
        self._buffer = bytearray()
        self._transport: asyncio.Transport | None = None
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode: Callable[[bytes], Message] = msgspec.msgpack.Decoder(list[Any]).decode

    def send(self, *message: Any) -> None:
        """Send a message; nothing happens when the other end is gone."""
        if self._transport is None or self._transport.is_closing():
            return
        frame = self._encode(message)
        self._transport.write(_LENGTH.pack(len(frame)) + frame)

    def close(self) -> None:
        """End the link."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by inheritance

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer
        buffer += data
        place = 0
        while len(buffer) - place >= 4:
            (length,) = _LENGTH.unpack_from(buffer, place)
            if length > MAX_FRAME:
                self._broken(f"a frame of {length} bytes")
                return
            if len(buffer) - place - 4 < length:
                break
            frame = bytes(buffer[place + 4 : place + 4 + length])
            place += 4 + length
            try:
                message = self._decode(frame)
            except msgspec.DecodeError as error:
                self._broken(str(error))
                return
            self._receive(message)
        del buffer[:place]

    def connection_lost(self, error: Exception | None) -> None:
        self._transport = None
        self._lost()

    def _broken(self, reason: str) -> None:
        log.error("link.broken", reason=reason)
        if self._transport is not None:
            self._transport.abort()
