"""To what nobody answers, and what an answer looks like."""

from __future__ import annotations

import email
import email.policy

import pytest

from posthouse.deliver.autoreply_rules import addressed, fields_of, why_not
from posthouse.deliver.autoreply_text import answered, compose
from posthouse.directory.autoreply import AutoReply
from posthouse.directory.signatures import Person
from posthouse.mail.address import parse_address

ANNA = Person(1, 1, "anna@here.test", "Anna", "Müller", "", "", "here.test")


def letter(*fields: str) -> bytes:
    return "\r\n".join(["From: erik@far.test", *fields]).encode() + b"\r\n\r\nHello\r\n"


@pytest.mark.parametrize(
    "sender",
    [
        "",
        "MAILER-DAEMON@far.test",
        "mailerdaemon@far.test",
        "noreply@far.test",
        "no-reply+12@far.test",
        "do_not_reply@far.test",
        "donotreply@far.test",
        "owner-list@far.test",
        "list-request@far.test",
        "list-bounces@far.test",
        "bounce+anna=here.test@far.test",
        "list-owner@far.test",
        "nobody",
    ],
)
def test_addresses_that_nobody_reads(sender: str) -> None:
    assert why_not(sender, fields_of(letter()))


@pytest.mark.parametrize(
    "sender", ["erik@far.test", "reply@far.test", "norbert@far.test", "owner@far.test", "rooted@far.test"]
)
def test_addresses_that_somebody_reads(sender: str) -> None:
    assert (
        why_not(sender, fields_of(letter("Auto-Submitted: no", "Precedence: first-class", "Listen-To: me")))
        == ""
    )


@pytest.mark.parametrize(
    "field",
    [
        "List-Id: <a.far.test>",
        "LIST-UNSUBSCRIBE: <mailto:a@far.test>",
        "List-Post: NO",
        "Precedence: Bulk",
        "Precedence: junk",
        "Precedence: list",
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated (by cron); owner=x",
        "X-Auto-Response-Suppress: DR, OOF",
        "X-Spam-Flag: YES",
        "X-Spam-Status: Yes, score=9.1",
        "Mailing-List: contact a@far.test",
    ],
)
def test_mail_that_is_not_answered(field: str) -> None:
    assert why_not("erik@far.test", fields_of(letter(field)))


def test_whom_a_message_names() -> None:
    header = letter(
        "To: Anna <anna@Here.Test>, Group: a@x.test, b@x.test;",
        "Cc: =?utf-8?q?B=C3=A4r?= <bear@x.test>, broken@@, anna@here.test",
        "Resent-To: late@x.test",
        "Reply-To: no@x.test",
    )
    assert [str(each) for each in addressed(fields_of(header))] == [
        "anna@here.test",
        "a@x.test",
        "b@x.test",
        "bear@x.test",
        "late@x.test",
    ]
    many = letter("To: " + ", ".join(f"a{number}@x.test" for number in range(2000)))
    assert len(list(addressed(fields_of(many)))) == 300


def reply_to(original: bytes, reply: AutoReply) -> email.message.EmailMessage:
    made = compose(
        reply,
        ANNA,
        parse_address(ANNA.address),
        parse_address("erik@far.test"),
        answered(fields_of(original)),
        {"user.displayname": "Anna Müller", "user.firstname": "Anna"},
        message_id="<1@here.test>",
        now=1_700_000_000.0,
    )
    assert made.isascii()
    assert all(len(line) <= 998 for line in made.split(b"\r\n"))
    found = email.message_from_bytes(made, policy=email.policy.default)
    assert not found.defects
    return found


def test_a_reply_has_the_fields_of_rfc_3834() -> None:
    found = reply_to(
        letter(
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=",
            "Message-ID: <2@far.test>",
            "References: <0@far.test> <1@far.test>",
        ),
        AutoReply("Away, %User.FirstName%"),
    )
    assert found["From"] == "Anna Müller <anna@here.test>"
    assert found["Subject"] == "Auto: Grüße"
    assert found["Auto-Submitted"] == "auto-replied"
    assert found["In-Reply-To"] == "<2@far.test>"
    assert found["References"] == "<0@far.test> <1@far.test> <2@far.test>"
    assert found.get_content() == "Away, Anna\r\n"


def test_html_and_subject_are_filled_and_escaped() -> None:
    found = reply_to(
        letter("Subject: <b>1 & 2</b>"), AutoReply("", "<p>About %SUBJECT%</p>", "Away: %SUBJECT%")
    )
    assert found["Subject"] == "Away: <b>1 & 2</b>"
    plain, rich = found.iter_parts()
    assert "About &lt;b&gt;1 &amp; 2&lt;/b&gt;" in rich.get_content()
    assert plain.get_content().strip() == "About <b>1 & 2</b>"


@pytest.mark.parametrize(
    "fields",
    [
        ("Subject: a\r\n b\x00\x07", "Message-ID: none"),
        (
            "Subject: " + "x" * 50_000,
            "References: " + " ".join(f"<{number}@far.test>" for number in range(5000)),
        ),
        ("Subject: =?utf-8?q?a=0D=0ABcc:_x@y.test?=", "Message-ID: <a\xffb@far.test>"),
        (),
    ],
)
def test_nothing_of_a_stranger_gets_into_the_header(fields: tuple[str, ...]) -> None:
    found = reply_to(letter(*fields), AutoReply("Away", subject="%SUBJECT%"))
    assert found["Bcc"] is None
    assert len(str(found["References"] or "")) < 12_000
    assert found["Subject"]
