"""COMPRESS=DEFLATE: both directions, and bombs."""

from __future__ import annotations

import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.access.imap.deflate import STEP, Compression


def packer() -> zlib._Compress:
    return zlib.compressobj(9, zlib.DEFLATED, -15)


def read_all(compression: Compression) -> bytes:
    found = b""
    while piece := compression.read():
        found += piece
    return found


@given(st.lists(st.binary(max_size=40000), max_size=6), st.integers(1, 5000))
def test_what_is_packed_comes_out(pieces: list[bytes], chunk: int) -> None:
    """Any bytes, packed piece by piece and cut anywhere on the way, come out whole."""
    pack, compression = packer(), Compression()
    wire = b"".join(pack.compress(piece) + pack.flush(zlib.Z_SYNC_FLUSH) for piece in pieces)
    found = b""
    for begin in range(0, len(wire), chunk):
        compression.feed(wire[begin : begin + chunk])
        found += read_all(compression)
    assert found == b"".join(pieces)


def test_a_bomb_is_opened_a_step_at_a_time() -> None:
    """Ten megabytes in ten kilobytes are handed out in steps, each no longer than STEP."""
    pack, compression = packer(), Compression()
    compression.feed(pack.compress(bytes(10_000_000)) + pack.flush(zlib.Z_SYNC_FLUSH))
    sizes = []
    while piece := compression.read():
        sizes.append(len(piece))
    assert sum(sizes) == 10_000_000
    assert max(sizes) <= STEP


def test_what_is_no_stream_or_over_is_an_error() -> None:
    """Plain text is no deflate stream, and nothing may come after a stream's end."""
    compression = Compression()
    compression.feed(b"\xff\xff a1 NOOP\r\n")
    with pytest.raises(zlib.error):
        read_all(compression)
    pack, compression = packer(), Compression()
    compression.feed(pack.compress(b"a1 NOOP\r\n") + pack.flush(zlib.Z_FINISH))
    assert compression.read() == b"a1 NOOP\r\n"
    with pytest.raises(zlib.error):
        compression.read()


def test_output_is_complete_after_each_pack() -> None:
    """The other end can read everything that was packed so far."""
    compression, reader = Compression(), zlib.decompressobj(-15)
    assert reader.decompress(compression.pack(b"* OK one\r\n")) == b"* OK one\r\n"
    assert reader.decompress(compression.pack(b"* OK two\r\n")) == b"* OK two\r\n"
