"""Routes of a running server: backup MX, a split domain, mail that is fetched by ETRN, a command, trying a route."""

from __future__ import annotations

import smtplib
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import RunningServer

ANNA = "anna@posthouse.test"
pytestmark = pytest.mark.timeout(240)


class Sink(socketserver.ThreadingTCPServer):
    """Another mail server: takes everything for anybody, and remembers whom it was for."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Talk)
        self.taken: list[tuple[str, bytes]] = []
        self.port = int(self.server_address[1])


class Talk(socketserver.StreamRequestHandler):
    """One session with it."""

    server: Sink

    def handle(self) -> None:
        self.wfile.write(b"220 sink.test\r\n")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb = line.split(None, 1)[0].upper() if line.strip() else b""
            if verb == b"RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
            if verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                content = b""
                while (line := self.rfile.readline()) not in (b".\r\n", b""):
                    content += line
                self.server.taken += [(each, content) for each in recipients]
                recipients = []
            self.wfile.write(b"221 bye\r\n" if verb == b"QUIT" else b"250 fine\r\n")
            if verb == b"QUIT":
                return


@pytest.fixture(scope="module")
def sink() -> Iterator[Sink]:
    with Sink() as made:
        thread = threading.Thread(target=made.serve_forever, daemon=True)
        thread.start()
        yield made
        made.shutdown()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, sink: Sink) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path_factory.mktemp("routes"))
    made.start()
    try:
        made.add_domain()
        made.add_account(ANNA)
        made.command("domain", "add", "split.test")
        made.command("alias", "add", "info@split.test", ANNA)
        yield made
    finally:
        made.stop()


def until(sink: Sink, recipient: str, server: RunningServer) -> bytes:
    """What the sink took for a recipient; waits for it."""
    limit = time.monotonic() + 60
    while True:
        for each, content in list(sink.taken):
            if each == recipient:
                return content
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.1)


def send(server: RunningServer, recipient: str) -> tuple[int, bytes]:
    """A stranger sends; the answer to RCPT."""
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.ehlo("far.test")
        client.mail("x@far.test")
        answer = client.rcpt(recipient)
        if answer[0] == 250:
            assert client.data(b"Subject: hello\r\n\r\nfor " + recipient.encode() + b"\r\n")[0] == 250
        return answer


def test_backup_mx_and_split_domain(server: RunningServer, sink: Sink) -> None:
    """Strangers reach what routes treat as local, and what a route takes for a domain of ours; nobody else."""
    target = f"127.0.0.1:{sink.port}"
    server.command("route", "add", "backup.test", "--target", target, "--local-recipients", "--only-listed")
    server.command("route", "allow", "1", "anna@backup.test")
    server.command("route", "add", "split.test", "--target", target)
    server.command("route", "add", "*", "--target", target)
    for recipient in ("anna@backup.test", "anybody@split.test"):
        assert send(server, recipient)[0] == 250
        assert f"for {recipient}".encode() in until(sink, recipient, server)
    for recipient, code in (
        ("bert@backup.test", b"5.1.1"),
        ("x@elsewhere.test", b"5.7.1"),
        ("nobody@posthouse.test", b"5.1.1"),
    ):
        answer = send(server, recipient)
        assert answer[0] == 550
        assert answer[1].startswith(code)
    assert send(server, "info@split.test")[0] == 250
    assert not [each for each, _ in sink.taken if each == "info@split.test"]


def test_mail_is_fetched(server: RunningServer, sink: Sink) -> None:
    """It waits, held by its route, until the host asks; whoever may not ask is told nothing."""
    target = f"127.0.0.1:{sink.port}"
    asks = ("--hold", "--etrn-from", "127.0.0.0/8", "--local-recipients")
    server.command("route", "add", "dial.test", "--target", target, *asks)
    server.command("route", "move", "4", "1")
    assert send(server, "anna@dial.test")[0] == 250
    time.sleep(1.0)
    assert not [each for each, _ in sink.taken if each == "anna@dial.test"]
    assert "dial.test" in server.command("queue", "list").stdout
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.ehlo("dial.test")
        assert client.docmd("ETRN", "other.test")[0] == 459
        assert 250 <= client.docmd("ETRN", "dial.test")[0] <= 253
    assert b"for anna@dial.test" in until(sink, "anna@dial.test", server)


def test_a_command(server: RunningServer, tmp_path: Path) -> None:
    """It reads the message and knows for whom."""
    script = tmp_path / "robot.py"
    found = tmp_path / "found"
    script.write_text(
        "import os, sys\n"
        f"place = {str(found)!r}\n"
        "with open(place + '.new', 'wb') as file:\n"
        "    file.write(os.environ['RECIPIENT'].encode() + b' ' + sys.stdin.buffer.read())\n"
        "os.rename(place + '.new', place)\n"
    )
    command = f"{sys.executable} {script}"
    server.command(
        "route", "add", "robot.test", "--protocol", "pipe", "--command", command, "--local-recipients"
    )
    server.command("route", "move", "5", "1")
    assert send(server, "r2d2@robot.test")[0] == 250
    limit = time.monotonic() + 60
    while not found.exists():
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.1)
    content = found.read_bytes()
    assert content.startswith(b"r2d2@robot.test ")
    assert b"for r2d2@robot.test" in content


def test_a_route_is_tried(server: RunningServer, sink: Sink) -> None:
    """Step by step: a host that answers, and one that does not."""
    done = server.command("route", "test", "2").stdout
    assert "The route works." in done
    assert "connect" in done
    server.command("route", "change", "2", "--security", "starttls")
    done = server.command("route", "test", "2").stdout
    assert "The route does not work." in done
    assert "FAIL tls" in done
