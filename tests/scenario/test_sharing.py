"""Public folders, shared folders and shared mailboxes on a whole server, as mail programs see them."""

from __future__ import annotations

import imaplib
import json
import smtplib
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from running import PASSWORD, RunningServer

pytestmark = pytest.mark.timeout(300)

ANNA, BERT, INFO = "anna@posthouse.test", "bert@posthouse.test", "info@posthouse.test"
HELP, ZOE = "help@posthouse.test", "zoe@other.test"
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
        assert anna.getacl("Public/News")[1] == [f"Public/News {ANNA} lrswipkxteacd anyone lrs".encode()]
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


def test_what_members_send_names_them_and_is_kept(posthouse_server: RunningServer) -> None:
    """Anna sends as the address, Bert (a member by a group, who may not) on its behalf; both leave a copy there."""
    server = posthouse_server
    carl = "carl@posthouse.test"
    server.add_account(carl)
    server.command("group", "add", "helpers")
    server.command("group", "join", "helpers", BERT)
    server.command("shared-mailbox", "add", HELP, "--member", ANNA, "--member", "$helpers", "--own-marks")
    for number, who in enumerate((ANNA, BERT), 1):
        for sender in (HELP, who):
            text = (
                f"From: Help <{HELP}>\r\nSender: {carl}\r\nTo: {carl}\r\nSubject: To you {number}\r\n\r\nSo.\r\n"
                if who == BERT
                else f"From: Help <{HELP}>\r\nTo: {carl}\r\nSubject: To you {number}\r\n\r\nSo.\r\n"
            )
            with submitting(server, who) as smtp:
                smtp.sendmail(sender, [carl], text.encode())
    with submitting(server, carl) as smtp, pytest.raises(smtplib.SMTPResponseException):
        smtp.sendmail(carl, [ANNA], f"From: {HELP}\r\nSubject: Not mine\r\n\r\nSo.\r\n".encode())
    sent = f"Shared/{HELP}/Sent"
    with signed_in(server, carl) as client:
        client.select("INBOX")
        parts = client.fetch("1:*", "(BODY[HEADER.FIELDS (FROM SENDER)])")[1]
        headers = [part[1].decode().lower() for part in parts if isinstance(part, tuple)]
    assert len(headers) == 4
    assert all(f"<{HELP}>" in header for header in headers)
    assert [f"sender: {BERT}" in header for header in headers] == [False, False, True, True]
    assert not any(f"sender: {carl}" in header for header in headers)
    with signed_in(server, ANNA) as anna, signed_in(server, BERT) as bert:
        for client, read in ((anna, b"1 2"), (bert, b"3 4")):
            assert client.select(sent)[0] == "OK"
            assert client.search(None, "ALL")[1] == [b"1 2 3 4"]
            assert client.search(None, "SEEN")[1] == [read]
        # A folder at the top of the shared mailbox is its members', as the Inbox is.
        new = f"Shared/{HELP}/Done"
        assert anna.create(new)[0] == "OK"
        _until(lambda: new in names(bert, "Shared*"))
        assert bert.create("Shared/posthouse.test/Done")[0] == "NO"
    server.command("shared-mailbox", "set", HELP, "--no-keep-sent", "--common-marks")
    with submitting(server, ANNA) as smtp:
        smtp.sendmail(HELP, [carl], f"From: {HELP}\r\nSubject: Once more\r\n\r\nSo.\r\n".encode())
    with signed_in(server, ANNA) as anna:
        assert anna.status(sent, "(MESSAGES)")[1] == [f"{sent} (MESSAGES 4)".encode()]
    server.command("verify")


def test_people_share_within_their_domain(posthouse_server: RunningServer) -> None:
    """Nobody learns by sharing which addresses other domains have, and what is changed is in the audit."""
    server = posthouse_server
    server.add_domain("other.test")
    server.add_account(ZOE)
    with signed_in(server, ANNA) as anna, signed_in(server, BERT) as bert, signed_in(server, ZOE) as zoe:
        there, missing = anna.setacl("INBOX", ZOE, "lr"), anna.setacl("INBOX", "nobody@other.test", "lr")
        assert there[0] == "NO"
        assert there == missing
        rights = anna.xatom("LISTRIGHTS", "INBOX", ZOE)
        assert rights[0] == "NO"
        assert rights == anna.xatom("LISTRIGHTS", "INBOX", "nobody@other.test")
        assert anna.setacl("INBOX", "anyone", "lr")[0] == "OK"
        inbox = f"Shared/{ANNA}/INBOX"
        _until(lambda: inbox in names(bert, "Shared*"))
        assert names(zoe, "Shared*") == []
        server.command("setting", "set", "imap.share_within", "server")
        _until(lambda: inbox in names(zoe, "Shared*"))
        _until(lambda: anna.setacl("INBOX", ZOE, "lrs")[0] == "OK")
        assert anna.deleteacl("INBOX", ZOE)[0] == "OK"
    lines = json.loads(server.command("audit", "list", "--json").stdout)
    told = [line for line in lines[next(iter(lines))] if line["source"] == "imap"]
    assert [line["actor"] for line in told] == [ANNA] * 3
    server.command("verify")


@contextmanager
def submitting(server: RunningServer, address: str) -> Iterator[smtplib.SMTP]:
    """A mail program of somebody that sends."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=60) as client:
        client.starttls(context=context)
        client.login(address, PASSWORD)
        yield client


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
