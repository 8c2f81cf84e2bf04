"""Bounces as servers of the world write them, read."""

from __future__ import annotations

import pytest
from notice_parts import ORIGINAL, desk, queued, told_of

from posthouse.deliver.dsn.read import read_bounce
from posthouse.deliver.results import Said


def lines(text: str) -> bytes:
    """A message with CRLF lines."""
    return text.strip("\n").replace("\n", "\r\n").encode() + b"\r\n"


POSTFIX = lines("""
Return-Path: <>
From: MAILER-DAEMON@mx.sender.test (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: anna@example.org
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4XyZ.1/mx.sender.test"

This is a MIME-encapsulated message.

--4XyZ.1/mx.sender.test
Content-Description: Notification
Content-Type: text/plain; charset=us-ascii

This is the mail system at host mx.sender.test.

<bert@there.test>: host mx.there.test[192.0.2.7] said: 550 5.1.1 <bert@there.test>:
    Recipient address rejected: User unknown (in reply to RCPT TO command)

--4XyZ.1/mx.sender.test
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.sender.test
X-Postfix-Queue-ID: 4XyZ
X-Postfix-Sender: rfc822; anna@example.org
Original-Envelope-Id: QQ314
Arrival-Date: Mon, 23 Nov 2026 08:00:00 +0000 (UTC)

Final-Recipient: rfc822; bert@there.test
Original-Recipient: rfc822;Bert+2BX@there.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.there.test
Diagnostic-Code: smtp; 550 5.1.1 <bert@there.test>: Recipient address rejected:
    User unknown

Final-Recipient: rfc822; carl@there.test
Action: delayed
Status: 4.2.2
Diagnostic-Code: smtp; 452 4.2.2 <carl@there.test> Quota exceeded (mailbox for user is full)

--4XyZ.1/mx.sender.test
Content-Description: Undelivered Message Headers
Content-Type: text/rfc822-headers

Message-ID: <one@example.org>
Subject: hello

--4XyZ.1/mx.sender.test--
""")

EXIM = lines("""
Return-path: <>
X-Failed-Recipients: bert@there.test
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@mx.sender.test>
To: anna@example.org
Subject: Mail delivery failed: returning message to sender
Message-Id: <E1-x@mx.sender.test>

This message was created automatically by mail delivery software.

A message that you sent could not be delivered to one or more of its
recipients. This is a permanent error. The following address(es) failed:

  bert@there.test
    host mx.there.test [192.0.2.7]
    SMTP error from remote mail server after RCPT TO:<bert@there.test>:
    550 No such user here

------ This is a copy of the message, including all the headers. ------

Return-path: <anna@example.org>
From: anna@example.org
Message-ID: <one@example.org>
Subject: hello

carl@elsewhere.test
    550 user unknown
""")

QMAIL = lines("""
Return-Path: <>
From: MAILER-DAEMON@mx.sender.test
To: anna@example.org
Subject: failure notice

Hi. This is the qmail-send program at mx.sender.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<bert@there.test>:
192.0.2.7 does not like recipient.
Remote host said: 550 5.1.1 sorry, no mailbox here by that name (#5.1.1)
Giving up on 192.0.2.7.

<carl@there.test>:
The users mailfolder is over the allowed quota (size). (#5.2.2)

--- Below this line is a copy of the message.

Return-Path: <anna@example.org>
Message-ID: <one@example.org>
From: anna@example.org
""")

EXCHANGE = lines("""
From: Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@there.test>
To: anna@example.org
Subject: Undeliverable: hello
Auto-Submitted: auto-replied
In-Reply-To: <one@example.org>
MIME-Version: 1.0
Content-Type: text/plain; charset="us-ascii"

Delivery has failed to these recipients or groups:

bert@there.test
The email address you entered couldn't be found. Please check the recipient's email address.

Diagnostic information for administrators:

Generating server: X.there.test

bert@there.test
Remote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup'
""")

GOOGLE = lines("""
From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>
To: anna@example.org
Auto-Submitted: auto-replied
Subject: Delivery Status Notification (Delay)
In-Reply-To: <one@example.org>
X-Failed-Recipients: bert@there.test
Content-Type: text/plain; charset="UTF-8"

There was a temporary problem delivering your message to bert@there.test. Gmail will retry for 45 more hours.

The response was: 452 4.2.2 The email account that you tried to reach is over quota.
""")

AWAY = lines("""
From: Bert <bert@there.test>
To: anna@example.org
Auto-Submitted: auto-replied
Subject: Away from my desk: delivery failed to reach me

I am on holiday. Mail to carl@there.test: 550 5.1.1 user unknown
""")


def test_a_report_by_postfix() -> None:
    bert, carl = read_bounce(POSTFIX)
    assert (bert.recipient, bert.final) == ("Bert+X@there.test", "bert@there.test")
    assert (bert.action, bert.status, bert.cause, bert.hard) == ("failed", "5.1.1", "no-mailbox", True)
    assert (bert.envid, bert.message_id, bert.remote) == ("QQ314", "<one@example.org>", "mx.there.test")
    assert "User unknown" in bert.said
    assert (carl.recipient, carl.action, carl.cause, carl.hard) == (
        "carl@there.test",
        "delayed",
        "mailbox-full",
        False,
    )


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (EXIM, [("bert@there.test", "no-mailbox", "failed")]),
        (QMAIL, [("bert@there.test", "no-mailbox", "failed"), ("carl@there.test", "mailbox-full", "failed")]),
        (EXCHANGE, [("bert@there.test", "no-mailbox", "failed")]),
        (GOOGLE, [("bert@there.test", "mailbox-full", "delayed")]),
    ],
)
def test_bounces_in_words(message: bytes, expected: list[tuple[str, str, str]]) -> None:
    found = read_bounce(message)
    assert [(each.recipient, each.cause, each.action) for each in found] == expected
    assert {each.message_id for each in found} == {"<one@example.org>"}


@pytest.mark.parametrize("message", [AWAY, ORIGINAL, b"", b"\r\n\r\n"])
def test_what_is_no_bounce(message: bytes) -> None:
    assert read_bounce(message) == []


async def test_our_own_notices_are_understood() -> None:
    message = queued(envid="an+2Benvelope")
    said = Said(552, "5.2.2", "mailbox full", "mx.there.test", "192.0.2.7", "DATA")
    told = [
        told_of(message, orcpt="rfc822;Bertram@there.test"),
        told_of(message, recipient="jürgen@there.test", said=said),
    ]
    notice = await desk({"notices.language": "de"}).compose(message, told, ORIGINAL)
    assert notice is not None
    bert, juergen = read_bounce(notice.content)
    assert (bert.recipient, bert.cause, bert.envid) == ("Bertram@there.test", "no-mailbox", "an+envelope")
    assert (juergen.recipient, juergen.cause, juergen.status) == (
        "jürgen@there.test",
        "mailbox-full",
        "5.2.2",
    )
    assert bert.message_id == "<one@example.org>"


def test_many_recipients_are_bounded() -> None:
    group = "Final-Recipient: rfc822; r@there.test\nAction: failed\nStatus: 5.1.1\n\n"
    head = POSTFIX[: POSTFIX.index(b"Final-Recipient")]
    assert len(read_bounce(head + lines(group * 5000))) == 1000
