"""Accepted means kept: kill -9 at every named write step and at random, under load."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from campaign import Campaign

from posthouse.observe.steps import NAMES


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with SIGKILL")
@pytest.mark.parametrize("workers", [1, 2])
def test_every_acknowledged_message_survives_kill_9(
    tmp_path: Path, workers: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each named step once and some random moments: nothing acknowledged is lost, damaged or there twice."""
    campaign = Campaign(tmp_path, seed=20 + workers, workers=workers)
    try:
        result = campaign.run(len(NAMES) + 2 if workers == 1 else len(NAMES))
    finally:
        campaign.server.kill()
    with capsys.disabled():
        print("\n" + result.report())
    assert result.clean(), result.report()
    assert all(result.by_step[name] for name in NAMES)
    assert result.acknowledged > 500
    assert result.median_in_flight() >= 20
