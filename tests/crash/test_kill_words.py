"""What goes out beside a message survives kill -9 with it: an automatic reply is sent once for each sender, with the
first mail of theirs that is there, and every message that is there has its copy in the journal."""

from __future__ import annotations

import json
import signal
import smtplib
import sys
import time
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from imaplib import IMAP4
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

from posthouse.observe.steps import NAMES

pytestmark = [
    pytest.mark.campaign,
    pytest.mark.timeout(600),
    pytest.mark.skipif(sys.platform == "win32", reason="only on systems with SIGKILL"),
]

DOMAIN = "posthouse.test"
AWAY, WRITER, BOOKS = (f"{name}@{DOMAIN}" for name in ("away", "writer", "books"))
STEPS = tuple(name for name in NAMES if name.partition(".")[0] in ("body", "unit", "accept", "queue"))
REACH = {"body": 15, "unit": 12, "accept": 8, "queue": 5}
"""How often a step is passed before the kill: a message has up to three bodies, one unit and two rows."""
MOST = 60
"""Messages after which a step counts as not reached."""
PAIR = 2
"""Messages of one sender, of which the first is answered."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path)
    made.start()
    made.add_domain(DOMAIN)
    for account in (AWAY, WRITER, BOOKS):
        made.add_account(account)
    made.command("setting", "set", "queue.lease_time", "5")
    made.command("account", "auto-reply", "set", AWAY, "--subject", "Away: %SUBJECT%", "--text", "Later.")
    made.command("journal", "set", BOOKS, "--form", "copy")
    made.stop()
    yield made
    made.kill()


def start(server: RunningServer, step: str, count: int) -> None:
    """Start it so that it dies at a step; what it does at its start may be enough for that, then a little later."""
    for more in range(0, 60, 6):
        server.environment = {"POSTHOUSE_CRASH_AT": f"{step}:{count + more}"} if step else {}
        try:
            server.start()
            return
        except RuntimeError:
            if not step or server.process is None or server.process.poll() != -signal.SIGKILL:
                raise
    raise AssertionError(f"it reaches {step} again and again at its start")


def send(server: RunningServer, number: int) -> None:
    """A message; two of each sender, whom nobody answered before. Returns when it is acknowledged. Raises OSError,
    SMTPException."""
    sender = WRITER.replace("@", f"+{number // PAIR}@")
    head = f"From: {sender}\r\nTo: {AWAY}\r\nSubject: t{number}\r\nMessage-ID: <{number}@{DOMAIN}>\r\n\r\n"
    client = smtplib.SMTP("127.0.0.1", server.smtp, timeout=20)
    try:
        client.sendmail(sender, [AWAY], head + "Hello\r\n")
    finally:
        client.close()  # without a QUIT: what is acknowledged is so, whether it dies now or not


def subjects(server: RunningServer, account: str) -> Counter[str]:
    with IMAP4("127.0.0.1", server.imap) as client:
        client.login(account, PASSWORD)
        client.select("INBOX", readonly=True)
        found: Counter[str] = Counter()
        for answer in client.fetch("1:*", "(BODY.PEEK[HEADER.FIELDS (SUBJECT)])")[1]:
            if isinstance(answer, tuple):
                found[str(message_from_bytes(answer[1])["Subject"])] += 1
        return found


def settle(server: RunningServer) -> None:
    """What a dead worker had leased comes back."""
    limit = time.monotonic() + 120
    while json.loads(server.command("queue", "list", "--json").stdout)["total"]:
        assert time.monotonic() < limit, "the queue did not become empty"
        time.sleep(0.3)


def test_a_reply_and_a_copy_go_with_their_message(server: RunningServer) -> None:
    count = 0
    acknowledged: set[str] = set()
    killed: set[str] = set()
    for number, step in enumerate(STEPS):
        start(server, step, REACH[step.partition(".")[0]] + number % 3)
        try:
            for _ in range(MOST):
                count += 1
                send(server, count)
                acknowledged.add(f"t{count}")
        except (OSError, smtplib.SMTPException):
            killed.add(step)
        server.kill()
    assert killed == set(STEPS)
    start(server, "", 0)
    settle(server)
    there = subjects(server, AWAY)
    assert acknowledged - set(there) == set(), "acknowledged and lost"
    assert {token: times for token, times in there.items() if times != 1} == {}
    assert len(acknowledged) > 2 * len(STEPS)
    first: dict[int, int] = {}
    for number in sorted(int(token[1:]) for token in there):
        first.setdefault(number // PAIR, number)
    replies = Counter(f"Away: t{number}" for number in first.values())
    assert len(replies) < len(there), "nobody wrote twice"
    assert subjects(server, WRITER) == replies
    # The journal has what came in, and what was answered.
    assert subjects(server, BOOKS) == there + replies
    assert server.command("verify").returncode == 0
