"""ENVELOPE, BODY and BODYSTRUCTURE as bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from imap_values import Value, check_body, check_envelope, read_value

from posthouse.mail.headers import values
from posthouse.mail.mime import scan
from posthouse.wire.imap.structure import envelope, nstring, render, string

CORPUS = sorted((Path(__file__).parents[3] / "corpus").glob("*/*.eml"))


def rendered(message: bytes) -> tuple[Value, Value, Value]:
    """Envelope, body and body structure of a message, read back strictly."""
    part = scan(message)
    body, structure = render(message, part)
    return read_value(envelope(values(message[: part.body]))), read_value(body), read_value(structure)


def check(message: bytes) -> None:
    """All three are what the grammar demands."""
    listed, body, structure = rendered(message)
    check_envelope(listed)
    check_body(body, extended=False)
    check_body(structure, extended=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'a "b" \\', b'"a \\"b\\" \\\\"'),
        (b"\xe4", b"{1}\r\n\xe4"),
        (b"a\r\n b", b"{4}\r\na  b"),
        (b"a\0", b"{4}\r\na\xef\xbf\xbd"),
        (b"x" * 2000, b"{2000}\r\n" + b"x" * 2000),
    ],
)
def test_strings(value: bytes, expected: bytes) -> None:
    """Quoted where it can be; 8-bit in a literal; no CR, LF or NUL anywhere."""
    assert string(value) == expected
    assert nstring(None) == b"NIL"


def test_an_envelope() -> None:
    """Sender and Reply-To default to From; missing fields are NIL, empty ones are not (RFC 9051 7.5.2)."""
    message = b"Date: d\r\nSubject:  a\r\n  b  \r\nFrom: N <a@b>\r\nTo: G: c@d;\r\n"
    message += b"In-Reply-To:\r\nMessage-ID: <i@j>\r\n\r\n"
    sender = b'(("N" NIL "a" "b"))'
    assert envelope(values(message)) == (
        b'("d" "a b" '
        + sender
        + b" "
        + sender
        + b" "
        + sender
        + b' ((NIL NIL "G" NIL)(NIL NIL "c" "d")(NIL NIL NIL NIL)) NIL NIL "" "<i@j>")'
    )


def test_an_empty_header_has_an_empty_envelope() -> None:
    """Ten times NIL."""
    assert envelope({}) == b"(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"


def test_a_plain_body() -> None:
    """Text has lines and, where none is given, a charset."""
    assert render(b"A: b\r\n\r\none\r\ntwo\r\n", scan(b"A: b\r\n\r\none\r\ntwo\r\n")) == (
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2)',
        b'("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 10 2 NIL NIL NIL NIL)',
    )


def test_a_multipart_with_extensions() -> None:
    """Parts stand side by side; BODYSTRUCTURE adds parameters, disposition, language and location."""
    message = (
        b"Content-Type: multipart/mixed; boundary=b\r\nContent-Language: en\r\n\r\n--b\r\n\r\nx\r\n"
        b"--b\r\nContent-Type: application/pdf; name*0=a; name*1=b\r\nContent-Disposition: attachment; filename=f\r\n"
        b"Content-MD5: m\r\nContent-ID: <i>\r\n\r\ny\r\n--b--\r\n"
    )
    text = b'"text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 1 0'
    pdf = b'"application" "pdf" ("name" "ab") "<i>" NIL "7bit" 1'
    body, structure = render(message, scan(message))
    assert body == b"((" + text + b")(" + pdf + b') "mixed")'
    assert structure == (
        b"((" + text + b" NIL NIL NIL NIL)(" + pdf + b' "m" ("attachment" ("filename" "f")) NIL NIL)'
        b' "mixed" ("boundary" "b") NIL ("en") NIL)'
    )


def test_an_embedded_message() -> None:
    """Envelope, structure and lines of the embedded message follow."""
    message = b"Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nbody\r\n"
    assert render(message, scan(message))[0] == (
        b'("message" "rfc822" NIL NIL NIL "7bit" 20 (NIL "x" NIL NIL NIL NIL NIL NIL NIL NIL)'
        b' ("text" "plain" ("charset" "us-ascii") NIL NIL "7bit" 6 1) 3)'
    )


def test_structures_past_the_limits_are_still_valid() -> None:
    """A message part the scanner did not enter shows an empty message, a multipart an empty text."""
    message = b"Content-Type: message/rfc822\r\n\r\n" * 5
    body, structure = render(message, scan(message, max_depth=2))
    check_body(read_value(body), extended=False)
    check_body(read_value(structure), extended=True)
    empty = b"Content-Type: multipart/mixed\r\n\r\nx"
    assert read_value(render(empty, scan(empty))[0]) == [
        [b"text", b"plain", [b"charset", b"us-ascii"], None, None, b"7bit", 0, 0],
        b"mixed",
    ]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_the_corpus_renders_validly(path: Path) -> None:
    """Every message of the corpus has an ENVELOPE, BODY and BODYSTRUCTURE within the grammar."""
    check(path.read_bytes())


FIELDS = [
    b"Content-Type",
    b"Content-Disposition",
    b"Content-Language",
    b"Content-ID",
    b"Content-MD5",
    b"From",
    b"To",
]
FIELDS += [b"Subject", b"Date", b"Content-Transfer-Encoding", b"Message-ID", b"Content-Location", b"Sender"]
VALUES = [
    b"multipart/mixed; boundary=a",
    b"message/rfc822",
    b"text/plain",
    b"; x=",
    b'"',
    b"\\",
    b"(",
    b")",
    b"\xff",
    b"\0",
]
VALUES += [
    b"\r\n ",
    b"\r",
    b"a@b",
    b"<",
    b">",
    b",",
    b":",
    b";",
    b"en",
    b" ",
    b"a*0*=x",
    b"=?utf-8?q?x?=",
    b"{3}",
]
LINES = st.one_of(
    st.tuples(st.sampled_from(FIELDS), st.lists(st.sampled_from(VALUES), max_size=6)).map(
        lambda drawn: drawn[0] + b": " + b"".join(drawn[1]) + b"\r\n"
    ),
    st.sampled_from([b"\r\n", b"--a\r\n", b"--a--\r\n", b"text\r\n"]),
)


@given(st.lists(LINES, max_size=14).map(b"".join))
def test_anything_renders_validly(message: bytes) -> None:
    """Whatever the fields hold, a client can parse the answer."""
    check(message)
