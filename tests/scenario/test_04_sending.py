"""Mail leaves and arrives: two servers, each the other's outside world, joined by routes."""

from __future__ import annotations

import email.policy
import imaplib
import json
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage, Message
from email.parser import BytesParser
from pathlib import Path

import pytest
from running import PASSWORD, RunningServer

ANNA, CARL = "anna@posthouse.test", "carl@elsewhere.test"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[RunningServer, RunningServer]]:
    """The server of posthouse.test and that of elsewhere.test."""
    here = RunningServer(tmp_path_factory.mktemp("here"))
    there = RunningServer(tmp_path_factory.mktemp("there"))
    there.config.write_text(there.config.read_text().replace("mail.posthouse.test", "mx.elsewhere.test"))
    try:
        for server, other, domain, foreign in (
            (here, there, "posthouse.test", "elsewhere.test"),
            (there, here, "elsewhere.test", "posthouse.test"),
        ):
            server.add_domain(domain)
            target = f"127.0.0.1:{other.smtp}"
            server.command("route", "add", foreign, "--target", target, "--tries", "2", "--minutes", "1")
            server.command("setting", "set", "smtp.max_errors", "1000")
        here.add_account(ANNA)
        there.add_account(CARL)
        here.start()
        there.start()
        yield here, there
    finally:
        here.kill()
        there.kill()


def submit(server: RunningServer, message: bytes, sender: str, *to: str, **more: list[str]) -> None:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with smtplib.SMTP("127.0.0.1", server.submission, timeout=30) as client:
        client.starttls(context=trusting)
        client.login(sender, PASSWORD)
        client.sendmail(sender, list(to), message, **more)


def mailbox(server: RunningServer, user: str) -> list[bytes]:
    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=30) as client:
        client.login(user, PASSWORD)
        client.select("INBOX", readonly=True)
        _, rows = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [row[1] for row in rows if isinstance(row, tuple)]


def arrived(server: RunningServer, user: str, wanted: Callable[[bytes], bool], seconds: float = 60) -> bytes:
    """The first message that is wanted; waits for it."""
    limit = time.monotonic() + seconds
    while True:
        found = next((each for each in mailbox(server, user) if wanted(each)), None)
        if found is not None:
            return found
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.2)


def letter(subject: str, sender: str = ANNA) -> bytes:
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["To"], message["Subject"] = sender, CARL, subject
    message.set_content("Grüße aus dem Posthaus.\n.\nEnde\n", cte="8bit")
    return bytes(message)


def parts_of(report: bytes) -> tuple[str, Message, str]:
    """The text, the fields of the first recipient, and what is returned."""
    parsed = BytesParser(policy=email.policy.default).parsebytes(report)
    assert parsed.get_content_type() == "multipart/report"
    text, status, returned = parsed.iter_parts()  # type: ignore[attr-defined]
    return text.get_content(), status.get_payload()[1], str(returned)


def emptied(server: RunningServer) -> None:
    """Wait until nothing is owed to anybody any more."""
    limit = time.monotonic() + 60
    while waiting := json.loads(server.command("queue", "list", "--json").stdout)["messages"]:
        assert time.monotonic() < limit, waiting
        time.sleep(0.2)


def test_a_letter_arrives(pair: tuple[RunningServer, RunningServer]) -> None:
    """It leaves over TLS, byte for byte, and both traces tell the whole way."""
    here, there = pair
    submit(here, letter("over the hills"), ANNA, CARL, mail_options=["BODY=8BITMIME"])
    found = arrived(there, CARL, lambda each: b"Subject: over the hills" in each)
    assert "Grüße aus dem Posthaus.\r\n.\r\nEnde\r\n".encode() in found
    assert found.startswith(b"Return-Path: <anna@posthouse.test>\r\nDelivered-To: carl@elsewhere.test\r\n")
    assert b"with ESMTPS" in found
    emptied(here)  # it is there before we have its answer
    story = here.command("message", "trace", CARL).stdout
    assert "relayed with TLSv1.3" in story
    assert "mx.elsewhere.test" in story or "127.0.0.1" in story


def test_nobody_there_comes_back(pair: tuple[RunningServer, RunningServer]) -> None:
    """The sender reads in plain words who was not there, and what the other server said."""
    here, _ = pair
    submit(here, letter("to nobody"), ANNA, "nobody@elsewhere.test", rcpt_options=["NOTIFY=FAILURE"])
    text, status, returned = parts_of(arrived(here, ANNA, lambda each: b"nobody@elsewhere.test" in each))
    assert "nobody@elsewhere.test" in text
    assert status["Action"] == "failed"
    assert status["Status"] == "5.1.1"
    assert status["Final-Recipient"] == "rfc822; nobody@elsewhere.test"
    assert "No such user" in status["Diagnostic-Code"]
    assert "Subject: to nobody" in returned


def test_success_is_told_where_asked(pair: tuple[RunningServer, RunningServer]) -> None:
    """The other server does DSN itself, so the notice of the delivery comes from there, through its queue."""
    here, _ = pair
    submit(
        here,
        letter("registered"),
        ANNA,
        CARL,
        mail_options=["ENVID=abc", "RET=HDRS"],
        rcpt_options=["NOTIFY=SUCCESS,FAILURE"],
    )
    report = arrived(here, ANNA, lambda each: b"Action: delivered" in each)
    _, status, _ = parts_of(report)
    assert b"Original-Envelope-Id: abc" in report
    assert b"Reporting-MTA: dns; mx.elsewhere.test" in report
    assert status["Action"] == "delivered"


def test_an_alias_that_leads_outside(pair: tuple[RunningServer, RunningServer]) -> None:
    """Mail of a third party is sent on with a sender of ours, and what comes back finds its way to it."""
    here, there = pair
    here.command("alias", "add", "onward@posthouse.test", CARL)
    here.command("alias", "add", "astray@posthouse.test", "nobody@elsewhere.test")
    with smtplib.SMTP("127.0.0.1", here.smtp, timeout=30) as client:
        client.sendmail("dora@third.test", ["onward@posthouse.test"], letter("sent on", "dora@third.test"))
    found = arrived(there, CARL, lambda each: b"Subject: sent on" in each)
    assert found.startswith(b"Return-Path: <SRS0=")
    assert b"=third.test=dora@posthouse.test>" in found.splitlines()[0]

    here.command("route", "add", "third.test", "--target", f"127.0.0.1:{there.smtp}")
    there.add_domain("third.test")
    there.add_account("dora@third.test")
    with smtplib.SMTP("127.0.0.1", here.smtp, timeout=30) as client:
        client.sendmail("dora@third.test", ["astray@posthouse.test"], letter("lost", "dora@third.test"))
    report = arrived(there, "dora@third.test", lambda each: b"Action: failed" in each)
    text, status, _ = parts_of(report)
    assert status["Status"] == "5.1.1"
    assert "astray@posthouse.test" in text or "nobody@elsewhere.test" in text


def test_another_host_is_away_for_a_while(pair: tuple[RunningServer, RunningServer], tmp_path: Path) -> None:
    """The message waits, the queue says why, and it leaves when the host is back."""
    here, there = pair
    assert there.stop() == 0
    submit(here, letter("patience"), ANNA, CARL)
    limit = time.monotonic() + 60
    while True:
        waiting = json.loads(here.command("queue", "list", "--json").stdout)["messages"]
        # an attempt counts from its beginning; its reason is there when it has ended
        if waiting and "refused" in here.command("queue", "show", str(waiting[0]["id"])).stdout:
            break
        assert time.monotonic() < limit, waiting
        time.sleep(0.2)
    there.start()
    here.command("queue", "retry", str(waiting[0]["id"]))
    arrived(there, CARL, lambda each: b"Subject: patience" in each)
    assert "Traceback" not in here.log + there.log
