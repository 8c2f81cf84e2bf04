"""Messages on their way out by POP3: in pieces, at the client's pace."""

from __future__ import annotations

from typing import Any

import pytest

from posthouse.access.pop3 import retrieval


class Mail:
    """A store and its one message."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.written: list[bytes] = []
        self.read = self.drains = 0

    async def slice(self, message: object, start: int, length: int) -> bytes:
        piece = self.content[start : start + length]
        self.read += len(piece)
        return piece

    async def drain(self) -> None:
        self.drains += 1

    async def top(self, lines: int) -> bytes:
        self.written.clear()
        here: Any = self
        await retrieval.top(here, here, lines, self.written.append, self.drain)
        return b"".join(self.written)


LARGE = b"Subject: x\r\n\r\n" + b"0123456789abcde\n" * (1 << 18)


async def test_a_long_top_goes_out_in_pieces() -> None:
    """TOP with more lines than there are sends megabytes a piece at a time, and waits for the client between
    them."""
    mail = Mail(LARGE)
    answer = await mail.top(999_999_999)
    assert answer.endswith(b"abcde\r\n.\r\n")
    assert answer.count(b"\n") == LARGE.count(b"\n") + 2
    assert max(map(len, mail.written)) < 2 * retrieval.PIECE
    assert mail.drains > 10


async def test_a_short_top_reads_little() -> None:
    """The header of a large message is not paid for with all of it."""
    mail = Mail(LARGE)
    answer = await mail.top(1)
    assert answer == b"+OK Top of message follows\r\nSubject: x\r\n\r\n0123456789abcde\r\n.\r\n"
    assert mail.read == retrieval.FIRST_PIECE


@pytest.mark.parametrize("size", [0, 5, retrieval.FIRST_PIECE, retrieval.FIRST_PIECE + 1])
async def test_header_without_end(size: int) -> None:
    """A message that is all header, of any size, has one answer with one end."""
    answer = await Mail(b"x" * size).top(0)
    end = b"\r\n.\r\n" if size else b".\r\n"
    assert answer == b"+OK Top of message follows\r\n" + b"x" * size + end
