"""kill -9 at each named step of removing and restoring: afterwards all is there, or may be restored still."""

from __future__ import annotations

import imaplib
import json
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

from posthouse.observe.steps import KEEPING

ANNA = "anna@posthouse.test"
MESSAGES = 1200
"""More than two units."""

pytestmark = pytest.mark.timeout(240)


def fill(server: RunningServer) -> None:
    """A folder of messages in Anna's account."""
    with imaplib.IMAP4("127.0.0.1", server.imap) as client:
        client.login(ANNA, PASSWORD)
        client.create("Work")
        client.append("Work", "", None, b"Subject: one\r\n\r\none\r\n")  # type: ignore[arg-type]
        client.select("Work")
        count = 1
        while count < MESSAGES:
            client.copy(f"1:{min(count, MESSAGES - count)}", "Work")
            count += min(count, MESSAGES - count)
        client.close()


def held(server: RunningServer) -> tuple[int, int]:
    """Messages in mailboxes and among the deleted."""
    shown = json.loads(server.command("account", "show", ANNA, "--json").stdout)
    kept = json.loads(server.command("deleted", "show", ANNA, "--json").stdout)
    return shown["messages"], kept["messages"]


@pytest.fixture
def server(tmp_path: Path) -> RunningServer:
    made = RunningServer(tmp_path)
    made.start()
    made.add_domain()
    made.add_account(ANNA)
    fill(made)
    made.stop()
    return made


def crash_at(server: RunningServer, step: str) -> None:
    server.environment = {"POSTHOUSE_CRASH_AT": f"{step}:1"}
    server.start()


def again(server: RunningServer) -> None:
    assert server.wait_dead(60)
    server.kill()
    server.environment = {}
    server.start()


@pytest.mark.parametrize("step", KEEPING)
def test_nothing_is_half_gone(server: RunningServer, step: str) -> None:
    """Every message is in the folder or among the deleted at every moment; a removal goes on to its end."""
    try:
        if step == "mailbox.purged":
            crash_at(server, step)
            client = imaplib.IMAP4("127.0.0.1", server.imap)
            client.login(ANNA, PASSWORD)
            with pytest.raises((imaplib.IMAP4.abort, OSError)):
                client.delete("Work")
            client.shutdown()
        elif step == "undelete.restored":
            server.start()
            with imaplib.IMAP4("127.0.0.1", server.imap) as client:
                client.login(ANNA, PASSWORD)
                client.delete("Work")
            server.stop()
            crash_at(server, step)
            server.command("deleted", "restore", ANNA, check=False)
        else:
            crash_at(server, step)
            purge = ("--purge",) if step == "removed.purging" else ()
            server.command("account", "remove", ANNA, "--yes", *purge, check=False)
        again(server)
        if step == "removed.purging":
            assert server.command("account", "restore", ANNA, check=False).returncode != 0
            assert server.command("account", "purge", ANNA, "--yes").returncode == 0
            server.add_account(ANNA)
            assert held(server) == (0, 0)
            return
        if step == "removed.put_away":
            server.command("account", "restore", ANNA)
        server.command("deleted", "restore", ANNA)
        assert held(server) == (MESSAGES, 0)
        assert server.command("verify").returncode == 0
    finally:
        server.stop()
