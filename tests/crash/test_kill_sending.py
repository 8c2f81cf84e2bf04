"""Mail on its way to other servers survives kill -9: nothing is lost, and nothing comes twice but in the one window."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from out_campaign import STEPS, OutCampaign, OutResult
from servers import Absent, PostgresqlServer

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(900),
    pytest.mark.skipif(sys.platform == "win32", reason="only on systems with SIGKILL"),
]


def judge(campaign: OutCampaign, kills: int, show: Callable[[str], None]) -> OutResult:
    """Run it and say what was found."""
    try:
        result = campaign.run(kills)
    finally:
        campaign.close()
    show(result.report())
    assert not result.problems, result.report()
    assert result.kills == kills
    assert result.delivered + result.told == result.recipients > 100
    assert result.told > 5
    assert result.windows > 0, "no kill came between a final dot and its settlement: nothing was shown"
    return result


@pytest.fixture
def show(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    def shown(text: str) -> None:
        with capsys.disabled():
            print(f"\n{text}")

    return shown


def test_each_step_and_a_random_moment(tmp_path: Path, show: Callable[[str], None]) -> None:
    """One worker, SQLite."""
    kills = len(STEPS) + 1
    result = judge(OutCampaign(tmp_path, seed=31), kills, show)
    assert all(result.by_step[name] for name in (*STEPS, "random"))


def test_one_of_two_workers_dies(tmp_path: Path, show: Callable[[str], None]) -> None:
    """The other goes on, or is killed with it; the rows of the dead one are taken up again."""
    judge(OutCampaign(tmp_path, seed=32, workers=2), 8, show)


@pytest.mark.needs("postgresql")
def test_one_of_two_workers_dies_on_postgresql(tmp_path: Path, show: Callable[[str], None]) -> None:
    """The same where the queue is in a server database, which lives on."""
    try:
        database = PostgresqlServer()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        judge(OutCampaign(tmp_path, seed=33, workers=2, database_url=database.make()), 8, show)
    finally:
        database.close()
