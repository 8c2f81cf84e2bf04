"""The data folder is closed to others at the start, but for what they were let in to."""

from __future__ import annotations

import os
import socket
import stat
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from posthouse.cluster.closed import close_to_others

pytestmark = pytest.mark.skipif(os.name != "posix", reason="only on POSIX have files such rights")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder that was copied carelessly."""
    made = tmp_path / "data"
    (made / "messages" / "ab").mkdir(parents=True)
    (made / "posthouse.db").write_text("x")
    (made / "elsewhere").symlink_to(tmp_path / "outside")
    (tmp_path / "outside").write_text("x")
    (tmp_path / "outside").chmod(0o644)
    for path in (made, made / "messages", made / "posthouse.db"):
        path.chmod(0o755)
    return made


def test_an_open_folder_is_closed_and_said(data: Path, tmp_path: Path) -> None:
    """What others could do is taken back and told, links are not followed, and a second look finds nothing."""
    with capture_logs() as logged:
        close_to_others(data)
    assert {mode(data), mode(data / "messages"), mode(data / "posthouse.db")} == {0o700}
    assert mode(tmp_path / "outside") == 0o644
    assert {line["event"] for line in logged} == {"data.closed_to_others"}
    assert len(logged) == 3
    with capture_logs() as logged:
        close_to_others(data)
    assert logged == []


def test_a_door_stays_open(data: Path) -> None:
    """A listener's socket within the folder is still reached: others go through, and see nothing."""
    door = data / "doors" / "lmtp.sock"
    door.parent.mkdir(mode=0o755)
    with socket.socket(socket.AF_UNIX) as made:
        before = os.getcwd()
        os.chdir(door.parent)  # the path itself may be too long for a socket
        try:
            made.bind(door.name)
        finally:
            os.chdir(before)
    door.chmod(0o666)
    drop = data / "maildrop"
    drop.mkdir()
    drop.chmod(0o1733)
    close_to_others(data, [door], [drop])
    assert (mode(data), mode(door.parent), mode(door), mode(drop)) == (0o711, 0o711, 0o666, 0o1733)
    assert mode(data / "posthouse.db") == 0o700


def test_what_cannot_be_closed_is_told(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder of somebody else's cannot be mended; the start goes on, with a warning."""

    def refused(*args: object, **kwargs: object) -> None:
        raise PermissionError(1, "not yours")

    monkeypatch.setattr(os, "chmod", refused)
    with capture_logs() as logged:
        close_to_others(data)
    assert {line["event"] for line in logged} == {"data.open_to_others"}
