"""The IMAP conversations of tests/talk/imap."""

from __future__ import annotations

from pathlib import Path

import pytest
from imap_harness import ImapHarness
from talk_runner import run_talk, talk_cases
from talk_script import Talk


@pytest.mark.parametrize(("talk", "mode"), talk_cases("imap"))
async def test_imap_talk(talk: Talk, mode: str, tmp_path: Path, sqlite_database_url: str) -> None:
    """The conversation goes as written, and leaves no half-received message behind."""
    tls = any(step.word in ("starttls", "connect") for step in talk.steps)
    harness = ImapHarness(talk.given, tls, tmp_path, sqlite_database_url)
    await harness.start()
    try:
        await run_talk(talk, mode, harness)
    finally:
        await harness.close()
