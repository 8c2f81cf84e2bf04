"""Several worker processes on one store: they see each other's changes, and one that dies is replaced."""

from __future__ import annotations

import contextlib
import imaplib
import json
import os
import signal
import smtplib
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningServer

ANNA = "anna@posthouse.test"
pytestmark = pytest.mark.skipif(os.name != "posix", reason="several workers need POSIX")


@pytest.fixture
def two_workers(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with two workers and anna's account."""
    server = RunningServer(tmp_path / "server", workers=2)
    server.start()
    try:
        server.add_domain()
        server.add_account(ANNA)
        yield server
    finally:
        server.kill()


def worker_pids(server: RunningServer) -> list[int]:
    """The worker processes."""
    assert server.process is not None
    found = subprocess.run(
        ["pgrep", "-P", str(server.process.pid), "-f", "_worker"], capture_output=True, text=True, check=False
    )
    return sorted(map(int, found.stdout.split()))


@pytest.mark.timeout(180)
def test_idlers_of_all_workers_hear_of_a_delivery(
    two_workers: RunningServer, trusting: ssl.SSLContext, password: str
) -> None:
    """Whichever worker takes a message, sessions that idle in the others are told within moments."""
    with contextlib.ExitStack() as stack:
        idlers = []
        for _ in range(10):  # the kernel spreads them: that all ten meet in one worker is most unlikely
            client = imaplib.IMAP4("127.0.0.1", two_workers.imap, timeout=20)
            stack.callback(client.shutdown)
            client.login(ANNA, password)
            client.select()
            client.send(b"x IDLE\r\n")
            assert client.readline().startswith(b"+")
            idlers.append(client)
        for number in range(6):
            with smtplib.SMTP("127.0.0.1", two_workers.smtp, timeout=20) as sender:
                sender.sendmail("a@elsewhere.example", [ANNA], b"Subject: %d\r\n\r\nx\r\n" % number)
            began = time.monotonic()
            for client in idlers:
                while (line := client.readline()) != b"* %d EXISTS\r\n" % (number + 1):
                    assert line.startswith(b"* "), line
            assert time.monotonic() - began < 5


@pytest.mark.timeout(180)
def test_a_worker_that_dies_is_replaced(
    two_workers: RunningServer, trusting: ssl.SSLContext, password: str
) -> None:
    """kill -9 of a worker: new connections are served all the while (those that were waiting too), a new
    worker comes, and the server still stops cleanly."""
    began = time.time()
    before = worker_pids(two_workers)
    assert len(before) == 2
    os.kill(before[0], signal.SIGKILL)
    for number in range(20):
        with smtplib.SMTP("127.0.0.1", two_workers.smtp, timeout=30) as sender:
            sender.sendmail("a@elsewhere.example", [ANNA], b"Subject: %d\r\n\r\nx\r\n" % number)
    for _ in range(300):
        after = worker_pids(two_workers)
        if len(after) == 2 and before[0] not in after:
            break
        time.sleep(0.1)
    assert len(after) == 2
    assert "worker.died" in two_workers.log
    with imaplib.IMAP4("127.0.0.1", two_workers.imap, timeout=30) as client:
        client.login(ANNA, password)
        assert client.select() == ("OK", [b"20"])
    uptime = json.loads(two_workers.command("status", "--json").stdout)["uptime"]
    assert uptime >= time.time() - began - 1, "the server's, not that of the new worker"
    assert two_workers.stop() == 0
    assert worker_pids_of(before + after) == []


def worker_pids_of(pids: list[int]) -> list[int]:
    """Those of these processes that are still there."""
    return [pid for pid in pids if os.path.exists(f"/proc/{pid}")]


@pytest.mark.timeout(180)
def test_workers_end_when_the_supervisor_is_killed(two_workers: RunningServer) -> None:
    """No worker goes on alone: the data folder is free again within seconds."""
    pids = worker_pids(two_workers)
    assert two_workers.process is not None
    two_workers.process.send_signal(signal.SIGKILL)
    two_workers.process.wait(10)
    for _ in range(200):
        if not worker_pids_of(pids):
            break
        time.sleep(0.1)
    assert worker_pids_of(pids) == []
    two_workers.process = None
    two_workers.start()


@pytest.mark.timeout(180)
def test_a_stranger_is_counted_over_all_workers(tmp_path: Path) -> None:
    """The limit on connections of one address holds over the workers together, within a second."""
    server = RunningServer(tmp_path / "server", workers=2)
    text = server.config.read_text().replace(
        f"port = {server.smtp}\n", f'port = {server.smtp}\nproxy_from = ["127.0.0.0/8"]\n'
    )
    server.config.write_text(text)
    server.start()
    try:
        server.command("setting", "set", "limits.connections_per_address", "6")
        time.sleep(1.5)
        with contextlib.ExitStack() as stack:
            greetings = []
            for _ in range(24):
                client = stack.enter_context(_proxied(server.smtp))
                greetings.append(client.recv(100)[:3])
                time.sleep(0.15)
            assert greetings.count(b"220") < 12, "six, and what slipped in before the counts were told"
            assert greetings[-6:] == [b"421"] * 6
        limit = time.monotonic() + 30
        while True:
            with _proxied(server.smtp) as client:
                if client.recv(100).startswith(b"220"):
                    break
            assert time.monotonic() < limit, "those who left make no room"
            time.sleep(0.5)
    finally:
        server.kill()


def _proxied(port: int) -> contextlib.AbstractContextManager:  # type: ignore[type-arg]
    import socket

    client = socket.create_connection(("127.0.0.1", port), timeout=20)
    client.sendall(b"PROXY TCP4 203.0.113.9 192.0.2.1 50000 25\r\n")
    return client
