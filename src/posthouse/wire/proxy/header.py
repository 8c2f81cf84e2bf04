"""Read a PROXY protocol header (HAProxy's proxy-protocol.txt, versions 1 and 2)."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

MAX_V1 = 107
"""The longest version 1 line, CRLF included (proxy-protocol.txt 2.1)."""

MAX_V2 = 4096
"""The longest version 2 header taken, TLVs included. The format allows 64 KiB; what proxies send is far
below this."""

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_LINE = b"PROXY "
_INET, _INET6, _UNIX = 1, 2, 3


@dataclass(frozen=True, slots=True)
class Address:
    """One end of the proxied connection. ``host`` is an IP address in its canonical text form."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class NeedMore:
    """The buffer so far is the beginning of a header."""


@dataclass(frozen=True, slots=True)
class Header:
    """A complete header of ``consumed`` bytes; the protocol's own bytes follow it.

    ``source`` and ``destination`` are None when the proxy speaks for itself (LOCAL, a health check) or
    does not know the peer (UNKNOWN, a Unix socket): then the addresses of the real connection hold.
    """

    source: Address | None
    destination: Address | None
    consumed: int


@dataclass(frozen=True, slots=True)
class Bad:
    """This is no PROXY header, nor the beginning of one: close the connection. ``reason`` is for the log."""

    reason: str


def parse(buffer: bytes | bytearray) -> NeedMore | Header | Bad:
    """Read the header at the start of ``buffer``. Looks at no more than MAX_V2 bytes; never raises."""
    head = bytes(buffer[: len(_SIGNATURE)])
    if head.startswith(_LINE[: len(head)]):
        return _text(bytes(buffer[:MAX_V1]))
    if head == _SIGNATURE:
        return _binary(buffer)
    if _SIGNATURE.startswith(head):
        return NeedMore()
    return Bad("no PROXY header")


def _text(line: bytes) -> NeedMore | Header | Bad:
    """Version 1: ``PROXY TCP4 source destination port port CRLF``."""
    end = line.find(b"\r\n")
    if end < 0:
        complete = len(line) >= MAX_V1
        return Bad("version 1 line too long") if complete else NeedMore()
    fields = line[:end].split(b" ")
    consumed = end + 2
    if fields[1] == b"UNKNOWN":
        # Whatever follows UNKNOWN must be ignored (2.1).
        return Header(None, None, consumed)
    if fields[1] not in (b"TCP4", b"TCP6") or len(fields) != 6:
        return Bad("version 1 line malformed")
    version = 4 if fields[1] == b"TCP4" else 6
    try:
        source = Address(_host(fields[2], version), _port(fields[4]))
        destination = Address(_host(fields[3], version), _port(fields[5]))
    except ValueError:
        return Bad("version 1 address malformed")
    return Header(source, destination, consumed)


def _host(text: bytes, version: int) -> str:
    address = ipaddress.ip_address(text.decode("ascii"))
    if address.version != version or b"%" in text:
        raise ValueError("address of the other family")
    return str(address)


def _port(text: bytes) -> int:
    if not text.isdigit() or len(text) > 5 or (len(text) > 1 and text[:1] == b"0"):
        raise ValueError("not a port number")
    port = int(text)
    if port > 65535:
        raise ValueError("not a port number")
    return port


def _binary(buffer: bytes | bytearray) -> NeedMore | Header | Bad:
    """Version 2: signature, version and command, family and transport, length, addresses, TLVs (skipped)."""
    if len(buffer) < 16:
        # A wrong version is known as soon as its byte is there.
        bad_version = len(buffer) > 12 and buffer[12] >> 4 != 2
        return Bad("not version 2") if bad_version else NeedMore()
    version_command, family_transport, length = struct.unpack_from("!BBH", buffer, 12)
    if version_command >> 4 != 2:
        return Bad("not version 2")
    command = version_command & 15
    if command > 1:
        return Bad("command not known")
    if 16 + length > MAX_V2:
        return Bad("version 2 header too long")
    if len(buffer) < 16 + length:
        return NeedMore()
    consumed = 16 + length
    if command == 0:
        return Header(None, None, consumed)
    return _addresses(family_transport, bytes(buffer[16:consumed]), consumed)


def _addresses(family_transport: int, block: bytes, consumed: int) -> Header | Bad:
    family, transport = family_transport >> 4, family_transport & 15
    if family > _UNIX or transport > 2:
        return Bad("address family not known")
    if family_transport == 0x11:
        size = 4
    elif family_transport == 0x21:
        size = 16
    elif family == _UNIX or family == 0 or transport == 0:
        return Header(None, None, consumed)
    else:
        return Bad("not a stream")
    if len(block) < 2 * size + 4:
        return Bad("address block too short")
    source_port, destination_port = struct.unpack_from("!HH", block, 2 * size)
    source = Address(str(ipaddress.ip_address(block[:size])), source_port)
    destination = Address(str(ipaddress.ip_address(block[size : 2 * size])), destination_port)
    return Header(source, destination, consumed)
