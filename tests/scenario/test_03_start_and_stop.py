"""What keeps a server from starting is said in a line, with the mend; what stops it stops it cleanly."""

from __future__ import annotations

import os
import poplib
import signal
import smtplib
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer


def refused(server: RunningServer) -> str:
    """What a server says that does not start."""
    done = subprocess.run(
        [sys.executable, "-m", "posthouse", "serve", "--config", str(server.config)],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode not in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [1, 2])
def test_a_taken_port_and_a_second_server(tmp_path: Path, workers: int) -> None:
    """A port that is taken is named; a second server on the same data folder is refused while the first
    runs."""
    server = RunningServer(tmp_path / "server", workers=workers)
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind(("127.0.0.1", server.imap))
        other.listen()
        said = refused(server)
        assert f"127.0.0.1:{server.imap}" in said
        assert "taken" in said
    server.start()
    try:
        assert "in use by another posthouse" in refused(server)
    finally:
        server.kill()


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [1, 2])
def test_bad_certificate_and_unreachable_database(tmp_path: Path, workers: int) -> None:
    """Each is said before anything listens."""
    server = RunningServer(tmp_path / "server", workers=workers)
    good = server.config.read_text()
    server.config.write_text(good + '[[certificate]]\nchain = "/nonexistent.pem"\nkey = "/nonexistent.key"\n')
    assert "nonexistent.pem" in refused(server)
    server.config.write_text('database_url = "postgresql://nobody@127.0.0.1:1/none"\n' + good)
    assert "database" in refused(server)


@pytest.mark.skipif(os.name != "posix", reason="process groups")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_cleanly(tmp_path: Path, workers: int) -> None:
    """SIGINT to the whole process group, as a terminal sends it: exit status 0, no traceback, the socket file
    is gone; an open session that says nothing does not hold it up."""
    server = RunningServer(tmp_path / "server", workers=workers)
    # What runs in the background of a shell ignores SIGINT, and so would the server that is started there.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        server.start()
    finally:
        signal.signal(signal.SIGINT, before)
    try:
        assert server.process is not None
        with socket.create_connection(("127.0.0.1", server.imap), timeout=20) as idle:
            assert idle.recv(1000).startswith(b"* OK")
            began = time.monotonic()
            os.killpg(server.process.pid, signal.SIGINT)
            assert server.process.wait(30) == 0
            assert time.monotonic() - began < 10
            assert idle.recv(1000).startswith(b"* BYE")
        server.process = None
        assert "Traceback" not in server.log
        assert not (server.data / "control.sock").exists()
    finally:
        server.kill()


@pytest.mark.timeout(180)
def test_uvloop_where_it_is_asked_for(tmp_path: Path) -> None:
    """With POSTHOUSE_UVLOOP=1 the server runs on uvloop, and takes and gives mail as ever."""
    pytest.importorskip("uvloop", reason="uvloop is not installed")
    server = RunningServer(tmp_path / "server", environment={"POSTHOUSE_UVLOOP": "1"})
    server.start()
    try:
        server.add_domain()
        server.add_account("anna@posthouse.test")
        with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
            client.sendmail("a@elsewhere.example", ["anna@posthouse.test"], b"Subject: x\r\n\r\nbody\r\n")
        reader = poplib.POP3("127.0.0.1", server.pop3, timeout=30)
        reader.user("anna@posthouse.test")
        reader.pass_(PASSWORD)
        assert reader.retr(1)[1][-1] == b"body"
        reader.quit()
        assert server.process is not None
        assert "uvloop" in Path(f"/proc/{server.process.pid}/maps").read_text()
        assert server.stop() == 0
        assert "Traceback" not in server.log
    finally:
        server.kill()
