"""For each 250 and OK the flushes of body, directory entry and commit had returned: shown by system-call traces."""

from __future__ import annotations

import asyncio
import imaplib
import re
import smtplib
import sys
from pathlib import Path

import pytest
from load import Ledger, Load
from running import PASSWORD, RunningServer
from syscalls import TRACED, parse, unkept_promises

PROMISE = re.compile(r"250 2\.0\.0 Message accepted|250 2\.1\.5 \w[^(]*\(|OK \[APPENDUID")
USER = "flush@posthouse.test"

pytestmark = [
    pytest.mark.needs("strace"),
    pytest.mark.skipif(sys.platform != "linux", reason="only on Linux: strace"),
    pytest.mark.timeout(150),
]


def traced(folder: Path, leave_out: str, *, concurrent: bool = False) -> list[str]:
    """Run a server under strace with a flush left out, hand it mail, return the checker's complaints."""
    server = RunningServer(folder)
    server.start()
    server.add_domain()
    server.add_account(USER)
    server.stop()
    trace = folder / "trace"
    server.prefix_command = ("strace", "-f", "-y", "-s", "200", "-e", f"trace={TRACED}", "-o", str(trace))
    server.launcher = (str(Path(__file__).with_name("leave_out.py")), leave_out)
    server.start(seconds=90)
    try:
        if concurrent:
            load = Load(Ledger(), server.smtp, server.imap, [USER], PASSWORD, 5)
            asyncio.run(load.run(asyncio.Event(), 4.0))
            assert len(load.ledger.acknowledged) > 40
        else:
            hand_over(server)
    finally:
        server.stop(90)
    return unkept_promises(parse(trace.read_text(errors="replace")), PROMISE)


def hand_over(server: RunningServer) -> None:
    """Ten messages by SMTP, two by LMTP, five by APPEND, one after the other; small ones and one large."""
    with smtplib.SMTP("127.0.0.1", server.smtp) as client:
        for number in range(10):
            size = 400_000 if number == 4 else 3000
            client.sendmail(
                "a@example.org",
                [USER],
                f"Subject: {number}\r\n\r\n" + f"word {number:05}\r\n" * (size // 12),
            )
    with smtplib.LMTP("127.0.0.1", server.lmtp) as client:
        for number in range(2):
            client.sendmail("a@example.org", [USER], f"Subject: lmtp {number}\r\n\r\nbody\r\n")
    with imaplib.IMAP4("127.0.0.1", server.imap) as mailbox:
        mailbox.login(USER, PASSWORD)
        for number in range(5):
            text = b"Subject: append %d\r\n\r\n" % number + b"line\r\n" * (60_000 if number == 3 else 10)
            assert mailbox.append("INBOX", "", "", text)[0] == "OK"


def test_every_promise_is_flushed_first(tmp_path: Path) -> None:
    """One message after the other, by SMTP, LMTP and APPEND: body, directory and commit are on disk first."""
    assert traced(tmp_path, "nothing") == []


def test_every_promise_is_flushed_first_under_load(tmp_path: Path) -> None:
    """The same with 28 sessions at once, where messages share commits."""
    assert traced(tmp_path, "nothing", concurrent=True) == []


@pytest.mark.parametrize("which", ["file", "directory", "commit"])
def test_a_missing_flush_is_noticed(tmp_path: Path, which: str) -> None:
    """The same run without one of the flushes fails: the test above can fail."""
    assert traced(tmp_path, which) != []
