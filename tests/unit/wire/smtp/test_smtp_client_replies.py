"""Replies as a client reads them: what is a reply, what is none, and that nothing grows without bound."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.wire.smtp.client_extensions import read_extensions
from posthouse.wire.smtp.client_reply import (
    LARGEST_REPLY,
    LONGEST_LINE,
    MOST_LINES,
    NotSmtp,
    Reply,
    ReplyParser,
)


def read(data: bytes) -> list[Reply]:
    return ReplyParser().feed(data)


def test_a_reply() -> None:
    (reply,) = read(b"250 2.1.0 sender fine\r\n")
    assert (reply.code, reply.status, reply.text, reply.good) == (250, "2.1.0", "sender fine", True)


def test_lines_of_a_reply_are_joined_and_the_status_is_taken_out_of_each() -> None:
    (reply,) = read(b"550-5.7.1 we do not\r\n550-5.7.1 like you\r\n550 5.7.1\r\n")
    assert (reply.code, reply.status, reply.text) == (550, "5.7.1", "we do not like you")


@pytest.mark.parametrize(
    ("raw", "code", "text"),
    [
        (b"250\r\n", 250, ""),
        (b"250 \r\n", 250, ""),
        (b"250-\r\n250 b\n", 250, "b"),
        (b"354 go\n", 354, "go"),
        (b"550 \xc3\xa4\xff\x00\x1b[2Jx\r\n", 550, "ä\ufffd [2Jx"),
    ],
)
def test_lenient_where_it_costs_nothing(raw: bytes, code: int, text: str) -> None:
    (reply,) = read(raw)
    assert (reply.code, reply.text) == (code, text)


def test_a_status_of_another_class_is_none() -> None:
    (reply,) = read(b"450 5.1.1 which now?\r\n")
    assert (reply.status, reply.text) == ("", "5.1.1 which now?")


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"250-a\r\n550 b\r\n", 550),
        (b"550-a\r\n250 b\r\n", 550),
        (b"450-a\r\n250-b\r\n250 c\r\n", 450),
        (b"250-a\r\n251 b\r\n", 251),
        (b"550-a\r\n450 b\r\n", 450),
    ],
)
def test_mixed_codes_never_turn_a_refusal_into_a_yes(raw: bytes, code: int) -> None:
    assert read(raw)[0].code == code


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 400 Bad Request\r\n",
        b"* OK IMAP4rev1\r\n",
        b"\x15\x03\x01\x00\x02",
        b"25",
        b"150 no such class\r\n",
        b"650 no such class\r\n",
        b"2500 four digits\r\n",
        b"250_\r\n",
        b"\r\n",
        b"\x00",
    ],
)
def test_what_is_no_smtp(raw: bytes) -> None:
    if raw == b"25":
        assert read(raw) == []  # may still become one
        return
    with pytest.raises(NotSmtp):
        read(raw)


def test_lines_and_replies_have_an_end() -> None:
    with pytest.raises(NotSmtp, match="line"):
        read(b"250 " + b"a" * LONGEST_LINE)
    with pytest.raises(NotSmtp, match=r"not SMTP|line"):
        read(b"250 " + b"a" * LONGEST_LINE + b"\r\n")
    with pytest.raises(NotSmtp, match="end"):
        read(b"250-a\r\n" * (MOST_LINES + 1))
    with pytest.raises(NotSmtp, match="end"):
        read((b"250-" + b"a" * 1000 + b"\r\n") * (LARGEST_REPLY // 1000 + 1))


LINES = st.lists(
    st.tuples(st.integers(200, 599), st.sampled_from(["2.1.0 ", "5.1.1 ", ""]), st.text(max_size=30)),
    min_size=1,
    max_size=5,
)


@given(replies=st.lists(LINES, max_size=5), cuts=st.lists(st.integers(1, 40), max_size=30))
def test_the_same_in_any_pieces(replies: list[list[tuple[int, str, str]]], cuts: list[int]) -> None:
    raw = b""
    for lines in replies:
        for number, (_, status, text) in enumerate(lines):
            words = (status + text).replace("\r", "").replace("\n", "")
            mark = " " if number == len(lines) - 1 else "-"
            raw += f"{lines[0][0]}{mark}{words}\r\n".encode("utf-8", "replace")
    whole = read(raw)
    assert [reply.code for reply in whole] == [lines[0][0] for lines in replies]
    parser, found, at = ReplyParser(), [], 0
    for cut in [*cuts, len(raw)]:
        found += parser.feed(raw[at : at + cut])
        at += cut
    assert found == whole
    assert parser.clean


@given(chunks=st.lists(st.one_of(st.binary(max_size=200), st.sampled_from([b"250", b" ok", b"\r\n", b"-"]))))
def test_any_bytes_give_replies_or_a_clean_end(chunks: list[bytes]) -> None:
    parser = ReplyParser()
    complaint = ""
    try:
        for chunk in chunks:
            for reply in parser.feed(chunk):
                assert 200 <= reply.code <= 599
                assert reply.text.isprintable() or not reply.text.isascii()
                assert all(sign not in reply.text for sign in "\r\n\x00")
            assert len(parser._buffer) < LONGEST_LINE
    except NotSmtp as problem:
        complaint = str(problem)
    assert complaint.isprintable()


def test_extensions() -> None:
    found = read_extensions(
        [
            "mx.test hi",
            "SIZE 1000",
            "auth PLAIN login",
            "AUTH=LOGIN XOAUTH2",
            "8bitmime",
            "",
            "X=Y",
            "LIMITS RCPTMAX=5",
        ]
    )
    assert found.name == "mx.test"
    assert found.largest == 1000
    assert found.mechanisms == ("PLAIN", "LOGIN", "XOAUTH2")
    assert "8BITMIME" in found
    assert "X" not in found
    assert (found.limit("RCPTMAX"), found.limit("MAILMAX")) == (5, 0)


@pytest.mark.parametrize("words", ["SIZE", "SIZE x", "SIZE -1", "SIZE 99999999999999999999", "SIZE \u0663"])
def test_a_size_that_is_none(words: str) -> None:
    assert read_extensions(["mx", words]).largest == 0


def test_thousands_of_parameters_cost_nothing() -> None:
    """A remote fills its reply with them; each is looked for by its hash, not among all others."""
    words = [f"{number:x}" for number in range(7000)]
    lines = ["mx", *(f"X {' '.join(words[at : at + 70])}" for at in range(0, 7000, 70)), "X 0 1 2"]

    class Counted(str):
        compared = 0

        def __eq__(self, other: object) -> bool:
            Counted.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

        def split(self, *_: object) -> list[str]:  # type: ignore[override]
            return [Counted(word) for word in str.split(self)]

        def upper(self) -> Counted:
            return Counted(str.upper(self))

    found = read_extensions([Counted(line) for line in lines])
    assert len(found.announced["X"]) == 7000
    assert Counted.compared < 100_000
