"""Root is given up for the right user, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from posthouse.cluster import privileges

as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give root up: run as root"
)


def dropped(run_as: str, data: Path) -> list[str]:
    """User, group and umask-free ownership after the drop, in a process of its own."""
    code = (
        "import os, sys; from pathlib import Path; from posthouse.cluster.privileges import drop; "
        "drop(sys.argv[1], Path(sys.argv[2])); print(os.getuid(), os.geteuid(), os.getgid(), os.getgroups())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, run_as, str(data)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return done.stdout.strip().splitlines()[-1].split(" ", 3)


@as_root
def test_run_as_gives_root_and_the_folder_away(tmp_path: Path) -> None:
    """The process becomes the user of run_as for good, without root's groups, and the data folder becomes
    theirs; a link in it is not followed."""
    import pwd

    nobody = pwd.getpwnam("nobody")
    outside = tmp_path / "outside"
    outside.write_text("x")
    data = tmp_path / "data"
    (data / "messages").mkdir(parents=True)
    (data / "messages" / "one").write_text("x")
    (data / "link").symlink_to(outside)
    uid, effective, gid, groups = dropped("nobody", data)
    assert (int(uid), int(effective), int(gid)) == (nobody.pw_uid, nobody.pw_uid, nobody.pw_gid)
    assert "0" not in groups.strip("[]").split(", ")
    assert {path.lstat().st_uid for path in (data, *data.rglob("*"))} == {nobody.pw_uid}
    assert outside.stat().st_uid == 0


@as_root
def test_without_run_as_the_owner_of_the_folder(tmp_path: Path) -> None:
    """A data folder of a user makes the server that user's; one of root's keeps root, which is said."""
    import pwd

    nobody = pwd.getpwnam("nobody")
    data = tmp_path / "data"
    data.mkdir()
    assert dropped("", data)[0] == "0"
    os.chown(data, nobody.pw_uid, nobody.pw_gid)
    (data / "posthouse.lock").write_text("made while still root")
    assert int(dropped("", data)[0]) == nobody.pw_uid
    assert (data / "posthouse.lock").stat().st_uid == nobody.pw_uid


@as_root
def test_files_with_another_name_elsewhere_are_not_given_away(tmp_path: Path) -> None:
    """Who may write in the data folder could have linked a file of root's into it."""
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "of_root").write_text("x")
    os.link(tmp_path / "of_root", data / "mine")
    dropped("nobody", data)
    assert (tmp_path / "of_root").stat().st_uid == 0


@as_root
def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the listing of a folder and the giving away of what is in it, its user puts a link in its
    place."""
    data, elsewhere = tmp_path / "data", tmp_path / "elsewhere"
    for folder in (data / "one", elsewhere):
        folder.mkdir(parents=True)
        (folder / "file").write_text("x")
    chown = os.chown

    def swapped(path: object, *args: object, **kwargs: object) -> None:
        if str(path).endswith("file") and (data / "one").is_dir() and not (data / "one").is_symlink():
            (data / "one").rename(tmp_path / "away")
            (data / "one").symlink_to(elsewhere)
        chown(path, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "chown", swapped)
    privileges._give(data, 12345, 12345)
    assert (data / "one").is_symlink()
    assert (elsewhere / "file").stat().st_uid == 0


@as_root
@pytest.mark.parametrize("run_as", ["no-such-user", "nobody:no-such-group"])
def test_an_unknown_user_is_refused(tmp_path: Path, run_as: str) -> None:
    """The name that is not there is told."""
    with pytest.raises(privileges.NoSuchUser, match="no-such"):
        privileges.drop(run_as, tmp_path)


def test_what_the_new_user_may_not_use_is_named(tmp_path: Path) -> None:
    """The program and the data folder must be within the new user's reach; what is not is told."""
    data = tmp_path / "data"
    data.mkdir()
    privileges.check_reach("somebody", data)
    with pytest.raises(privileges.OutOfReach) as problem:
        privileges.check_reach("somebody", tmp_path / "gone")
    assert problem.value.args == ("somebody", tmp_path / "gone")


@pytest.mark.skipif(os.name != "posix", reason="users need POSIX")
def test_run_as_that_names_oneself_is_no_news(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An ordinary user whose own name stands in run_as is not warned; one who names another is."""
    import pwd

    monkeypatch.setattr(os, "geteuid", lambda: pwd.getpwnam("nobody").pw_uid)
    with capture_logs() as logged:
        assert privileges.drop("nobody", tmp_path) == ""
        assert logged == []
        assert privileges.drop("root", tmp_path) == ""
    assert [line["event"] for line in logged] == ["run_as.ignored"]
