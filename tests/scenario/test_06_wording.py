"""Signatures, automatic replies, journals, conditions of forwards and archive rules, in a whole server."""

from __future__ import annotations

import imaplib
import json
import smtplib
import ssl
import time
from collections.abc import Iterator
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser

import pytest
from running import PASSWORD, RunningServer
from test_04_sending import arrived, letter, mailbox

pytestmark = pytest.mark.timeout(300)

DOMAIN = "posthouse.test"
ANNA, BERT, CARL, BOOKS = (f"{name}@{DOMAIN}" for name in ("anna", "bert", "carl", "books"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    made = RunningServer(tmp_path_factory.mktemp("words"))
    made.add_domain(DOMAIN)
    for account in (ANNA, BERT, CARL, BOOKS):
        made.add_account(account)
    made.command("setting", "set", "archive.interval", "0.001")
    made.start()
    try:
        yield made
    finally:
        made.kill()


def parsed(message: bytes) -> EmailMessage:
    found = BytesParser(policy=policy.default).parsebytes(message)
    assert isinstance(found, EmailMessage)
    return found


def submit(server: RunningServer, login: str, to: str, message: bytes) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(login, PASSWORD)
        client.sendmail(login, [to], message)


def write(
    server: RunningServer, sender: str, to: str, subject: str, *fields: str, header_to: str = ""
) -> None:
    """A letter from outside."""
    head = [f"From: {sender or 'daemon@far.test'}", f"To: {header_to or to}", f"Subject: {subject}"]
    head += [f"Message-ID: <{subject.replace(' ', '.')}@far.test>", *fields]
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail(sender, [to], "\r\n".join(head) + "\r\n\r\nHello\r\n")


def subjects(server: RunningServer, user: str) -> list[str]:
    return [str(parsed(each)["Subject"]) for each in mailbox(server, user)]


def settle(server: RunningServer) -> None:
    """Wait until nothing is on its way any more."""
    limit = time.monotonic() + 60
    while waiting := json.loads(server.command("queue", "list", "--json").stdout)["messages"]:
        assert time.monotonic() < limit, waiting
        time.sleep(0.1)


def test_what_is_submitted_has_the_signature_and_what_is_not_has_none(server: RunningServer) -> None:
    server.command("account", "signature", "set", ANNA, "--text", "-- \n%user.address%\nGrüße")
    server.command("domain", "signature", "set", DOMAIN, "--text", "The post office", "--method", "append")
    submit(server, ANNA, BERT, letter("signed", ANNA))
    found = arrived(server, BERT, lambda each: b"Subject: signed" in each)
    text = parsed(found).get_content().replace("\r\n", "\n")
    assert text.rstrip().endswith(f"-- \n{ANNA}\nGrüße\n\nThe post office")
    write(server, ANNA, BERT, "from outside")
    assert b"post office" not in arrived(server, BERT, lambda each: b"Subject: from outside" in each)
    reply = b"In-Reply-To: <a@b>\r\n" + letter("reply", ANNA)
    submit(server, ANNA, BERT, reply)
    assert b"post office" not in arrived(server, BERT, lambda each: b"Subject: reply" in each)
    server.command("domain", "signature", "set", DOMAIN, "--text", "Office only", "--not-within")
    submit(server, BERT, ANNA, letter("inside", BERT))
    assert b"Office only" not in arrived(server, ANNA, lambda each: b"Subject: inside" in each)
    server.command("domain", "signature", "set", DOMAIN)
    server.command("account", "signature", "set", ANNA)


def test_who_is_away_answers_once_and_nobody_who_should_not_be(server: RunningServer) -> None:
    away = (
        "account",
        "auto-reply",
        "set",
        BERT,
        "--subject",
        "Away: %SUBJECT%",
        "--text",
        "Back on Monday, %User.Address%",
    )
    server.command(*away)
    write(server, CARL, BERT, "first")
    found = parsed(arrived(server, CARL, lambda each: b"Away: first" in each))
    assert (found["From"], found["To"], found["Return-Path"]) == (BERT, CARL, "<>")
    assert (found["In-Reply-To"], found["References"]) == ("<first@far.test>", "<first@far.test>")
    assert found["Auto-Submitted"] == "auto-replied"
    assert found.get_content().strip() == f"Back on Monday, {BERT}"
    write(server, CARL, BERT, "second")
    server.stop()
    server.start()
    write(server, CARL, BERT, "third")
    for sender, subject, *fields in (
        ("", "null"),
        ("noreply@posthouse.test", "nobody"),
        (ANNA, "list", "List-Id: <l.far.test>"),
        (ANNA, "bulk", "Precedence: bulk"),
        (ANNA, "automatic", "Auto-Submitted: auto-generated"),
        (ANNA, "spam", "X-Spam-Flag: YES"),
        (BERT, "own"),
    ):
        write(server, sender, BERT, subject, *fields)
    write(server, ANNA, BERT, "hidden", header_to="somebody@far.test")
    settle(server)
    assert [each for each in subjects(server, CARL) if each.startswith("Away")] == ["Away: first"]
    assert not [
        each for each in (*subjects(server, ANNA), *subjects(server, BERT)) if each.startswith("Away")
    ]
    assert len(subjects(server, BERT)) >= 11
    server.command(*away[:-1], "Back on Tuesday")
    write(server, CARL, BERT, "fourth")
    arrived(server, CARL, lambda each: b"Away: fourth" in each)
    server.command("account", "auto-reply", "clear", BERT)


def test_a_journal_has_every_message_and_nobody_is_told(server: RunningServer) -> None:
    server.command("journal", "set", BOOKS)
    submit(server, ANNA, CARL, letter("for the books", ANNA))
    report = parsed(arrived(server, BOOKS, lambda each: b"for the books" in each))
    facts, message = report.iter_parts()
    assert f"Sender: {ANNA}" in facts.get_content()
    assert f"Recipient: {CARL}" in facts.get_content()
    inner = message.get_content()
    assert inner["Subject"] == "for the books"
    assert "Grüße aus dem Posthaus." in inner.get_content()
    server.command("journal", "set", BOOKS, "--form", "copy", "--mail", "incoming")
    write(server, "erik@far.test", CARL, "plain copy")
    found = parsed(arrived(server, BOOKS, lambda each: b"plain copy" in each))
    assert found["Subject"] == "plain copy"
    assert found["X-Posthouse-Journal"]
    write(server, "erik@far.test", BOOKS, "to the books themselves")
    # A copy that comes back is not copied again.
    back = b"".join(
        each
        for each in (
            f"X-Posthouse-Journal: {found['X-Posthouse-Journal']}\r\n".encode(),
            letter("back", CARL),
        )
    )
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail("erik@far.test", [ANNA], back)
    arrived(server, ANNA, lambda each: b"Subject: back" in each)
    settle(server)
    assert subjects(server, BOOKS).count("to the books themselves") == 1
    assert "back" not in subjects(server, BOOKS)
    server.command("journal", "remove")


def test_a_forward_with_conditions_takes_what_meets_them(server: RunningServer) -> None:
    server.command(
        "account", "forward", "set", ANNA, CARL, "--no-keep", "--if-subject", "urgent*", "--not-spam"
    )
    write(server, "erik@far.test", ANNA, "urgent matter")
    write(server, "erik@far.test", ANNA, "no hurry")
    write(server, "erik@far.test", ANNA, "urgent spam", "X-Spam-Flag: YES")
    arrived(server, CARL, lambda each: b"Subject: urgent matter" in each)
    assert "urgent matter" not in subjects(server, ANNA)
    assert {"no hurry", "urgent spam"} <= set(subjects(server, ANNA))
    assert "no hurry" not in subjects(server, CARL)
    server.command("account", "forward", "clear", ANNA)


def test_old_mail_goes_into_the_archive(server: RunningServer) -> None:
    with imaplib.IMAP4("127.0.0.1", server.imap) as client:
        client.login(CARL, PASSWORD)
        client.append("INBOX", "", '"05-Mar-2021 10:00:00 +0000"', letter("old", ANNA))
        server.command("account", "archive", "set", CARL, "--days", "300", "--folder", "Old/%YEAR%/%MONTH%")
        limit = time.monotonic() + 60
        while client.select("Old/2021/03")[0] != "OK":
            assert time.monotonic() < limit, server.log[-3000:]
            time.sleep(0.1)
        assert client.search(None, "SUBJECT", "old")[1] == [b"1"]
        client.select("INBOX")
        assert client.search(None, "SUBJECT", '"old"', "BEFORE", "1-Jan-2022")[1] == [b""]
