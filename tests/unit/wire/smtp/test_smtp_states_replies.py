"""Replies as bytes, and which command may come when."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.refusal import Refusal
from posthouse.wire.smtp import State, out_of_place, refusal_reply, reply
from posthouse.wire.smtp.states import VERBS

ALL, GREETED, NEW = set(State), set(State) - {State.CONNECTED}, {State.READY}

ALLOWED = {
    "HELO": ALL,
    "EHLO": ALL,
    "MAIL": NEW,
    "RCPT": {State.MAIL, State.RCPT},
    "DATA": {State.RCPT},
    "BDAT": {State.RCPT, State.CHUNKS},
    "RSET": ALL,
    "NOOP": ALL,
    "HELP": ALL,
    "VRFY": ALL,
    "QUIT": ALL,
    "STARTTLS": NEW,
    "AUTH": NEW,
    "ETRN": NEW,
    "EXPN": set(),
    "LHLO": set(),
}


def test_replies() -> None:
    """One line, several lines, with and without an enhanced code."""
    assert reply(220, "", "ready") == b"220 ready\r\n"
    assert reply(250, "2.0.0", "a", "b") == b"250-2.0.0 a\r\n250 2.0.0 b\r\n"
    assert reply(250, "") == b"250 \r\n"
    assert refusal_reply(Refusal(550, "5.1.1", "No such user")) == b"550 5.1.1 No such user\r\n"


@given(st.lists(st.text(max_size=1200), max_size=4))
def test_any_text_makes_one_legal_reply(texts: list[str]) -> None:
    """Line breaks, control characters, UTF-8 and length never break a reply or make two of it."""
    answer = reply(550, "5.0.0", *texts)
    lines = answer.split(b"\r\n")
    assert lines.pop() == b""
    assert all(len(line) <= 510 for line in lines)
    assert all(re.fullmatch(rb"550[ -]5\.0\.0 [ -~]*", line) for line in lines)
    assert [line[3:4] for line in lines] == [b"-"] * (len(lines) - 1) + [b" "]


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("verb", sorted(VERBS))
def test_the_whole_table_for_smtp(verb: str, state: State) -> None:
    """Every verb in every state is allowed exactly where RFC 5321 has it."""
    refused = out_of_place(verb, state)
    assert (refused is None) == (state in ALLOWED[verb])
    assert refused is None or refused[:1] == b"5"


def test_no_recipients() -> None:
    """DATA without an accepted recipient is 554 in SMTP, 503 in LMTP (RFC 2033 4.2)."""
    for verb in ("DATA", "BDAT"):
        smtp, lmtp = out_of_place(verb, State.MAIL), out_of_place(verb, State.MAIL, lmtp=True)
        assert smtp is not None
        assert lmtp is not None
        assert (smtp[:3], lmtp[:3]) == (b"554", b"503")


def test_lmtp_has_no_etrn() -> None:
    """Nobody waits for mail behind LMTP."""
    refused = out_of_place("ETRN", State.READY, lmtp=True)
    assert refused is not None
    assert refused[:3] == b"502"


def test_lmtp_has_its_own_greeting() -> None:
    """LHLO instead of HELO and EHLO, neither in the other protocol."""
    assert out_of_place("LHLO", State.CONNECTED, lmtp=True) is None
    for verb in ("HELO", "EHLO"):
        refused = out_of_place(verb, State.CONNECTED, lmtp=True)
        assert refused is not None
        assert refused[:3] == b"500"


@pytest.mark.parametrize(
    ("verb", "code"),
    [("EXPN", b"502"), ("TURN", b"502"), ("SAML", b"502"), ("", b"500"), ("X", b"500")],
)
def test_verbs_that_are_not_carried_out(verb: str, code: bytes) -> None:
    """Known verbs that we do not have are 502, unknown ones 500, in any state."""
    for state in State:
        refused = out_of_place(verb, state)
        assert refused is not None
        assert refused[:3] == code
