"""How the stream is cut into lines, responses and content."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.smtp import Content, Fault, Reader


def drain(reader: Reader) -> list[object]:
    events: list[object] = []
    while (event := reader.next_event()) is not None:
        events.append((event.data, event.done) if isinstance(event, Content) else event)
    return events


def test_lines_end_with_crlf() -> None:
    """Lines come without their CRLF; an incomplete one waits."""
    reader = Reader(512)
    reader.feed(b"EHLO a\r\nNO")
    assert drain(reader) == [b"EHLO a"]
    reader.feed(b"OP\r")
    assert drain(reader) == []
    reader.feed(b"\n\r\n")
    assert drain(reader) == [b"NOOP", b""]
    assert reader.buffered == 0


def test_a_line_that_ends_with_lf_alone_is_a_fault() -> None:
    """LF alone ends no line, and says so at once instead of leaving the client waiting."""
    reader = Reader(512)
    reader.feed(b"EHLO a\nMAIL\r\n")
    assert reader.next_event() is Fault.BARE_LF
    reader = Reader(512)
    reader.feed(b"\n")
    assert reader.next_event() is Fault.BARE_LF


def test_an_overlong_line_is_dropped_and_reported_once() -> None:
    """A line over the limit gives one fault, holds no memory while it comes, and leaves the next line
    intact."""
    reader = Reader(600)
    for _ in range(50):
        reader.feed(b"x" * 500)
        assert drain(reader) == []
        assert reader.buffered <= 1100
    reader.feed(b"\r\nNOOP\r\n")
    assert drain(reader) == [Fault.TOO_LONG, b"NOOP"]


def test_the_limit_counts_the_crlf() -> None:
    """A line of exactly the limit passes; one octet more does not."""
    reader = Reader(512)
    reader.feed(b"x" * 510 + b"\r\n" + b"x" * 511 + b"\r\n")
    assert drain(reader) == [b"x" * 510, Fault.TOO_LONG]


def test_data_and_back() -> None:
    """After begin_data content comes up to the end, then lines again."""
    reader = Reader(512)
    reader.feed(b"DATA\r\n")
    assert drain(reader) == [b"DATA"]
    reader.begin_data()
    assert drain(reader) == []
    reader.feed(b"a: b\r\n\r\n..x\r\n.\r\nQUIT\r\n")
    assert drain(reader) == [(b"a: b\r\n\r\n.x\r\n", True), b"QUIT"]


def test_chunks_and_back() -> None:
    """Chunks may stand right behind their commands; an empty one is an event too."""
    reader = Reader(512)
    reader.feed(b"BDAT 3\r\nabcBDAT 0 LAST\r\nNOOP\r\n")
    assert reader.next_event() == b"BDAT 3"
    reader.begin_chunk(3)
    event = reader.next_event()
    assert isinstance(event, Content)
    assert (event.data, event.done) == (b"abc", True)
    assert reader.next_event() == b"BDAT 0 LAST"
    reader.begin_chunk(0)
    event = reader.next_event()
    assert isinstance(event, Content)
    assert (event.data, event.done) == (b"", True)
    assert drain(reader) == [b"NOOP"]


def test_clear_drops_everything() -> None:
    """After clear nothing that came before is ever seen."""
    reader = Reader(512)
    reader.feed(b"STARTTLS\r\nMAIL FROM:<a@b>\r\nRCPT")
    assert reader.next_event() == b"STARTTLS"
    reader.feed(b" TO:<c@d>\r\n")
    assert reader.buffered == len(b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\n")
    reader.clear()
    assert reader.buffered == 0
    assert drain(reader) == []


@given(st.binary(max_size=300), st.lists(st.integers(0, 300)), st.integers(1, 40))
def test_lines_do_not_depend_on_the_chunking(data: bytes, cuts: list[int], limit: int) -> None:
    """Any bytes give the same events however they are cut, as long as each event is taken."""
    data = data.replace(b"\0", b"\r\n")
    whole = Reader(limit)
    whole.feed(data)
    expected = drain(whole)
    places = sorted({place % (len(data) + 1) for place in cuts})
    reader = Reader(limit)
    events: list[object] = []
    for a, b in zip([0, *places], [*places, len(data)], strict=True):
        reader.feed(data[a:b])
        events += drain(reader)
        assert reader.buffered <= limit
    assert events == expected
