"""The data folder: its lock, its format marker, network file systems."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posthouse.database import folder
from posthouse.database.folder import DataFolder, DataFolderError, kind_from_mounts

MOUNTS = [
    "/dev/vda1 / ext4 rw 0 0",
    "server:/mail /srv/mail nfs4 rw 0 0",
    "//win/share /mnt/my\\040share cifs rw 0 0",
    "tmpfs /srv/mail/fast tmpfs rw 0 0",
    "broken",
]


def test_a_second_server_is_refused(tmp_path: Path) -> None:
    """While one holds the folder another is told so, with the holder's process number; after it, not."""
    with DataFolder(tmp_path / "data"):
        code = "import sys; from posthouse.database.folder import *; DataFolder(sys.argv[1])"
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "data")], capture_output=True, text=True, check=False
        )
        assert "in use by another posthouse (process " in done.stderr
    DataFolder(tmp_path / "data").close()


def test_format_marker(tmp_path: Path) -> None:
    """The marker is written at the first start; a newer or foreign one is refused with the mend."""
    DataFolder(tmp_path).close()
    marker = tmp_path / "format"
    assert marker.read_text() == "posthouse data folder, format 1\n"
    marker.write_text("posthouse data folder, format 2\n")
    with pytest.raises(DataFolderError, match="install a newer posthouse"):
        DataFolder(tmp_path)
    marker.write_text("something else\n")
    with pytest.raises(DataFolderError, match="right folder"):
        DataFolder(tmp_path)
    marker.write_text("posthouse data folder, format 1\n")
    DataFolder(tmp_path).close()


def test_missing_folder_is_not_made_unasked(tmp_path: Path) -> None:
    """A command on a stopped server does not make a new, empty data folder."""
    with pytest.raises(DataFolderError, match="does not exist"):
        DataFolder(tmp_path / "none", create=False)
    assert not (tmp_path / "none").exists()


def test_a_file_in_the_way(tmp_path: Path) -> None:
    """The path is a file: refused with its name."""
    (tmp_path / "f").write_text("")
    with pytest.raises(DataFolderError, match=str(tmp_path / "f")):
        DataFolder(tmp_path / "f")


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/var/lib", "ext4"),
        ("/srv/mail", "nfs4"),
        ("/srv/mail/box", "nfs4"),
        ("/srv/mailbox", "ext4"),
        ("/srv/mail/fast/x", "tmpfs"),
        ("/mnt/my share/data", "cifs"),
    ],
)
def test_the_mount_a_path_lies_in(path: str, kind: str) -> None:
    """The longest mount point that contains the path decides."""
    assert kind_from_mounts(MOUNTS, path) == kind


def test_network_file_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On NFS the folder is refused, and the text says why and what to do."""
    monkeypatch.setattr(folder, "file_system", lambda path: "nfs4")
    with pytest.raises(DataFolderError, match=r"network file system \(nfs4\).*local disk"):
        DataFolder(tmp_path)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc to name what is flushed")
def test_the_folder_and_its_marker_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder's own entry and the marker's are flushed, so that a power cut cannot take the folder with
    all the mail that is put there after."""
    flushed: list[str] = []
    monkeypatch.setattr(
        folder.os, "fsync", lambda descriptor: flushed.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    )
    DataFolder(tmp_path / "data").close()
    assert str(tmp_path) in flushed
    assert flushed[-1] == str(tmp_path / "data")
    flushed.clear()
    DataFolder(tmp_path / "data").close()
    assert str(tmp_path) in flushed
