"""POP3 without I/O: lines, commands, byte-stuffing."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.pop3.commands import Bad, Command, State, parse
from posthouse.wire.pop3.lines import LineReader, TooLong
from posthouse.wire.pop3.replies import Stuffer, Top, stuffed

MESSAGE = st.lists(st.sampled_from([b"a", b".", b"\r", b"\n", b"\r\n", b"\r\n.", b"text "]), max_size=40).map(
    b"".join
)


def unstuffed(answer: bytes) -> bytes:
    """What a client that goes by CRLF makes of an answer."""
    assert answer.endswith(b"\r\n.\r\n") or answer == b".\r\n"
    lines = answer[:-3].split(b"\r\n")[:-1]
    assert b"." not in lines, "the answer ends before its end"
    return b"".join((line[1:] if line.startswith(b".") else line) + b"\r\n" for line in lines)


@given(MESSAGE, st.lists(st.integers(1, 7), max_size=40))
def test_stuffing_in_pieces_is_stuffing_at_once(message: bytes, cuts: list[int]) -> None:
    """However a message is cut, the answer is the same, ends only at its end, and gives the message back with
    its line ends as CRLF."""
    stuffer, answer, place = Stuffer(), b"", 0
    for cut in [*cuts, len(message) + 1]:
        answer += stuffer.feed(message[place : place + cut])
        place += cut
    answer += stuffer.finish()
    assert answer == stuffed(message)
    expected = re.sub(rb"(?<!\r)\n", b"\r\n", message)
    if expected and not expected.endswith(b"\n"):
        expected += b"\r\n"
    assert unstuffed(answer) == expected
    # Nor does it end for a client that takes a bare LF as a line end.
    assert b"\n.\n" not in answer
    assert b"\n.\r\n" not in answer[:-4]


def test_a_proper_message_goes_out_byte_for_byte() -> None:
    """CRLF throughout and no dots at line starts: only the terminator is added."""
    message = b"Subject: x\r\n\r\nbody\r\nwith . dots.\r\n"
    assert stuffed(message) == message + b".\r\n"


@given(st.binary(max_size=300), st.lists(st.integers(1, 20), max_size=30))
def test_lines_do_not_depend_on_chunking(data: bytes, cuts: list[int]) -> None:
    """The same lines come out however the bytes came in."""

    def lines(pieces: list[bytes]) -> list[bytes]:
        reader, found = LineReader(), []
        for piece in pieces:
            reader.feed(piece)
            while (line := reader.next(512)) is not None:
                found.append(line)
        return found

    pieces, place = [], 0
    for cut in cuts:
        pieces.append(data[place : place + cut])
        place += cut
    pieces.append(data[place:])
    assert lines(pieces) == lines([data])


def test_a_long_line_is_noticed_at_its_limit() -> None:
    """A line of the limit with its end is taken, one byte more is not; nothing beyond the limit is waited
    for."""
    reader = LineReader()
    reader.feed(b"x" * 510 + b"\r\n")
    assert reader.next(512) == b"x" * 510
    reader.feed(b"x" * 511)
    assert reader.next(512) is None
    reader.feed(b"x")
    with pytest.raises(TooLong):
        reader.next(512)


@pytest.mark.parametrize(
    ("line", "state", "expected"),
    [
        (b"quit", State.AUTHORIZATION, Command("QUIT")),
        (b"PASS  two  spaces ", State.AUTHORIZATION, Command("PASS", (" two  spaces ",))),
        (b"USER anna ", State.AUTHORIZATION, Command("USER", ("anna",))),
        (b"TOP 1 0", State.TRANSACTION, Command("TOP", (), (1, 0))),
        (b"LIST", State.TRANSACTION, Command("LIST")),
        (b"AUTH plain abc=", State.AUTHORIZATION, Command("AUTH", ("plain", "abc="))),
        ("USER jürgen".encode(), State.AUTHORIZATION, Command("USER", ("jürgen",))),
    ],
)
def test_commands(line: bytes, state: State, expected: Command) -> None:
    """Well-formed lines."""
    assert parse(line, state) == expected


@given(st.binary(max_size=80), st.sampled_from(list(State)))
def test_any_line_is_a_command_or_bad(line: bytes, state: State) -> None:
    """No line raises, and what a client is told is plain ASCII of our own."""
    found = parse(line, state)
    if isinstance(found, Bad):
        assert found.text.isascii()
        assert found.text.isprintable()


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
@pytest.mark.parametrize(
    ("message", "lines", "top"),
    [
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 0, b"A: 1\r\n\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 1, b"A: 1\r\n\r\none\r\n"),
        (b"A: 1\r\n\r\none\r\ntwo\r\n", 3, b"A: 1\r\n\r\none\r\ntwo\r\n"),
        (b"A: 1\r\n", 0, b"A: 1\r\n"),
        (b"\r\nbody\r\n", 0, b"\r\n"),
        (b"A: 1\n\nbody\r\n\r\n", 0, b"A: 1\n\n"),
    ],
)
def test_where_top_ends(message: bytes, lines: int, top: bytes, size: int) -> None:
    """Header, blank line and so many lines, however the message is cut into pieces."""
    cut, found = Top(lines), b""
    for start in range(0, len(message), size):
        if not cut.done:
            found += cut.feed(message[start : start + size])
    assert found == top
