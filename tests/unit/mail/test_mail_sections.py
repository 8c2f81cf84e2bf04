"""IMAP sections by number (RFC 9051 6.4.5.1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.mime import scan
from posthouse.mail.sections import UnknownEncoding, binary, find, section, size, span

PLAIN = b"From: a@b\r\nSubject: plain\r\n\r\ntext\r\n"
EMBEDDED = b"Subject: inner\r\nContent-Type: multipart/mixed; boundary=in\r\n\r\n"
EMBEDDED += b"--in\r\nA: b\r\n\r\nin one\r\n--in\r\nContent-Type: text/html\r\n\r\nin two\r\n--in--\r\n"
MIXED = (
    b"Subject: outer\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
    b"--bb\r\nContent-Type: text/plain\r\n\r\none\r\n"
    b"--bb\r\nContent-Type: message/rfc822\r\n\r\n" + EMBEDDED + b"\r\n"
    b"--bb\r\nContent-Type: multipart/alternative; boundary=cc\r\n\r\n--cc\r\nX: y\r\n\r\nthree one\r\n--cc--\r\n\r\n"
    b"--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: simple\r\n\r\nsimple text\r\n--bb--\r\n"
)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ((), "", MIXED),
        ((), "HEADER", MIXED[: MIXED.index(b"--bb")]),
        ((), "TEXT", MIXED[MIXED.index(b"--bb") :]),
        ((1,), "", b"one"),
        ((1,), "MIME", b"Content-Type: text/plain\r\n\r\n"),
        ((1,), "HEADER", None),
        ((1,), "TEXT", None),
        ((1, 1), "", None),
        ((2,), "", EMBEDDED),
        ((2,), "MIME", b"Content-Type: message/rfc822\r\n\r\n"),
        ((2,), "HEADER", EMBEDDED[: EMBEDDED.index(b"--in")]),
        ((2,), "TEXT", EMBEDDED[EMBEDDED.index(b"--in") :]),
        ((2, 1), "", b"in one"),
        ((2, 2), "", b"in two"),
        ((2, 2), "MIME", b"Content-Type: text/html\r\n\r\n"),
        ((2, 3), "", None),
        ((3,), "", b"--cc\r\nX: y\r\n\r\nthree one\r\n--cc--\r\n"),
        ((3, 1), "", b"three one"),
        ((4, 1), "", b"simple text"),
        ((4, 1), "MIME", b"Subject: simple\r\n\r\n"),
        ((4, 2), "", None),
        ((4, 1, 1), "", None),
        ((5,), "", None),
        ((0,), "", None),
    ],
)
def test_sections_of_a_multipart(path: tuple[int, ...], text: str, expected: bytes | None) -> None:
    """Numbers go through multiparts and embedded messages."""
    root = scan(MIXED)
    assert section(MIXED, root, path, text) == expected
    if expected is not None:
        assert size(root, path, text) == len(expected)


@pytest.mark.parametrize(
    ("path", "text", "expected"),
    [
        ((1,), "", b"text\r\n"),
        ((1,), "MIME", PLAIN[:-6]),
        ((2,), "", None),
        ((1,), "HEADER", None),
        ((), "MIME", None),
    ],
)
def test_a_plain_message_has_one_part(path: tuple[int, ...], text: str, expected: bytes | None) -> None:
    """BODY[1] of a message that is not multipart is its text."""
    assert section(PLAIN, scan(PLAIN), path, text) == expected


def test_the_empty_part_that_bodystructure_shows_can_be_fetched() -> None:
    """A multipart without parts has an empty part 1."""
    message = b"Content-Type: multipart/mixed; boundary=bb\r\n\r\nnothing\r\n"
    assert section(message, scan(message), (1,), "") == b""
    assert section(message, scan(message), (2,), "") is None


def test_the_prefix_belongs_to_the_header() -> None:
    """A copy's own lines stand before everything that begins with the message's header."""
    prefix = b"Return-Path: <x@y>\r\n"
    root = scan(PLAIN)
    assert section(PLAIN, root, (), "", prefix=prefix) == prefix + PLAIN
    assert section(PLAIN, root, (), "HEADER", prefix=prefix) == prefix + PLAIN[:-6]
    assert section(PLAIN, root, (), "TEXT", prefix=prefix) == b"text\r\n"
    assert section(PLAIN, root, (), "HEADER.FIELDS", [b"return-path"], prefix=prefix) == prefix + b"\r\n"
    assert (
        section(PLAIN, root, (), "HEADER.FIELDS.NOT", [b"From", b"SUBJECT"], prefix=prefix)
        == prefix + b"\r\n"
    )
    assert section(PLAIN, root, (1,), "MIME", prefix=prefix) == prefix + PLAIN[:-6]
    assert size(root, (), "", prefix) == len(prefix) + len(PLAIN)


@given(st.integers(0, 80), st.integers(0, 80), st.sampled_from([b"", b"Return-Path: <x@y>\r\n"]))
def test_partials_are_slices(offset: int, length: int, prefix: bytes) -> None:
    """<offset.length> is a slice of the whole section, over prefix and body."""
    root = scan(PLAIN)
    for path, text in [((), ""), ((), "HEADER"), ((1,), ""), ((), "HEADER.FIELDS")]:
        whole = section(PLAIN, root, path, text, [b"from"], prefix=prefix)
        assert whole is not None
        part = section(PLAIN, root, path, text, [b"from"], prefix=prefix, partial=(offset, length))
        assert part == whole[offset : offset + length]


def test_binary_undoes_the_transfer_encoding() -> None:
    """BINARY[n] is decoded content; multiparts and messages are left alone; unknown encodings are told."""
    message = (
        b"Content-Type: multipart/mixed; boundary=bb\r\n\r\n"
        b"--bb\r\nContent-Transfer-Encoding: base64\r\n\r\nAAEC\r\n/w==\r\n"
        b"--bb\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\na=3Db=\r\nc\r\n"
        b"--bb\r\nContent-Transfer-Encoding: x-odd\r\n\r\n???\r\n--bb--\r\n"
    )
    root = scan(message)
    assert binary(message, root, (1,)) == b"\x00\x01\x02\xff"
    assert binary(message, root, (1,), partial=(1, 2)) == b"\x01\x02"
    assert binary(message, root, (2,)) == b"a=bc"
    assert binary(message, root, ()) == message
    assert binary(message, root, (9,)) is None
    with pytest.raises(UnknownEncoding, match="x-odd"):
        binary(message, root, (3,))


@given(st.lists(st.integers(0, 5), max_size=5))
def test_any_path_is_answered(path: list[int]) -> None:
    """Paths that lead nowhere give None, never an error."""
    root = scan(MIXED)
    assert (find(root, path) is None) == (span(root, path, "MIME" if path else "") is None)
