"""The word to somebody whose forward does not work."""

from __future__ import annotations

from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

import pytest

from posthouse.deliver.forward_notice import compose
from posthouse.directory.forwards import ForwardTarget
from posthouse.mail.address import parse_address

NOW = 1_800_000_000.0
DAY = 86400.0


def written(target: ForwardTarget, account: str = "anna@example.org", **changes: Any) -> EmailMessage:
    more: dict[str, Any] = {
        "language": "en",
        "author": "mailer-daemon@mail.example.org",
        "days": 14,
        **changes,
    }
    content = compose(parse_address(account), target, message_id="<1@mail.example.org>", now=NOW, **more)
    for line in content.split(b"\r\n"):
        assert len(line) <= 998
        assert b"\n" not in line
        assert b"\r" not in line
    message = BytesParser(policy=policy.default).parsebytes(content)
    assert not message.defects
    assert isinstance(message, EmailMessage)
    return message


def test_the_first_time() -> None:
    message = written(
        ForwardTarget("bert@example.net", failing_since=NOW, trouble="mx said: 550 No such user")
    )
    assert message["Subject"] == "Your forward to bert@example.net does not work"
    assert message["To"] == "anna@example.org"
    assert message["Auto-Submitted"] == "auto-generated"
    text = message.get_content()
    assert "nothing is lost" in text
    assert "mx said: 550 No such user" in text
    assert "for 14 days" in text
    assert "has not worked since" not in text


def test_later_and_at_the_end() -> None:
    old = ForwardTarget("bert@example.net", failing_since=NOW - 15 * DAY, trouble="no", stopped=True)
    text = written(old).get_content()
    assert "It has not worked since 2026-12-31" in text
    assert "not forwarded there any more" in text
    assert "days" not in written(ForwardTarget("b@example.net", failing_since=NOW), days=0).get_content()


@pytest.mark.parametrize("language", ["de", "xx"])
def test_in_german_else_in_english(language: str) -> None:
    message = written(ForwardTarget("bert@müller.example", failing_since=NOW, trouble="x"), language=language)
    german = language == "de"
    assert ("Ihre Weiterleitung" in message["Subject"]) is german
    assert message["Content-Language"] == (language if german else "en")
    assert ("nichts ist verloren" in message.get_content()) is german


def test_hostile_words_stay_words() -> None:
    trouble = "550 \r\nBcc: all@example.org\r\n\r\n\x1b[2J\0 {account} " + "x" * 5000
    message = written(ForwardTarget('"a\\"b"@example.net', failing_since=NOW, trouble=trouble))
    assert message["Bcc"] is None
    text = message.get_content()
    assert "\x1b" not in text
    assert "{account}" in text
    assert len(text) < 3000
