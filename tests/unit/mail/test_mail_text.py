"""Decoded text for SEARCH and PREVIEW."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.casemap import fold
from posthouse.mail.html import html_to_text
from posthouse.mail.mime import scan
from posthouse.mail.text import PREVIEW_LENGTH, all_texts, body_texts, contains, preview

MESSAGE = (
    b"Subject: =?utf-8?q?Caf=C3=A9?=\r\nContent-Type: multipart/mixed; boundary=bb\r\n\r\n"
    b"--bb\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b"Gr=C3=BC=\r\n=C3=9Fe\r\n"
    b'--bb\r\nContent-Type: application/pdf; name="invoice.pdf"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\nc2VjcmV0\r\n"
    b"--bb\r\nContent-Type: message/rfc822\r\n\r\nSubject: forwarded\r\n\r\ninner words\r\n--bb--\r\n"
)


def shown(message: bytes) -> str:
    """The preview of a message."""
    return preview(message, scan(message))


def test_body_texts_are_decoded_text_parts() -> None:
    """SEARCH BODY sees text at any depth, decoded, and no attachments or headers."""
    assert list(body_texts(MESSAGE, scan(MESSAGE))) == ["Grüße", "inner words"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("grüßE", True),
        ("CAFE", True),
        ("invoice", True),
        ("forwarded", True),
        ("inner", True),
        ("secret", False),
        ("return-path", True),
        ("words Grü", False),
    ],
)
def test_all_texts_have_the_headers_too(wanted: str, found: bool) -> None:
    """SEARCH TEXT sees headers, prefix and file names; case and accents do not matter; no match spans two parts."""
    texts = all_texts(MESSAGE, scan(MESSAGE), prefix=b"Return-Path: <x@y>\r\n")
    assert contains(texts, fold(wanted)) is found


REPORT = (
    b"Subject: folded\r\n\tsubject\r\nno field at all\r\nX-Last:1\r\nmore that is none\r\n"
    b"Content-Type: multipart/report; boundary=bb\r\n\r\n"
    b"--bb\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; a.example\r\n--bb--\r\n"
)


@pytest.mark.parametrize(
    "wanted", ["folded subject", "x-last:1", "no field at all", "more that is none", "reporting-mta"]
)
def test_reports_folds_and_stray_lines_are_found(wanted: str) -> None:
    """SEARCH TEXT sees delivery reports, header lines that are no fields, and a tab that folds as a blank."""
    assert contains(all_texts(REPORT, scan(REPORT)), fold(wanted))


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (b"\r\nHello,\r\n\r\n  how are   you?\r\n", "Hello, how are you?"),
        (
            b"Content-Type: text/html\r\n\r\n<head><title>t</title></head><style>x</style><p>Hi&nbsp;<b>you</b></p>",
            "Hi you",
        ),
        (
            b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nR3LDvMOfZQ==",
            "Grüße",
        ),
        (b"\r\nOn Monday, Ann wrote:\r\n> old\r\n> older\r\nNew text\r\n", "New text"),
        (b"\r\n> only quotes\r\n", "> only quotes"),
        (b"Content-Type: image/png\r\n\r\nxxx", ""),
        (b"\r\n", ""),
        (b"Content-Type: multipart/encrypted; boundary=b\r\n\r\n--b\r\n\r\nsecret\r\n--b--", ""),
        (
            b"Content-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>html\r\n"
            b"--b\r\n\r\nplain\r\n--b--",
            "plain",
        ),
        (
            b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Disposition: attachment\r\n\r\nfile\r\n"
            b"--b\r\n\r\ntext\r\n--b--",
            "text",
        ),
    ],
)
def test_previews(message: bytes, expected: str) -> None:
    """The beginning of what the message says."""
    assert shown(message) == expected


def test_previews_are_short() -> None:
    """At most 200 characters, also of a very long line."""
    assert len(shown(b"\r\n" + "ä".encode() * 5000)) == PREVIEW_LENGTH


@pytest.mark.parametrize(
    "source", ["<![", "<!--", "<", "&", "<a b='", "<!DOCTYPE [<!", "<script>x", "<p>a<p>b", "</", "<?"]
)
def test_broken_html_gives_what_was_understood(source: str) -> None:
    """No markup raises, and what stood before it is kept."""
    assert "before" in html_to_text("before " + source)


@given(st.text("<>!-[]/&;a='\" \n", max_size=60))
def test_any_html_is_read(source: str) -> None:
    """No source raises."""
    html_to_text(source)


@pytest.mark.parametrize(
    "body", [b"<" * 100_000, b"<!--" * 20_000, b"<a " * 30_000, b">\r\n" * 50_000, b"On " * 50_000]
)
def test_hostile_previews_cost_little(body: bytes) -> None:
    """Only the beginning of a part is looked at."""
    start = time.process_time()
    for kind in (b"html", b"plain"):
        shown(b"Content-Type: text/" + kind + b"\r\n\r\n" + body)
    assert time.process_time() - start < 30
