"""Started as root, the server keeps nothing of root's: neither it, nor its workers, nor any program it runs; and what
it writes is nobody else's to read."""

from __future__ import annotations

import os
import shutil
import smtplib
import stat
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

USER = "nobody"
ANNA = "anna@posthouse.test"
SOURCES = Path(__file__).parents[2] / "src"

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux does /proc tell rights"),
    pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="run as root: only root gives root up"),
]  # fmt: skip


def _python(monkeypatch: pytest.MonkeyPatch) -> str:
    """An interpreter of this version that the other user may run, with what we need on its path."""
    libraries = os.pathsep.join((str(SOURCES), sysconfig.get_path("purelib")))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for python in (sys.executable, f"/usr/bin/python{version}"):
        try:
            found = subprocess.run(
                [python, "-c", "import posthouse, apsw"], user=USER, group=_group(), extra_groups=[], cwd="/",
                env={"PYTHONPATH": libraries, "PATH": os.defpath}, capture_output=True, timeout=60, check=False,
            )  # fmt: skip
        except OSError:
            continue
        if found.returncode == 0:
            monkeypatch.setenv("PYTHONPATH", libraries)
            return python
    pytest.skip("only on machines where other users may run this Python")


def _group() -> int:
    import pwd

    return pwd.getpwnam(USER).pw_gid


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningServer]:
    """Two workers, started as root, in a folder that others can reach; it was opened to all by mistake."""
    monkeypatch.setattr(sys, "executable", _python(monkeypatch))
    folder = Path(tempfile.mkdtemp(prefix="posthouse-", dir="/tmp"))
    folder.chmod(0o755)
    made = RunningServer(folder / "server", workers=2)
    made.config.write_text(f'run_as = "{USER}"\n' + made.config.read_text())
    made.config.chmod(0o644)
    made.data.mkdir()
    made.data.chmod(0o777)
    made.start()
    try:
        made.add_domain()
        made.add_account(ANNA)
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder)


def _family(pid: int) -> list[int]:
    """A process and all that it started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in children for each in _family(int(child)))]


def _check(status: str) -> None:
    """What /proc tells of a process (or a thread) shows nothing of root's."""
    import pwd

    told = {line.partition(":")[0]: line.partition(":")[2].split() for line in status.splitlines()}
    user = pwd.getpwnam(USER)
    assert told["Uid"] == [str(user.pw_uid)] * 4
    assert told["Gid"] == [str(user.pw_gid)] * 4
    assert set(map(int, told["Groups"])) <= set(os.getgrouplist(USER, user.pw_gid))
    for word in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(told[word][0], 16) == 0, word
    assert told["NoNewPrivs"] == ["1"]
    assert told["Umask"] == ["0077"]


def _wait_for(path: Path) -> str:
    limit = time.monotonic() + 60
    while not path.exists() and time.monotonic() < limit:
        time.sleep(0.1)
    return path.read_text()


def _wait_for_some(folder: Path, pattern: str) -> None:
    limit = time.monotonic() + 60
    while not any(folder.glob(pattern)):
        assert time.monotonic() < limit, f"no {pattern}"
        time.sleep(0.1)


@pytest.mark.timeout(300)
def test_nothing_of_root_is_left(server: RunningServer) -> None:
    """Every thread of every process, a command of a route, and every file of a folder that was used."""
    assert server.process is not None
    assert "root.given_up" in server.log
    assert "data.closed_to_others" in server.log
    pids = _family(server.process.pid)
    assert len(pids) >= 3
    threads = [each for pid in pids for each in Path(f"/proc/{pid}/task").iterdir()]
    assert len(threads) > len(pids)
    for thread in threads:
        _check((thread / "status").read_text())

    told = server.data / "told"
    script = server.folder / "command.sh"
    script.write_text(
        f"#!/bin/sh\ncat >/dev/null\ncat /proc/self/status >{told}.new && mv {told}.new {told}\n"
    )
    script.chmod(0o755)
    server.command("route", "add", "pipe.test", "--protocol", "pipe", "--command", str(script))
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=60) as client:
        client.starttls()
        client.login(ANNA, PASSWORD)
        text = f"From: {ANNA}\r\nTo: {ANNA}\r\nSubject: x\r\n\r\n" + "line\r\n" * 50_000
        client.sendmail(ANNA, [ANNA, "somebody@pipe.test"], text)
    _check(_wait_for(told))

    server.command("verify")
    server.command("setting", "set", "log.to_files", "true")
    # Two kinds of files that are written a moment later: what arrived in the last second, and the program's log.
    _wait_for_some(server.data, "records/*.log")
    server.command("queue", "list")
    _check_files(server.data)
    assert server.stop() == 0
    _check_files(server.data)


def _check_files(data: Path) -> None:
    """Nothing for group and others anywhere, but the maildrop's right to put something in; all of it the user's."""
    import pwd

    seen = {".db": 0, ".eml": 0, ".log": 0, ".pem": 0}
    for place in (data, *data.rglob("*")):
        try:
            found = place.lstat()
        except FileNotFoundError:
            continue
        mode = stat.S_IMODE(found.st_mode)
        assert found.st_uid == pwd.getpwnam(USER).pw_uid, place
        if place == data / "maildrop":
            assert mode == 0o1733
        else:
            assert mode & 0o077 == 0, f"{place} {mode:04o}"
        if place.suffix in seen:
            seen[place.suffix] += 1
    assert all(seen.values()), seen
