"""Reads a TLS ClientHello for the two things that choose a certificate before the handshake begins: the server name
(RFC 6066 3) and the application protocols (RFC 7301). Python's SNI callback is told only the first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

MAX_HELLO = 16 * 1024
"""Bytes of a ClientHello that are waited for."""

_HANDSHAKE = 22
_CLIENT_HELLO = 1
_SERVER_NAME = 0
_ALPN = 16


@dataclass(frozen=True, slots=True)
class Hello:
    """``server_name`` in lower case, "" if none was sent."""

    server_name: str = ""
    protocols: tuple[str, ...] = ()


def read_hello(data: bytes) -> Hello | None:
    """The ClientHello at the start of ``data``; None while it is incomplete. What is none gives an empty Hello: the
    handshake will refuse it in its own terms."""
    message = b""
    place = 0
    while True:
        if len(data) < place + 5:
            return None if _may_go_on(data, place) else Hello()
        if data[place] != _HANDSHAKE:
            return Hello()
        length = int.from_bytes(data[place + 3 : place + 5], "big")
        record = data[place + 5 : place + 5 + length]
        message += record
        if len(message) >= 4:
            if message[0] != _CLIENT_HELLO:
                return Hello()
            size = int.from_bytes(message[1:4], "big")
            if len(message) >= 4 + size:
                return _body(message[4 : 4 + size])
        if len(record) < length:
            return None if len(data) < MAX_HELLO else Hello()
        place += 5 + length


def _may_go_on(data: bytes, place: int) -> bool:
    return len(data) < MAX_HELLO and (len(data) == place or data[place] == _HANDSHAKE)


def _body(body: bytes) -> Hello:
    try:
        place = 34  # version and random
        place += 1 + body[place]  # session id
        place += 2 + int.from_bytes(body[place : place + 2], "big")  # cipher suites
        place += 1 + body[place]  # compression methods
        found = dict(_extensions(body[place + 2 :]))
        return Hello(_server_name(found.get(_SERVER_NAME, b"")), tuple(_protocols(found.get(_ALPN, b""))))
    except IndexError:
        return Hello()


def _extensions(data: bytes) -> Iterator[tuple[int, bytes]]:
    place = 0
    while place + 4 <= len(data):
        kind = int.from_bytes(data[place : place + 2], "big")
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        yield kind, data[place + 4 : place + 4 + length]
        place += 4 + length


def _server_name(extension: bytes) -> str:
    # list length (2), type 0 (1), name length (2), name
    if len(extension) < 5 or extension[2] != 0:
        return ""
    length = int.from_bytes(extension[3:5], "big")
    return extension[5 : 5 + length].decode("ascii", "replace").lower()


def _protocols(extension: bytes) -> Iterator[str]:
    place = 2
    while place < len(extension):
        length = extension[place]
        yield extension[place + 1 : place + 1 + length].decode("ascii", "replace")
        place += 1 + length
