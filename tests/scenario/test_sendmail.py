"""Local programs send mail: with the server up, down, and started again."""

from __future__ import annotations

import imaplib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

pytestmark = [
    pytest.mark.timeout(240),
    pytest.mark.skipif(os.name != "posix", reason="a command of POSIX systems"),
]

ANNA = "anna@posthouse.test"
UP = "To: anna@posthouse.test\nBcc: nobody@posthouse.test\nSubject: up\n\nHello\n.\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    """A server with one account."""
    server = RunningServer(tmp_path / "server")
    server.start()
    try:
        server.add_domain()
        server.add_account(ANNA)
        yield server
    finally:
        server.kill()
    assert "Traceback" not in server.log, server.log[-4000:]


def sendmail(server: RunningServer, *words: str, text: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a program would."""
    return subprocess.run(
        [sys.executable, "-m", "posthouse.cli.sendmail", *words],
        input=text,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "POSTHOUSE_CONFIG": str(server.config)},
    )


def inbox(server: RunningServer, count: int) -> list[bytes]:
    """Anna's messages, once there are so many."""
    limit = time.monotonic() + 60
    while True:
        with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
            client.starttls(_trusting())
            client.login(ANNA, PASSWORD)
            client.select("INBOX", readonly=True)
            _, rows = client.fetch("1:*", "(BODY.PEEK[])") if client.search(None, "ALL")[1][0] else (None, [])
            found = [row[1] for row in rows if isinstance(row, tuple)]
        if len(found) >= count or time.monotonic() > limit:
            assert len(found) == count, server.log[-3000:]
            return found
        time.sleep(0.2)


def _trusting() -> object:
    import ssl

    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def test_up_down_and_up_again(server: RunningServer) -> None:
    """At once while it runs; from the maildrop, each once, after it was killed and started."""
    done = sendmail(server, "-t", "-i", "-F", "Monitor", text=UP)
    assert (done.returncode, done.stderr) == (67, "sendmail: nobody@posthouse.test: No such user here.\n")
    done = sendmail(server, "-f", "monitor@posthouse.test", ANNA, text="Subject: dot\n\nHello\n.\nnot this\n")
    assert (done.returncode, done.stderr) == (0, "")
    up, dot = inbox(server, 2)
    assert up.endswith(b"\r\n\r\nHello\r\n.\r\n")
    assert b"\r\nBcc:" not in up
    assert b"\r\nFrom: Monitor <" in up
    assert dot.startswith(b"Return-Path: <monitor@posthouse.test>\r\n")
    assert dot.endswith(b"\r\n\r\nHello\r\n")
    assert sendmail(server, text="Subject: nobody\n\n").returncode == 64
    assert sendmail(server, "nobody@posthouse.test", text="Subject: x\n\n").returncode == 67

    server.kill()
    for number in range(3):
        done = sendmail(server, ANNA, text=f"Subject: down {number}\n\nHello\n")
        assert (done.returncode, done.stderr) == (0, "")
    assert len(list((server.data / "maildrop").glob("*.mail"))) == 3
    server.start()
    found = inbox(server, 5)
    assert sum(b"\r\nSubject: down " in message for message in found) == 3
    limit = time.monotonic() + 30
    while list((server.data / "maildrop").glob("*.mail")) and time.monotonic() < limit:
        time.sleep(0.1)
    assert list((server.data / "maildrop").glob("*.mail")) == []
    assert len(inbox(server, 5)) == 5


def test_the_other_modes(server: RunningServer) -> None:
    """-bs speaks SMTP, -bp lists the queue, -q has nothing to do."""
    talk = (
        "EHLO me\r\nMAIL FROM:<monitor@posthouse.test>\r\nRCPT TO:<anna@posthouse.test>\r\nDATA\r\n"
        "Subject: bs\r\n\r\n..dot\r\n.\r\nRCPT TO:<x@y.test>\r\nQUIT\r\n"
    )
    done = sendmail(server, "-bs", text=talk)
    codes = [line[:3] for line in done.stdout.splitlines() if line[3:4] == " "]
    assert codes == ["220", "250", "250", "250", "354", "250", "503", "221"]
    (message,) = inbox(server, 1)
    assert message.endswith(b"\r\n\r\n.dot\r\n")
    assert sendmail(server, "-bp", text="").stdout == "Mail queue is empty\n"
    assert sendmail(server, "-q", text="").returncode == 0
    assert sendmail(server, "-bz", text="").returncode == 64
