"""A power cut at any moment takes nothing that was promised; a flush that is left out would be noticed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from power_cuts import KINDS, LAYOUTS, WEIGHTS, Prepared, fast_folder, torture, trace_run

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(300),
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: strace"),
    pytest.mark.needs("strace"),
]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prepared]:
    """A stopped server's data folder, and the servers it relays to."""
    made = Prepared(tmp_path_factory.mktemp("prepared"))
    yield made
    made.close()


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, if there is one: what was flushed is known from the trace, not from the disk."""
    with TemporaryDirectory(prefix="posthouse-power-", dir=fast_folder()) as folder:
        yield Path(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_power_cut_at_any_moment_takes_nothing(
    prepared: Prepared, place: Path, layout: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Mixed work; 120 disks that a power cut could leave, 12 of them after a second one during the next start."""
    run = trace_run(prepared, place, layout, seed=11, each=20, seconds=5)
    result = torture(run, 120, place, seed=11, again=1)
    with capsys.disabled():
        print(f"\n{layout}: {result.report()}")
    assert not result.findings, result.report()
    assert result.states == 120
    assert set(result.kinds) == set(KINDS)
    assert set(result.moments) - {"second cut"} == set(WEIGHTS) - (
        {"freeing"} if layout == "plain" else set()
    )
    assert result.promised > 200
    if layout == "journal":
        assert result.turns >= 3
        assert result.replayed["written"] > 100


@pytest.mark.parametrize(
    ("layout", "which"),
    [
        ("journal", "journal"),
        ("journal", "commit"),
        ("journal", "freeing"),
        ("plain", "file"),
        ("plain", "directory"),
        ("plain", "commit"),
    ],
)
def test_a_flush_that_is_left_out_is_noticed(
    prepared: Prepared, place: Path, layout: str, which: str
) -> None:
    """Without one of the flushes, the same campaign finds messages that were promised and are lost; ``freeing``: a
    journal file is free before the files of its bodies are flushed."""
    run = trace_run(prepared, place, layout, leave_out=which, seed=12, each=20, seconds=3)
    result = torture(run, 40, place, seed=12)
    assert result.findings["lost"], result.report()
