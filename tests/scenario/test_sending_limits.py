"""Limits of senders and the brake, on a running server with two workers."""

from __future__ import annotations

import json
import smtplib
import ssl
import time
from collections.abc import Callable, Iterator

import pytest
from running import PASSWORD, RunningServer

ANNA, BERT, CARL = "anna@posthouse.test", "bert@posthouse.test", "carl@posthouse.test"
CHIEF = "chief@posthouse.test"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    running = RunningServer(tmp_path_factory.mktemp("limits"), workers=2)
    try:
        running.add_domain()
        for address in (CHIEF, ANNA, BERT, CARL):
            running.add_account(address)
        running.command("account", "role", CHIEF, "server")
        running.command("alias", "add", "postmaster@posthouse.test", CHIEF)
        running.start()
        yield running
    finally:
        running.kill()


def client(server: RunningServer, user: str) -> smtplib.SMTP:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    made = smtplib.SMTP("127.0.0.1", server.submission, timeout=60)
    made.starttls(context=trusting)
    made.login(user, PASSWORD)
    return made


def letter(sender: str, subject: str) -> bytes:
    return f"From: {sender}\r\nSubject: {subject}\r\n\r\nHello\r\n".encode()


def send(open_client: smtplib.SMTP, sender: str, to: str, subject: str) -> int:
    """The code of the first refusal, 250 when it was taken."""
    try:
        open_client.sendmail(sender, [to], letter(sender, subject))
    except smtplib.SMTPRecipientsRefused as refused:
        return next(iter(refused.recipients.values()))[0]
    except smtplib.SMTPResponseException as refused:
        return refused.smtp_code
    return 250


def asked(server: RunningServer, *words: str) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads(server.command(*words, "--json").stdout)  # type: ignore[type-arg]
    return found


def until(wanted: Callable[[], bool], server: RunningServer, seconds: float = 60) -> None:
    limit = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < limit, server.log[-3000:]
        time.sleep(0.3)


def inbox(server: RunningServer, user: str) -> list[bytes]:
    import imaplib

    with imaplib.IMAP4("127.0.0.1", server.imap, timeout=60) as opened:
        opened.login(user, PASSWORD)
        opened.select("INBOX", readonly=True)
        _, rows = opened.uid("FETCH", "1:*", "(BODY.PEEK[])")
        return [row[1] for row in rows if isinstance(row, tuple)]


def test_a_burst_is_held_and_told_and_released(server: RunningServer) -> None:
    """300 messages at once: the first arrive, the others are taken and wait, the postmaster knows, and all of them
    arrive once they are released. Others are not touched."""
    with client(server, ANNA) as burst:
        codes = {send(burst, ANNA, BERT, f"burst {number}") for number in range(300)}
    assert codes == {250}
    (braked,) = asked(server, "sending", "braked")["accounts"]
    assert (braked["address"], braked["state"]) == (ANNA, "braked")
    assert braked["held"] == 150  # the setting sending_limits.burst_minutes
    assert len(inbox(server, BERT)) == 150

    with client(server, CARL) as other:
        assert send(other, CARL, BERT, "from carl") == 250
    assert any(b"from carl" in each for each in inbox(server, BERT))

    warned = asked(server, "status")["warnings"]
    assert [each for each in warned if each["code"] == "sending.braked" and ANNA in each["what"]]
    told = asked(server, "event", "list", "--kind", "sending.braked")["events"]
    assert [each["account"] for each in told if each["kind"] == "sending.braked"] == [ANNA]
    until(lambda: any(b"is held: far more than usual" in each for each in inbox(server, CHIEF)), server)
    shown = asked(server, "sending", "samples", ANNA)["samples"]
    assert {each["recipient"] for each in shown} == {BERT}
    assert shown[0]["subject"] == "burst 150"

    assert asked(server, "sending", "release", ANNA)["recipients"] == 150
    until(lambda: len(inbox(server, BERT)) == 301, server)
    assert asked(server, "sending", "show", ANNA)["state"] == "free"
    until(lambda: asked(server, "sending", "limits", ANNA)["messages_hour"]["used"] == 300, server)
    with client(server, ANNA) as again:
        assert send(again, ANNA, BERT, "after the release") == 250
    until(lambda: any(b"after the release" in each for each in inbox(server, BERT)), server)


def test_workers_share_a_limit(server: RunningServer) -> None:
    """Each worker stops by itself at the limit, and soon both know what the other took."""
    server.command("sending", "set", BERT, "--messages-hour", "10")
    accepted, seen = 0, set()
    for _ in range(40):
        with client(server, BERT) as opened:
            code = send(opened, BERT, CARL, "one more")
        seen.add(code)
        accepted += code == 250
    assert seen == {250, 450}
    assert 10 <= accepted <= 20

    def all_refuse() -> bool:
        codes = []
        for _ in range(8):
            with client(server, BERT) as opened:
                codes.append(send(opened, BERT, CARL, "too much"))
        return set(codes) == {450}

    until(all_refuse, server)
    with client(server, BERT) as opened, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        opened.sendmail(BERT, [CARL], letter(BERT, "too much"))
    code, text = refused.value.recipients[CARL]
    assert code == 450
    assert text.startswith(b"4.7.1 bert@posthouse.test may send 10 messages in an hour; again from ")

    assert server.stop() == 0
    server.start()
    assert asked(server, "sending", "limits", BERT)["messages_hour"]["used"] >= 10
    with client(server, BERT) as opened:
        assert send(opened, BERT, CARL, "after the restart") == 450
    server.command("sending", "unset", BERT)
    with client(server, BERT) as opened:
        assert send(opened, BERT, CARL, "without the exception") == 250


def test_what_is_sent_by_the_api_and_the_command_is_counted_and_blocked(server: RunningServer) -> None:
    server.command("sending", "block", CARL, "--reason", "left us")
    with client(server, CARL) as opened, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        opened.sendmail(CARL, [BERT], letter(CARL, "blocked"))
    assert refused.value.recipients[BERT][0] == 550
    assert b"blocked" in refused.value.recipients[BERT][1]
    (row,) = asked(server, "sending", "braked")["accounts"]
    assert (row["state"], row["reason"]) == ("blocked", "left us")
    server.command("sending", "unblock", CARL)
    with client(server, CARL) as opened:
        assert send(opened, CARL, BERT, "free again") == 250


def test_a_delegation_counts_at_once(server: RunningServer) -> None:
    with client(server, ANNA) as opened:
        assert send(opened, BERT, CARL, "as bert") == 553
    server.command("account", "send-as", "add", ANNA, BERT)
    with client(server, ANNA) as opened:
        assert send(opened, BERT, CARL, "as bert") == 250
        assert send(opened, CARL, BERT, "as carl") == 553
    server.command("account", "send-as", "remove", ANNA, BERT)
    with client(server, ANNA) as opened:
        assert send(opened, BERT, CARL, "as bert") == 553
    assert "Traceback" not in server.log
