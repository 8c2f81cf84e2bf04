"""The IMAP conversations of tests/talk/imap."""

from __future__ import annotations

import pytest
from counted_spools import CountedBody, CountedSpool
from imap_harness import ImapHarness
from talk_runner import run_talk, talk_cases
from talk_script import Talk


@pytest.mark.parametrize(("talk", "mode"), talk_cases("imap"))
async def test_imap_talk(talk: Talk, mode: str) -> None:
    """The conversation goes as written, and leaves no spool open."""
    CountedSpool.unended = CountedBody.unended = 0
    tls = any(step.word in ("starttls", "connect") for step in talk.steps)
    harness = ImapHarness(talk.given, needs_tls=tls)
    await harness.start()
    await run_talk(talk, mode, harness)
    assert CountedSpool.unended == CountedBody.unended == 0
