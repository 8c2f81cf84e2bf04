"""The POP3 conversations of tests/talk/pop3."""

from __future__ import annotations

import pytest
from pop3_harness import Pop3Harness
from talk_runner import run_talk, talk_cases
from talk_script import Talk


@pytest.mark.parametrize(("talk", "mode"), talk_cases("pop3"))
async def test_pop3_talk(talk: Talk, mode: str) -> None:
    """The conversation goes as written."""
    tls = any(step.word in ("starttls", "connect") for step in talk.steps)
    harness = Pop3Harness(talk.given, needs_tls=tls)
    await harness.start()
    await run_talk(talk, mode, harness)
