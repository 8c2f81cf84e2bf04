"""The end of a message, stuffed dots, chunks, and the rule that CR and LF come only together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.smtp import LineRule, Normaliser
from posthouse.wire.smtp.data import ChunkDecoder, DataDecoder

SMUGGLING = {
    "LF . LF (CVE-2023-51764, Postfix)": b"\n.\n",
    "LF . CRLF (CVE-2023-51764, Postfix)": b"\n.\r\n",
    "CRLF . LF": b"\r\n.\n",
    "CR . CR": b"\r.\r",
    "CR . CRLF (CVE-2023-51765, Sendmail)": b"\r.\r\n",
    "CRLF . CR": b"\r\n.\r",
    "CR LF NUL . CRLF (CVE-2023-51765, Sendmail)": b"\r\n\0.\r\n",
    "CR CRLF . CR CRLF": b"\r\r\n.\r\r\n",
    "LF CR . LF CR": b"\n\r.\n\r",
    "LF . CR LF split (CVE-2023-51766, Exim)": b"\n.\r\n",
}


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    """``data`` in pieces, cut at these places."""
    places = sorted({place % (len(data) + 1) for place in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


def decode(pieces: list[bytes]) -> tuple[bytes, bytes | None]:
    decoder = DataDecoder()
    text = b""
    for number, piece in enumerate(pieces):
        text += decoder.feed(piece)
        if decoder.rest is not None:
            return text, decoder.rest + b"".join(pieces[number + 1 :])
    return text, None


@pytest.mark.parametrize(
    ("wire", "message", "rest"),
    [
        (b".\r\n", b"", b""),
        (b"a\r\n.\r\n", b"a\r\n", b""),
        (b"\r\n.\r\nQUIT\r\n", b"\r\n", b"QUIT\r\n"),
        (b"..\r\n.\r\n", b".\r\n", b""),
        (b".a\r\n..b\r\n...\r\n.\r\n", b"a\r\n.b\r\n..\r\n", b""),
        (b"a.\r\nb .\r\n.\r\n.\r\n", b"a.\r\nb .\r\n", b".\r\n"),
        (b"a\r\n.", b"a", None),
        (b"a", b"a", None),
    ],
)
def test_messages_come_out_without_their_dots(wire: bytes, message: bytes, rest: bytes | None) -> None:
    """Stuffed dots go, the last CRLF stays, what follows the end is left alone; in one piece and byte by
    byte."""
    assert decode([wire]) == (message, rest)
    assert decode([wire[at : at + 1] for at in range(len(wire))]) == (message, rest)


@pytest.mark.parametrize("attack", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_smuggling_sequences_do_not_end_a_message(attack: bytes) -> None:
    """What some servers take for the end is text here, and the line rule sees that it may not stand there."""
    wire = b"a: b\r\n\r\nfirst" + attack + b"MAIL FROM:<x@y>\r\n.\r\nQUIT\r\n"
    for pieces in ([wire], [wire[at : at + 1] for at in range(len(wire))]):
        text, rest = decode(pieces)
        assert rest == b"QUIT\r\n"
        assert b"MAIL FROM:<x@y>\r\n" in text
        rule = LineRule()
        rule.check(text)
        rule.end()
        assert rule.bare or rule.nul


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b".", b"a", b"\r\n", b"\r\n.", b"\r\n.\r\n"])),
    st.lists(st.integers(0, 99)),
)
def test_decoding_does_not_depend_on_the_chunking(parts: list[bytes], cuts: list[int]) -> None:
    """The same bytes in other pieces give the same message, the same end and the same rest."""
    wire = b"".join(parts)
    whole = decode([wire])
    text, rest = decode(cut(wire, cuts))
    assert rest == whole[1]
    if rest is not None:
        assert text == whole[0]


@given(st.binary(max_size=60))
def test_stuffing_and_decoding_are_inverse(message: bytes) -> None:
    """Whatever a client stuffs as RFC 5321 says comes back as it was."""
    message = message.replace(b"\r", b"").replace(b"\n", b"\r\n") + b"\r\n"
    stuffed = (b"\r\n" + message).replace(b"\r\n.", b"\r\n..")[2:]
    assert decode([stuffed + b".\r\n"]) == (message, b"")


def test_a_chunk_is_counted_off() -> None:
    """A BDAT chunk is exactly its octets, whatever they are; an empty one is complete at once."""
    decoder = ChunkDecoder(5)
    assert decoder.feed(b"\r\n.") == b"\r\n."
    assert decoder.rest is None
    assert decoder.feed(b"\r\nNOOP\r\n") == b"\r\n"
    assert decoder.rest == b"NOOP\r\n"
    assert ChunkDecoder(0).rest == b""
    exact = ChunkDecoder(2)
    assert exact.feed(b"ab") == b"ab"
    assert exact.rest == b""


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (b"", False),
        (b"a\r\nb\r\n", False),
        (b"a\nb", True),
        (b"a\rb", True),
        (b"\r", True),
        (b"\n", True),
        (b"a\r\r\n", True),
        (b"\n\r", True),
        (b"a\r\n\n", True),
        (b"\r\n\r\n", False),
    ],
)
def test_bare_cr_and_lf_are_seen_wherever_the_cuts_are(text: bytes, bare: bool) -> None:
    """A CR or LF on its own is noticed, also when a CRLF is cut in two, also at the very end."""
    for at in range(len(text) + 1):
        rule = LineRule()
        rule.check(text[:at])
        rule.check(text[at:])
        rule.end()
        assert rule.bare == bare


@given(
    st.lists(st.sampled_from([b"a", b"bcd", b"\r\n", b"efghijkl"])),
    st.lists(st.integers(0, 99)),
    st.integers(3, 12),
)
def test_long_lines_are_seen_wherever_the_cuts_are(parts: list[bytes], cuts: list[int], limit: int) -> None:
    """A line over the limit (CRLF included) is noticed and none other, however the text is cut."""
    text = b"".join(parts)
    too_long = any(len(line) > limit for line in text.splitlines(keepends=True))
    rule = LineRule(limit)
    for piece in cut(text, cuts):
        rule.check(piece)
    assert rule.long == too_long


def test_line_length_without_a_limit_and_nul() -> None:
    """Limit 0 lets any line pass; a NUL is noticed in any piece."""
    rule = LineRule(0)
    rule.check(b"x" * 100000)
    assert not rule.long
    assert not rule.nul
    rule.check(b"a\0b")
    assert rule.nul


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b"."])), st.lists(st.integers(0, 99)))
def test_normalising(parts: list[bytes], cuts: list[int]) -> None:
    """Every bare CR and LF becomes CRLF, CRLF stays, nothing else changes, however the text is cut."""
    text = b"".join(parts)
    expected = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    normaliser = Normaliser()
    out = b"".join(normaliser.feed(piece) for piece in cut(text, cuts)) + normaliser.end()
    assert out == expected
