"""Mail that tests the bytes, not the good will."""

from __future__ import annotations

READER = "reader@posthouse.test"

AWKWARD = (
    b"From: Sender <sender@example.org>\r\nTo: reader@posthouse.test\r\nSubject: =?utf-8?q?awkward_=E2=82=AC?=\r\n"
    b"Date: Mon, 05 Oct 2026 10:00:00 +0000\r\nMessage-ID: <awkward@example.org>\r\n"
    b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    b".a line that begins with a dot\r\n..two dots\r\n.\x20\r\n"
    b"From the beginning of a line\r\n"
    b"trailing blanks   \r\n\ttab and \xc3\xa4\xe2\x82\xac 8-bit\r\n"
    b"\r\n\r\n" + b"x" * 900 + b"\r\nlast line\r\n"
)
"""Dots, From, 8-bit text, trailing blanks, a long line."""


def body_of(message: bytes) -> bytes:
    """The text after the header."""
    return message.partition(b"\r\n\r\n")[2]
