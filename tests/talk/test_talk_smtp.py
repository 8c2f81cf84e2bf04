"""The SMTP, submission and LMTP conversations of tests/talk/smtp."""

from __future__ import annotations

import pytest
from smtp_harness import SmtpHarness
from talk_runner import run_talk, talk_cases
from talk_script import Talk


@pytest.mark.parametrize(("talk", "mode"), talk_cases("smtp"))
async def test_smtp_talk(talk: Talk, mode: str) -> None:
    """The conversation goes as written."""
    tls = any(step.word == "starttls" or "tls=" in step.text for step in talk.steps)
    await run_talk(talk, mode, SmtpHarness(talk.given, needs_tls=tls))
