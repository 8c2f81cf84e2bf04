"""The road from end to end: mail arrives over SMTP, is kept, and is read over IMAP and POP3, byte for
byte."""

from __future__ import annotations

import contextlib
import imaplib
import poplib
import smtplib
import ssl
import time

import pytest
from running import RunningServer

ANNA, BERT = "anna@posthouse.test", "bert@posthouse.test"

BODIES = {
    "plain": b"Subject: plain\r\n\r\nHello.\r\n",
    "dots": b"Subject: dots\r\n\r\n.\r\n..\r\n.two\r\n",
    "eight-bit": "Subject: 8-bit\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nGrüße\r\n".encode(),
    "empty": b"Subject: empty\r\n\r\n",
    "large": b"Subject: large\r\n\r\n" + b"".join(b"%06d %s\r\n" % (n, b"x" * 70) for n in range(20_000)),
    "long lines": b"Subject: long\r\n\r\n" + b"y" * 900 + b"\r\n" + b"z" * 998 + b"\r\n",
}


def imap(server: RunningServer, trusting: ssl.SSLContext, user: str, password: str) -> imaplib.IMAP4:
    client = imaplib.IMAP4("127.0.0.1", server.imap, timeout=30)
    client.starttls(trusting)
    client.login(user, password)
    return client


def inbox(client: imaplib.IMAP4) -> dict[int, bytes]:
    """Every message of the INBOX by UID, whole."""
    client.select("INBOX", readonly=True)
    _, rows = client.uid("FETCH", "1:*", "(BODY.PEEK[])")
    found = {}
    for row in rows:
        if isinstance(row, tuple):
            found[int(row[0].split(b"UID ")[1].split()[0])] = row[1]
    return found


def without_our_lines(message: bytes) -> bytes:
    """A delivered message without the lines we put in front of it."""
    place = message.index(b"Subject:")
    head = message[:place]
    assert head.startswith(b"Return-Path: <")
    assert head.count(b"Received: ") == 1
    return message[place:]


@pytest.mark.timeout(180)
def test_send_and_read(posthouse_server: RunningServer, trusting: ssl.SSLContext, password: str) -> None:
    """A stranger sends to the MX port, LMTP and submission deliver too; IMAP and POP3 give the same bytes
    back, and a deletion over POP3 is seen by an IMAP session that was open before."""
    server = posthouse_server
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        for body in BODIES.values():
            client.sendmail("someone@elsewhere.example", [ANNA], body, ["BODY=8BITMIME"])
    with smtplib.SMTP_SSL("127.0.0.1", server.submissions, context=trusting, timeout=30) as client:
        client.login(BERT, password)
        client.sendmail(BERT, [ANNA], b"Subject: by submission\r\n\r\nx\r\n")
    with smtplib.LMTP("127.0.0.1", server.lmtp, timeout=30) as client:
        client.sendmail("someone@elsewhere.example", [ANNA], b"Subject: by lmtp\r\n\r\nx\r\n")

    reader = imap(server, trusting, ANNA, password)
    messages = inbox(reader)
    contents = [without_our_lines(message) for message in messages.values()]
    assert contents[: len(BODIES)] == list(BODIES.values())
    assert contents[len(BODIES) :] == [
        b"Subject: by submission\r\n\r\nx\r\n",
        b"Subject: by lmtp\r\n\r\nx\r\n",
    ]

    pop = poplib.POP3("127.0.0.1", server.pop3, timeout=60)
    pop.stls(trusting)
    pop.user(ANNA)
    pop.pass_(password)
    assert pop.stat() == (len(messages), sum(map(len, messages.values())))
    for number, message in enumerate(messages.values(), 1):
        assert b"".join(line + b"\r\n" for line in pop.retr(number)[1]) == message
    pop.dele(1)
    pop.quit()
    for _ in range(100):
        if len(inbox(reader)) == len(messages) - 1:
            break
        time.sleep(0.05)
    assert list(inbox(reader)) == list(messages)[1:]
    reader.logout()


@pytest.mark.timeout(180)
def test_stop_and_start_again(
    posthouse_server: RunningServer, trusting: ssl.SSLContext, password: str
) -> None:
    """SIGTERM: sessions are told in their protocol's words, the exit status is 0, and everything is there
    after a new start."""
    server = posthouse_server
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=30) as client:
        client.sendmail("someone@elsewhere.example", [ANNA], BODIES["plain"])
    with contextlib.ExitStack() as stack:
        waiting = smtplib.SMTP("127.0.0.1", server.smtp, timeout=30)
        stack.callback(waiting.close)
        reader = imap(server, trusting, ANNA, password)
        stack.callback(reader.shutdown)
        pop = poplib.POP3("127.0.0.1", server.pop3, timeout=30)
        stack.callback(pop.close)
        before = inbox(reader)
        began = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - began < 15
        assert waiting.getreply()[0] == 421
        assert reader.readline().startswith(b"* BYE ")
        assert pop.file.readline() == b"-ERR [SYS/TEMP] The server is going down\r\n"
    server.start()
    again = imap(server, trusting, ANNA, password)
    assert inbox(again) == before
    again.logout()
