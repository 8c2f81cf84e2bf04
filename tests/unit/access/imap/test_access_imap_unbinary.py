"""Binary parts of an appended message become base64; everything else stays."""

from __future__ import annotations

import base64

import pytest
from counted_spools import CountedSpool

from posthouse.access.imap.unbinary import without_nul

HEAD = b"Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"


async def converted(message: bytes) -> bytes:
    spool = CountedSpool()
    await without_nul(message, spool)
    return spool.finish().buffer()


def parts(*pieces: bytes) -> bytes:
    return HEAD + b"".join(b"--b\r\n" + piece + b"\r\n" for piece in pieces) + b"--b--\r\n"


@pytest.mark.parametrize("size", [0, 1, 56, 57, 58, 57 * 1024, 57 * 1024 + 1, 200_000])
async def test_binary_parts_become_base64(size: int) -> None:
    """The part decodes to the same octets; its header says base64; the parts around are untouched."""
    octets = bytes(number % 251 for number in range(size))
    before = b"Content-Type: text/plain\r\n\r\nhello"
    binary = b"Content-Type: application/x\r\nContent-Transfer-Encoding:\r\n binary\r\nX-After: 1\r\n\r\n"
    found = await converted(parts(before, binary + octets, before))
    assert 0 not in found
    assert found.startswith(HEAD + b"--b\r\n" + before + b"\r\n--b\r\n")
    assert found.endswith(b"\r\n--b\r\n" + before + b"\r\n--b--\r\n")
    part = found.split(b"\r\n--b\r\n")[2]
    head, _, body = part.partition(b"\r\n\r\n")
    assert head == b"Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\nX-After: 1"
    assert base64.b64decode(body) == octets
    assert all(len(line) <= 76 for line in body.split(b"\r\n"))


@pytest.mark.parametrize("message", [b"Subject: a\0b\r\n\r\nhello", parts(b"X: 1\r\n\r\na\0b")])
async def test_a_nul_elsewhere_cannot_stay(message: bytes) -> None:
    """In a header, or in a part that does not call itself binary, a NUL is refused."""
    with pytest.raises(ValueError, match="NUL"):
        await converted(message)
