"""Conversations in the log: everything an administrator needs, nothing that is secret."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
import structlog

from posthouse.observe import logging_setup, talk


class Session:
    label = "0-7"
    trace_id = ""


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    logging_setup.configure("text", "info", stream)
    before = talk.switches
    talk.switches.smtp = talk.switches.imap = talk.switches.pop3 = True
    yield stream
    before.smtp = before.imap = before.pop3 = False
    structlog.reset_defaults()


@pytest.mark.parametrize(
    ("name", "line", "shown"),
    [
        ("smtp", b"EHLO client.example", "EHLO client.example"),
        ("smtp", b"AUTH PLAIN AGFubmEAc2VjcmV0", "AUTH PLAIN ***"),
        ("smtp", b"auth login", "AUTH login"),
        ("smtp", b"AUTH AGFubmEAc2VjcmV0", "AUTH ***"),
        ("smtp", b"AGFubmEAc2VjcmV0", "(16 bytes that are no command)"),
        ("smtp", b"MAIL FROM:<a@b> SIZE=4", "MAIL FROM:<a@b> SIZE=4"),
        ("pop3", b"USER anna", "USER anna"),
        ("pop3", b"pass two words", "PASS ***"),
        ("pop3", b"hunter2", "(7 bytes that are no command)"),
        ("imap", b"a1 LOGIN anna hunter2", "a1 LOGIN ***"),
        ("imap", b"LOGIN anna hunter2", "***"),
        ("imap", b"a1\tLOGIN anna hunter2", "a1 LOGIN ***"),
        ("imap", b"a1 AUTHENTICATE PLAIN AGFubmEAc2VjcmV0", "a1 AUTHENTICATE PLAIN ***"),
        ("imap", b"a1 SELECT inbox", "a1 SELECT inbox"),
        ("imap", b"AGFubmEAc2VjcmV0", "(16 bytes that are no command)"),
        ("imap", b"", ""),
    ],
)
def test_what_is_shown_of_a_command(name: str, line: bytes, shown: str) -> None:
    """Known commands, without their secrets; of everything else the length."""
    assert talk.shown(line, name) == shown


def test_a_switched_off_protocol_has_no_talk() -> None:
    """Sessions then hold None."""
    assert talk.begin("imap", Session(), "192.0.2.1") is None


def test_imap_literals_and_fetches_stay_out(written: io.StringIO) -> None:
    """On both sides, in whatever pieces they come."""
    of = talk.begin("imap", Session(), "192.0.2.1")
    assert of is not None
    of.line(b"a1 LOGIN {5}", True, False)
    of.line(b' "hunter2"', False, False)
    of.line(b"a2 SEARCH TEXT {3}", True, False)
    of.line(b" UNSEEN", False, False)
    of.line(b"c2VjcmV0", True, True)
    of.line(b"c2VjcmV0 x", True, False)
    of.sent(b"c2VjcmV0 BAD Unknown command\r\n")
    of.line(b"a3 NOOP", True, False)
    answer = (
        b"* 1 FETCH (UID 3 BODY[] {14}\r\nSecret\r\n* OK x FLAGS (\\Seen))\r\n"
        b'* 2 FETCH (ENVELOPE (NIL "private"))\r\n* LIST () "/" {5}\r\nInbox\r\na3 OK done\r\n'
    )
    for place in range(len(answer)):
        of.sent(answer[place : place + 1])
    of.line(b"a3 NOOP", True, False)
    of.sent(answer)
    text = written.getvalue()
    for hidden in ("hunter2", "c2VjcmV0", "Secret", "* OK x", "private", "Seen", "Inbox"):
        assert hidden not in text
    assert text.count("* 1 FETCH (***)") == text.count("* 2 FETCH (***)") == text.count("a3 OK done") == 2
    assert "SEARCH TEXT {3}" in text
    assert "UNSEEN" in text


def test_pop3_content_is_counted_as_one_answer(written: io.StringIO) -> None:
    """The message comes in pieces; the next command's answer is shown again."""
    of = talk.begin("pop3", Session(), "192.0.2.1")
    assert of is not None
    of.heard(b"RETR 1")
    of.sent(b"+OK 20 octets\r\n")
    of.follows()
    of.sent(b"Subject: private\r\n")
    of.sent(b"\r\nbody\r\n.\r\n")
    of.heard(b"NOOP")
    of.sent(b"+OK\r\n")
    text = written.getvalue()
    assert "private" not in text
    assert "body" not in text
    assert text.count("pop3.sent") == 2


def test_challenges_and_long_lines(written: io.StringIO) -> None:
    """A challenge is part of the secret exchange; a line is cut where the setting says."""
    of = talk.begin("submission", Session(), "192.0.2.1")
    assert of is not None
    of.sent(b"334 cj1hYmM=\r\n")
    of.sent(b"250 " + b"x" * 600 + b"\r\n")
    text = written.getvalue()
    assert "cj1hYmM" not in text
    assert "x" * 496 + "… (604 characters)" in text
