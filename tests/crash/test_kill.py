"""Accepted means kept: kill -9 at every named write step and at random, under load."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from campaign import Campaign, names


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="only on systems with SIGKILL")
@pytest.mark.parametrize("layout", ["journal", "plain"])
@pytest.mark.parametrize("workers", [1, 2])
def test_every_acknowledged_message_survives_kill_9(
    tmp_path: Path, workers: int, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each named step once and some random moments: nothing acknowledged is lost, damaged or there twice."""
    campaign = Campaign(tmp_path, seed=20 + workers, workers=workers, layout=layout)
    try:
        steps = names(layout)
        result = campaign.run(len(steps) + 2 if workers == 1 else len(steps))
    finally:
        campaign.server.kill()
    with capsys.disabled():
        print("\n" + result.report())
    assert result.clean(), result.report()
    assert all(result.by_step[name] for name in steps)
    assert result.acknowledged > 500
    assert result.median_in_flight() >= 20
