"""The reader: literals, refusals that keep the stream in step, limits, and any chunking."""

from __future__ import annotations

import itertools

from hypothesis import example, given, settings
from hypothesis import strategies as st
from imap_sinks import MemorySinks, read

from posthouse.wire.imap.reader import MAX_SKIP, Reader
from posthouse.wire.imap.syntax import (
    Command,
    ContinuationWanted,
    Login,
    ReaderState,
    SaslResponse,
    SyntaxProblem,
)

NOOP = b"A9 NOOP\r\n"
NOOP_READ = Command(b"A9", "NOOP")


def stranger() -> ReaderState:
    return ReaderState()


def test_a_synchronizing_literal_is_asked_for() -> None:
    """``{n}`` yields ContinuationWanted, and the command once the octets came."""
    assert read([b"A1 LOGIN {1}\r\n", b"a {1}\r\n", b"b\r\n"], state=stranger()) == [
        ContinuationWanted(1),
        ContinuationWanted(1),
        Command(b"A1", "LOGIN", Login(b"a", b"b")),
    ]


def test_bare_lf_ends_a_line() -> None:
    """People who type into a socket send LF."""
    assert read(b"A1 LOGIN {1+}\na b\n" + NOOP) == [Command(b"A1", "LOGIN", Login(b"a", b"b")), NOOP_READ]


def test_literals_before_sign_in_are_small() -> None:
    """8 KiB in all: a waiting literal is NO [TOOBIG] and not asked for; a small pushed one is thrown away;
    a large one ends the connection."""
    refused = SyntaxProblem(b"A1", "The literals are longer than 8192 octets", "TOOBIG", True)
    assert read(b"A1 LOGIN {8192}\r\n" + NOOP, state=stranger()) == [refused, NOOP_READ]
    pushed = b"A1 LOGIN a {9000+}\r\n" + b"x" * 9000 + b"\r\n" + NOOP
    assert read(pushed, state=stranger()) == [refused, NOOP_READ]
    (last,) = read(b"A1 LOGIN a {999999+}\r\n" + NOOP, state=stranger())
    assert isinstance(last, SyntaxProblem)
    assert last.close


def test_append_before_sign_in_opens_no_sink() -> None:
    """A stranger's APPEND is refused before its literal."""
    sinks = MemorySinks()
    first, second = read(b"A1 APPEND x {3+}\r\nabc\r\n" + NOOP, sinks, stranger())
    assert isinstance(first, SyntaxProblem)
    assert second == NOOP_READ
    assert not sinks.opened


def test_a_refused_append_keeps_the_stream_in_step() -> None:
    """TOOBIG from the sink: pushed literals are thrown away with the rest of the command, octets that look
    like commands included; waiting ones are never asked for."""
    hostile = b"X LOGOUT\r\n" * 10
    refused = SyntaxProblem(b"A1", "Too big", "TOOBIG", True)
    pushed = b"A1 APPEND x {%d+}\r\n%s () {4+}\r\n\r\n\r\n\r\n" % (len(hostile), hostile)
    for pieces in ([pushed + NOOP], [bytes([octet]) for octet in pushed + NOOP]):
        assert read(pieces, MemorySinks(limit=50)) == [refused, NOOP_READ]
    assert read(b"A1 APPEND x {100}\r\n" + NOOP, MemorySinks(limit=50)) == [refused, NOOP_READ]


def test_a_refused_second_message_abandons_the_first() -> None:
    """MULTIAPPEND is all or nothing: what was spooled is let go."""
    sinks = MemorySinks(limit=5)
    first, second = read(b"A1 APPEND x {3+}\r\nabc {9+}\r\n123456789\r\n" + NOOP, sinks)
    assert first == SyntaxProblem(b"A1", "Too big", "TOOBIG", True)
    assert second == NOOP_READ
    assert [sink.abandoned for sink in sinks.opened] == [True]


def test_a_bad_end_abandons_the_message() -> None:
    """Text after the last literal makes the command BAD, and its spooled message is let go."""
    sinks = MemorySinks()
    first, second = read(b"A1 APPEND x {3+}\r\nabc zzz\r\n" + NOOP, sinks)
    assert isinstance(first, SyntaxProblem)
    assert second == NOOP_READ
    assert sinks.opened[0].abandoned


def test_a_failing_sink_is_no_and_in_step() -> None:
    """When the disk refuses, the rest of the literal is thrown away and the command answered NO."""
    for pieces in (
        [b"A1 APPEND x {9+}\r\n123456789\r\n" + NOOP],
        [b"A1 APPEND x {9+}\r\n", b"1234", b"56789\r\n" + NOOP],
    ):
        sinks = MemorySinks(fail_after=2)
        first, second = read(pieces, sinks)
        assert isinstance(first, SyntaxProblem)
        assert (first.no, first.code) == (True, "UNAVAILABLE")
        assert second == NOOP_READ
        assert sinks.opened[0].abandoned


def test_message_octets_go_straight_to_the_sink() -> None:
    """The message is never held: between feeds nothing of it is buffered."""
    sinks = MemorySinks()
    reader = Reader(ReaderState(authenticated=True), sinks)
    reader.feed(b"A1 APPEND x {100000+}\r\n")
    assert reader.next_event() is None
    for _ in range(10):
        reader.feed(b"x" * 10000)
        assert reader.buffered < 100
        assert reader.next_event() is None
    reader.feed(b"\r\n")
    event = reader.next_event()
    assert isinstance(event, Command)
    assert event.arguments.messages[0].data == b"x" * 100000
    assert not sinks.opened[0].abandoned


def test_an_endless_line_is_refused_once_and_skipped() -> None:
    """A line over the limit is one BAD for its tag; a literal it announces is thrown away too."""
    state = ReaderState(authenticated=True, max_line=100)
    stream = b"A1 LOGIN " + b"x" * 300 + b" {7+}\r\nX NOOP\n tail\r\n" + NOOP
    for pieces in ([stream], [bytes([octet]) for octet in stream]):
        first, second = read(pieces, state=state)
        assert isinstance(first, SyntaxProblem)
        assert (first.tag, first.close) == (b"A1", False)
        assert second == NOOP_READ


def test_a_strangers_endless_line_closes() -> None:
    """Before sign-in nothing long is thrown away: the connection ends, and nothing after it is read."""
    (only,) = read(b"A1 LOGIN " + b"x" * 70000 + b"\r\n" + NOOP, state=stranger())
    assert isinstance(only, SyntaxProblem)
    assert only.close


def test_a_command_of_many_lines_is_limited() -> None:
    """Many small literals cannot add up past max_command."""
    state = ReaderState(authenticated=True, max_command=1000)
    stream = (
        b"A1 SEARCH FROM " + b"{90+}\r\n" + (b"x" * 90 + b" FROM {90+}\r\n") * 20 + b"x" * 90 + b"\r\n" + NOOP
    )
    first, second = read(stream, state=state)
    assert isinstance(first, SyntaxProblem)
    assert (first.tag, first.code) == (b"A1", "TOOBIG")
    assert second == NOOP_READ


def test_a_refused_literal_too_long_to_skip_closes() -> None:
    """RFC 7888 4: closing is the other way to stay safe."""
    (only,) = read(b"A1 NOSUCH {%d+}\r\n" % (MAX_SKIP + 1) + NOOP)
    assert isinstance(only, SyntaxProblem)
    assert only.close


def test_raw_lines_are_passed_on() -> None:
    """While AUTHENTICATE or IDLE runs, lines are not commands."""
    state = ReaderState(raw_lines=True)
    assert read(b"AGEAYg==\r\n*\r\nDONE\r\n", state=state) == [
        SaslResponse(b"AGEAYg=="),
        SaslResponse(b"*"),
        SaslResponse(b"DONE"),
    ]


def test_clear_forgets_what_was_pipelined() -> None:
    """STARTTLS: nothing that came in clear text is read after it, half a command and its sink included."""
    sinks = MemorySinks()
    reader = Reader(ReaderState(authenticated=True), sinks)
    reader.feed(b"A1 APPEND x {10+}\r\nabc")
    assert reader.next_event() is None
    reader.clear()
    assert sinks.opened[0].abandoned
    assert reader.buffered == 0
    reader.feed(NOOP)
    assert reader.next_event() == NOOP_READ


PIECES = st.sampled_from(
    [
        b"A1 ",
        b"NOOP",
        b"UID ",
        b"FETCH 1:* (UID FLAGS BODY.PEEK[1.MIME]<0.5>)",
        b"APPEND x ",
        b"APPEND ",
        b"(\\Seen) ",
        b"UTF8 (",
        b")",
        b"~",
        b"{0}",
        b"{3+}",
        b"{3}",
        b"{12+}",
        b"{70+}",
        b"{99999999999999999999+}",
        b"\r\n",
        b"\n",
        b"\r",
        b"abc",
        b"\0",
        b'"a b" ',
        b"LOGIN ",
        b"SEARCH ",
        b"OR ",
        b"NOT ",
        b"(",
        b"FROM ",
        b"&ZeVnLIqe- ",
        b"SELECT ",
        b"x" * 60,
    ]
)
STREAMS = st.one_of(st.lists(PIECES, max_size=40).map(b"".join), st.binary(max_size=200))


@given(
    stream=STREAMS,
    cuts=st.lists(st.integers(0, 400), max_size=30),
    signed_in=st.booleans(),
    raw=st.booleans(),
)
@example(stream=b"x" * 120 + b"A1 NOOP\r\n", cuts=[], signed_in=False, raw=False)
@settings(max_examples=300, deadline=None)
def test_any_octets_in_any_pieces_give_the_same_events(
    stream: bytes, cuts: list[int], signed_in: bool, raw: bool
) -> None:
    """Chunking makes no difference, nothing raises, and no more is held than the limits say."""

    def state() -> ReaderState:
        return ReaderState(
            authenticated=signed_in, raw_lines=raw, max_line=120, max_literal=50, max_command=200
        )

    whole = read(stream, MemorySinks(limit=60), state())
    edges = sorted({0, len(stream), *(cut % (len(stream) + 1) for cut in cuts)})
    pieces = [stream[low:high] for low, high in itertools.pairwise(edges)]
    assert read(pieces, MemorySinks(limit=60), state()) == whole
    assert read([bytes([octet]) for octet in stream], MemorySinks(limit=60), state()) == whole


@given(stream=STREAMS)
@settings(max_examples=100, deadline=None)
def test_what_is_held_is_bounded(stream: bytes) -> None:
    """Whatever is sent, the reader holds at most a line, a command and the last chunk."""
    state = ReaderState(authenticated=True, max_line=120, max_command=200)
    reader = Reader(state, MemorySinks(limit=60))
    for octet in stream * 5:
        reader.feed(bytes([octet]))
        while reader.next_event() is not None:
            pass
        assert reader.buffered <= 120 + 200 + 2
