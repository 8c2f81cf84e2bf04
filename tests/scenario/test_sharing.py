"""Public folders, shared folders and shared mailboxes on a whole server, as mail programs see them."""

from __future__ import annotations

import imaplib
import json
import smtplib
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from running import PASSWORD, RunningServer

pytestmark = pytest.mark.timeout(300)

ANNA, BERT, INFO = "anna@posthouse.test", "bert@posthouse.test", "info@posthouse.test"
LETTER = b"From: carl@elsewhere.test\r\nTo: info@posthouse.test\r\nSubject: Question\r\n\r\nWhen?\r\n"


@contextmanager
def signed_in(server: RunningServer, address: str) -> Iterator[imaplib.IMAP4]:
    """A mail program of somebody."""
    client = imaplib.IMAP4("127.0.0.1", server.imap)
    client.login(address, PASSWORD)
    try:
        yield client
    finally:
        client.shutdown()


def names(client: imaplib.IMAP4, pattern: str) -> list[str]:
    """The mailboxes that can be selected."""
    lines = client.list('""', pattern)[1]
    found = [line.decode() for line in lines if isinstance(line, bytes) and b"Noselect" not in line]
    return [line.rpartition('"/" ')[2].strip('"') for line in found]


def test_public_folder_by_command_and_client(posthouse_server: RunningServer) -> None:
    server = posthouse_server
    server.command("folder", "add", "News")
    with signed_in(server, ANNA) as anna, signed_in(server, BERT) as bert:
        assert names(bert, "Public*") == []
        server.command("folder", "acl", "News", ANNA, "all")
        server.command("folder", "acl", "News", "anyone", "lrs")
        _until(lambda: names(bert, "Public*") == ["Public/News"])
        assert anna.append("Public/News", "", "", LETTER)[0] == "OK"
        assert bert.append("Public/News", "", "", LETTER)[0] == "NO"
        assert bert.myrights("Public/News")[1] == [b"Public/News lrs"]
        assert anna.getacl("Public/News")[1] == [
            b"Public/News anyone lrs " + f"{ANNA} lrswipkxteacd".encode()
        ]
        # Everybody has their own read marks, and later ones begin with their own.
        for client in (anna, bert):
            assert client.select("Public/News")[0] == "OK"
        anna.fetch("1", "(BODY[])")
        assert anna.search(None, "UNSEEN")[1] == [b""]
        assert bert.search(None, "UNSEEN")[1] == [b"1"]
        # What is taken is gone at once, also for the session that is open.
        anna.deleteacl("Public/News", "anyone")
        _until(lambda: _ended(bert))
    listed = json.loads(server.command("folder", "list", "--json").stdout)
    assert [entry["who"] for entry in listed["folders"][0]["entries"]] == [ANNA]
    server.command("folder", "remove", "News", "--yes")
    with signed_in(server, ANNA) as anna:
        _until(lambda: names(anna, "Public*") == [])
    server.command("verify")


def test_shared_mailbox_in_one_step(posthouse_server: RunningServer) -> None:
    server = posthouse_server
    server.command("shared-mailbox", "add", INFO, "--member", ANNA, "--own-marks")
    with smtplib.SMTP("127.0.0.1", server.smtp) as smtp:
        smtp.sendmail("carl@elsewhere.test", [INFO], LETTER)
    inbox = f"Shared/{INFO}/INBOX"
    with signed_in(server, ANNA) as anna, signed_in(server, BERT) as bert:
        _until(lambda: inbox in names(anna, "Shared*"))
        _until(lambda: anna.status(inbox, "(MESSAGES)")[1] == [f"{inbox} (MESSAGES 1)".encode()])
        assert names(bert, "Shared*") == []
        assert bert.select(inbox)[0] == "NO"
        server.command("shared-mailbox", "member", INFO, BERT)
        _until(lambda: inbox in names(bert, "Shared*"))
        assert anna.select(inbox)[0] == bert.select(inbox)[0] == "OK"
        anna.fetch("1", "(BODY[])")
        assert bert.search(None, "UNSEEN")[1] == [b"1"]
        assert bert.store("1", "+FLAGS", "(\\Flagged)")[0] == "OK"
        _until(lambda: anna.search(None, "FLAGGED")[1] == [b"1"])
        assert bert.copy("1", "INBOX")[0] == "OK"
    rights = json.loads(server.command("account", "send-as", "list", BERT, "--json").stdout)
    assert rights["patterns"] == [INFO]
    server.command("shared-mailbox", "member", INFO, BERT, "none")
    rights = json.loads(server.command("account", "send-as", "list", BERT, "--json").stdout)
    assert rights["patterns"] == []
    with signed_in(server, BERT) as bert:
        assert bert.select(inbox)[0] == "NO"
    server.command("verify")


def _ended(client: imaplib.IMAP4) -> bool:
    """Whether the server has ended the session."""
    try:
        client.noop()
    except (imaplib.IMAP4.error, OSError):
        return True
    return False


def _until(true: object, seconds: float = 20.0) -> None:
    """Wait for what other processes of the server hear of within a second."""
    assert callable(true)
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)
