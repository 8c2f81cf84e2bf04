"""PROXY protocol headers, versions 1 and 2."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.proxy import MAX_V1, MAX_V2, Address, Bad, Header, NeedMore, parse

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
V4 = b"\xc0\x00\x02\x01\xc6\x33\x64\x07" + struct.pack("!HH", 40000, 25)
V6 = bytes(15) + b"\x01" + b"\x20\x01\x0d\xb8" + bytes(12) + struct.pack("!HH", 1, 65535)


def binary(command: int, family: int, block: bytes, tlvs: bytes = b"") -> bytes:
    return SIGNATURE + struct.pack("!BBH", 0x20 | command, family, len(block + tlvs)) + block + tlvs


@pytest.mark.parametrize(
    ("line", "source", "destination"),
    [
        (b"PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\r\n", ("192.0.2.1", 40000), ("198.51.100.7", 25)),
        (b"PROXY TCP6 ::1 2001:DB8:0::0 1 65535\r\n", ("::1", 1), ("2001:db8::", 65535)),
        (b"PROXY TCP4 0.0.0.0 255.255.255.255 0 0\r\n", ("0.0.0.0", 0), ("255.255.255.255", 0)),
    ],
)
def test_version_1(line: bytes, source: tuple[str, int], destination: tuple[str, int]) -> None:
    """A version 1 line gives both addresses and leaves the protocol's own bytes alone."""
    expected = Header(Address(*source), Address(*destination), len(line))
    assert parse(line + b"EHLO x\r\n") == expected
    assert parse(bytearray(line)) == expected


@pytest.mark.parametrize("line", [b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 what ever 1 2\r\n"])
def test_version_1_unknown_keeps_the_real_addresses(line: bytes) -> None:
    """UNKNOWN gives no addresses, whatever follows the word."""
    assert parse(line) == Header(None, None, len(line))


@pytest.mark.parametrize(
    "line",
    [
        b"PROXY \r\n",
        b"PROXY TCP4\r\n",
        b"PROXY UDP4 192.0.2.1 198.51.100.7 40000 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 40000\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 40000 25 \r\n",
        b"PROXY TCP4  192.0.2.1 198.51.100.7 40000 25\r\n",
        b"PROXY TCP4 ::1 198.51.100.7 40000 25\r\n",
        b"PROXY TCP6 192.0.2.1 ::1 40000 25\r\n",
        b"PROXY TCP6 fe80::1%eth0 ::1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.7 40000 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 65536 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 040000 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 -1 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 +25 25\r\n",
        b"PROXY TCP4 \xff 198.51.100.7 40000 25\r\n",
        b"PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\n" + b" " * 100,
        b"PROXY " + b"x" * MAX_V1,
        b"proxy TCP4 192.0.2.1 198.51.100.7 40000 25\r\n",
        b"EHLO example.org\r\n",
        b"\r\n\r\n\0\r\nQUIT\r",
        b"\0",
    ],
)
def test_bad_text_headers(line: bytes) -> None:
    """Anything that is not exactly a version 1 line is bad, and known to be so at once."""
    assert isinstance(parse(line), Bad)


def test_version_2() -> None:
    """Version 2 gives both addresses; TLVs after them are skipped."""
    data = binary(1, 0x11, V4, b"\x04\x00\x03abc")
    assert parse(data + b"tail") == Header(
        Address("192.0.2.1", 40000), Address("198.51.100.7", 25), len(data)
    )
    data = binary(1, 0x21, V6)
    assert parse(data) == Header(Address("::1", 1), Address("2001:db8::", 65535), len(data))


@pytest.mark.parametrize(
    "data",
    [
        binary(0, 0x00, b""),
        binary(0, 0x11, V4),
        binary(0, 0xFF, b"anything"),
        binary(1, 0x00, b""),
        binary(1, 0x31, bytes(216)),
    ],
)
def test_version_2_without_an_address_keeps_the_real_ones(data: bytes) -> None:
    """LOCAL, AF_UNSPEC and Unix sockets give no addresses."""
    assert parse(data) == Header(None, None, len(data))


@pytest.mark.parametrize(
    "data",
    [
        SIGNATURE + b"\x11\x11\x00\x0c" + V4,
        SIGNATURE + b"\x11",
        SIGNATURE + b"\x22\x11\x00\x0c" + V4,
        binary(1, 0x11, V4[:-1]),
        binary(1, 0x21, V6[:-1]),
        binary(1, 0x12, V4),
        binary(1, 0x41, V4),
        binary(1, 0x13, V4),
        SIGNATURE + b"\x21\x11\xff\xff",
    ],
)
def test_bad_binary_headers(data: bytes) -> None:
    """Wrong versions, commands, families, datagrams, short addresses and excess length are bad."""
    assert isinstance(parse(data), Bad)


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 192.0.2.1 198.51.100.7 40000 25\r\n",
        binary(1, 0x21, V6, b"\x04\x00\x01x"),
        binary(0, 0, b""),
    ],
)
def test_truncated_headers_need_more(data: bytes) -> None:
    """Every proper beginning of a header asks for more, never more and never less."""
    for length in range(len(data)):
        assert parse(data[:length]) == NeedMore()


@given(
    st.binary(max_size=200), st.sampled_from([b"", SIGNATURE, SIGNATURE + b"\x21", b"PROXY ", b"PROXY TCP4 "])
)
def test_any_bytes_have_an_answer(tail: bytes, head: bytes) -> None:
    """No input raises; what is consumed was there; a header no longer asks for more past its limit."""
    answer = parse(head + tail)
    if isinstance(answer, Header):
        assert 0 < answer.consumed <= len(head + tail)
    assert parse(head + tail + bytes(MAX_V2)) != NeedMore()
