"""Log files: whole lines from several writers, a new file in time, no more kept than wanted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from posthouse.observe.files import NAME, LogFiles
from posthouse.observe.record import Record

DAY = 86400.0


class Clock:
    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


def say(files: LogFiles, text: str) -> None:
    files(Record(0.0, "info", "test", text, {}), text)
    files.flush()


def finished(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("posthouse-*.log"))


def test_a_full_file_and_a_new_day_begin_another(tmp_path: Path) -> None:
    """The finished ones say their day; nothing is lost."""
    clock = Clock()
    files = LogFiles(tmp_path / "logs", size=100, clock=clock)
    files.start()
    for number in range(4):
        say(files, f"line {number} " + "x" * 60)
        clock.now += 2
    clock.now += DAY
    say(files, "the next day")
    files.close()
    folder = tmp_path / "logs"
    assert len(finished(folder)) == 2
    kept = [(folder / name).read_text() for name in (*finished(folder), NAME)]
    assert "".join(kept).count("line ") == 4
    assert kept[-1] == "the next day\n"
    assert (folder / NAME).stat().st_mode & 0o077 == 0


def test_old_and_large_ones_go(tmp_path: Path) -> None:
    """By age and by size in all, the oldest first; the file in use stays."""
    folder = tmp_path / "logs"
    folder.mkdir()
    clock = Clock()
    for days, size in ((40, 10), (3, 500), (2, 500), (1, 400)):
        path = folder / f"posthouse-2026-01-{days:02d}.001.log"
        path.write_text("x" * size)
        os.utime(path, (clock.now - days * DAY,) * 2)
    files = LogFiles(folder, size=10, days=30, total=1000, clock=clock)
    files.start()
    say(files, "enough for a new file")
    clock.now += 2
    say(files, "more")
    files.close()
    left = finished(folder)
    assert "posthouse-2026-01-40.001.log" not in left
    assert "posthouse-2026-01-03.001.log" not in left
    assert {"posthouse-2026-01-01.001.log", "posthouse-2026-01-02.001.log"} <= set(left)


def test_a_moved_file_is_left_alone(tmp_path: Path) -> None:
    """logrotate renames; within a second, or at once after ``reopen``, we are on the new one."""
    clock = Clock()
    files = LogFiles(tmp_path, clock=clock)
    files.start()
    say(files, "one")
    (tmp_path / NAME).rename(tmp_path / "moved")
    files.reopen()
    say(files, "two")
    (tmp_path / NAME).rename(tmp_path / "moved again")
    clock.now += 2
    say(files, "three")
    files.close()
    assert [(tmp_path / name).read_text() for name in ("moved", "moved again", NAME)] == [
        "one\n",
        "two\n",
        "three\n",
    ]


WRITER = """
import sys
from pathlib import Path
from posthouse.observe.files import LogFiles
from posthouse.observe.record import Record
files = LogFiles(Path(sys.argv[1]), size=20_000)
files._looked_at = 0
files.start()
for number in range(400):
    line = f"{sys.argv[2]} {number} " + sys.argv[2] * 80
    files(Record(0.0, "info", "test", "x", {}), line)
    files._looked_at = 0.0
    files.flush()
files.close()
"""


def test_several_processes_lose_and_mix_nothing(tmp_path: Path) -> None:
    """While each of them may rotate."""
    running = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), letter]) for letter in ("a", "b", "c")
    ]
    assert [one.wait(60) for one in running] == [0, 0, 0]
    names = finished(tmp_path)
    assert len(names) > 3
    lines = [line for name in (*names, NAME) for line in (tmp_path / name).read_text().splitlines()]
    wanted = {f"{letter} {number} " + letter * 80 for letter in "abc" for number in range(400)}
    assert len(lines) == 1200
    assert set(lines) == wanted
