"""Risky changes on a real server: an unconfirmed listener is gone after a crash, a ban holds in every worker."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from running import RunningServer

from ports import free_port
from posthouse.settings.listeners_file import managed_path


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def until(true: Callable[[], bool], seconds: float = 20.0) -> None:
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.05)


def asked(server: RunningServer, *words: str) -> Any:
    return json.loads(server.command(*words, "--json").stdout)


def greeting(port: int, source: str) -> bytes:
    """What a peer of this address is greeted with, through a proxy."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"PROXY TCP4 {source} 127.0.0.1 40000 25\r\n".encode())
        return connection.recv(500)


def test_what_nobody_confirmed_is_gone_after_a_crash(tmp_path: Path) -> None:
    """One change confirmed, one not: after SIGKILL and a new start only the first is left."""
    server = RunningServer(tmp_path / "server")
    server.start()
    try:
        kept, lost = free_port(), free_port()
        server.command("setting", "set", "manage.probation_time", "3s")
        place = ("listener", "add", "imap", "--tls", "none", "--address", "127.0.0.1", "--port")
        done = asked(server, *place, str(kept))
        assert answers(kept)
        server.command("probation", "confirm", str(done["probation"]))
        done = asked(server, *place, str(lost))
        assert answers(lost)
        assert done["waits"] == ""
        server.kill()
        server.start()
        until(lambda: not asked(server, "probation", "list")["changes"])
        assert answers(kept)
        until(lambda: not answers(lost))
        text = managed_path(server.data).read_text()
        assert str(kept) in text
        assert str(lost) not in text
        assert "listeners.managed" in server.log
        assert asked(server, "audit", "list")["lines"][0]["actor"] == "probation"
    finally:
        server.kill()


def test_a_listener_that_cannot_be_opened_does_not_stop_the_server(tmp_path: Path) -> None:
    """With two workers a change waits for the next start. A slip is refused at once; what only then turns out not to
    work is left out and taken back in time, with the port of the web pages, which is open again at once."""
    server = RunningServer(tmp_path / "server", workers=2)
    server.start()
    try:
        server.command("setting", "set", "manage.probation_time", "4s")
        place = ("listener", "add", "imap", "--tls", "none", "--address")
        slip = server.command(*place, "192.0.2.1", "--port", str(free_port()), check=False)
        assert slip.returncode
        assert "192.0.2.1" in slip.stderr
        with socket.create_server(("127.0.0.1", 0)) as taken:
            slip = server.command(*place, "127.0.0.1", "--port", str(taken.getsockname()[1]), check=False)
            assert "the port is taken" in slip.stderr
        assert asked(server, "probation", "list")["changes"] == []

        port, web = free_port(), free_port()
        assert "worker" in asked(server, *place, "127.0.0.1", "--port", str(port))["waits"]
        before, server.http = server.http, web
        words = ("listener", "change", f"127.0.0.1:{before}", "--port", str(web))
        assert "worker" in asked(server, *words)["waits"]
        assert answers(web), "the first worker serves http alone: it is open at once"
        server.stop()
        with socket.create_server(("127.0.0.1", port)):
            server.start()
            assert "listener.left_out" in server.log
            until(lambda: not asked(server, "probation", "list")["changes"])
            until(lambda: answers(before))
        assert not managed_path(server.data).exists()
    finally:
        server.kill()


def test_a_ban_holds_in_every_worker(tmp_path: Path) -> None:
    """With several workers a listener waits for the next start, and says so; a ban acts at once in all."""
    server = RunningServer(tmp_path / "server", workers=2)
    server.start()
    try:
        port = free_port()
        words = ("listener", "add", "smtp", "--address", "127.0.0.1", "--port", str(port))
        done = asked(server, *words, "--proxy-from", "127.0.0.0/8")
        assert "worker" in done["waits"]
        assert not answers(port)
        server.stop()
        server.start()
        waiting = asked(server, "probation", "list")["changes"]
        assert [change["deadline"] > time.time() for change in waiting] == [True]
        server.command("probation", "confirm", str(waiting[0]["id"]))
        assert greeting(port, "192.0.2.7").startswith(b"220 ")
        server.command("ban", "add", "192.0.2.0/24", "--now")
        # The kernel spreads connections over the workers: twenty in a row do not all reach one by chance.
        until(lambda: all(greeting(port, "192.0.2.7").startswith(b"554 5.7.1 ") for _ in range(20)), 5.0)
        assert greeting(port, "198.51.100.7").startswith(b"220 ")
        server.command("ban", "remove", "192.0.2.0/24")
        until(lambda: all(greeting(port, "192.0.2.7").startswith(b"220 ") for _ in range(20)), 5.0)
    finally:
        server.kill()
