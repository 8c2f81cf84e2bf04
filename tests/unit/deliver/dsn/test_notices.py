"""Delivery notices: who is told, in which words, with which fields."""

from __future__ import annotations

from typing import Any

import pytest
from notice_parts import NO_USER as SAID
from notice_parts import NOW, OUR_NAME, desk, groups, parsed, queued, told_of
from notice_parts import ORIGINAL as HELLO

from posthouse.deliver.contract import Notice, NoticeKind
from posthouse.deliver.results import Said
from posthouse.mail.address import Address
from posthouse.queue.contract import NOTICE, REPORT

FULL_BOX = Said(
    452, "4.2.2", "Quota exceeded (mailbox for user is full)", "mx.there.test", "192.0.2.7", "DATA"
)
GONE = Said(0, "4.4.1", "connect to mx.there.test[192.0.2.7]:25: Connection timed out")


async def compose(
    settings: dict[str, Any] | None = None, kind: NoticeKind = "failed", **changes: Any
) -> Notice:
    message = queued(**changes.pop("message", {}))
    notice = await desk(settings).compose(message, [told_of(message, kind, **changes)], HELLO)
    assert notice is not None
    return notice


async def test_a_failure_from_top_to_bottom() -> None:
    notice = await compose(message={"envid": "QQ+2B314", "ret": "HDRS"}, orcpt="rfc822;Bert+2BX@there.test")
    assert notice.message.sender == ""
    assert notice.message.kind == NOTICE
    assert notice.message.size == len(notice.content)
    (to,) = notice.recipients
    assert (to.recipient, to.destination, to.account_id) == ("anna@example.org", "local", 7)
    message = parsed(notice.content)
    assert message["From"].addresses[0].addr_spec == f"mailer-daemon@{OUR_NAME}"
    assert message["To"] == "anna@example.org"
    assert message["Subject"] == "Not delivered: Grüße from Anna"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == message["References"] == "<one@example.org>"
    assert message["Message-ID"].endswith(f"@{OUR_NAME}>")
    assert message["Date"].datetime.timestamp() == NOW
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"
    text, report, header = message.iter_parts()
    words = text.get_content()
    assert words.startswith("There is no mailbox bert@there.test.\r\n")
    assert "mx.there.test answered, word for word:" in words
    assert "550 5.1.1 <bert@there.test>: Recipient address rejected: User unknown" in " ".join(words.split())
    assert "Subject: Grüße from Anna" in words
    assert report.get_content_type() == "message/delivery-status"
    whole, bert = groups(message)
    assert whole["Reporting-MTA"] == f"dns; {OUR_NAME}"
    assert whole["Original-Envelope-Id"] == "QQ+314"
    assert bert["Original-Recipient"] == "rfc822; Bert+X@there.test"
    assert bert["Final-Recipient"] == "rfc822; bert@there.test"
    assert (bert["Action"], bert["Status"]) == ("failed", "5.1.1")
    assert bert["Remote-MTA"] == "dns; mx.there.test (192.0.2.7)"
    assert " ".join(bert["Diagnostic-Code"].split()) == f"smtp; 550 5.1.1 {SAID.text}"
    assert bert["Final-Log-ID"] == "tr4ce"
    assert "Last-Attempt-Date" in bert
    assert "Will-Retry-Until" not in bert
    assert header.get_content_type() == "text/rfc822-headers"
    assert "Hello Bert" not in notice.content.decode()
    assert "To: bert@there.test" in header.get_content()


async def test_a_delay_says_until_when() -> None:
    message = parsed((await compose(kind="delayed", said=GONE)).content)
    words = " ".join(next(message.iter_parts()).get_content().split())
    assert words.startswith(
        "We could not reach there.test for 2 hours, so bert@there.test did not get your message."
    )
    assert "We go on trying until" in words
    assert message["Subject"].startswith("Not delivered yet: ")
    _, bert = groups(message)
    assert (bert["Action"], bert["Status"]) == ("delayed", "4.4.1")
    assert "Will-Retry-Until" in bert
    assert bert["Diagnostic-Code"].startswith("X-Posthouse; ")
    assert "Remote-MTA" not in bert


async def test_given_up_after_time() -> None:
    """The last answer was a passing one."""
    message = parsed((await compose(said=FULL_BOX, message={"received_at": NOW - 5 * 86400})).content)
    words = " ".join(next(message.iter_parts()).get_content().split())
    assert words.startswith("The mailbox of bert@there.test is full. We tried for 5 days and stop now.")


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("delivered", "Your message is in the mailbox of bert@there.test."),
        ("relayed", "Your message for bert@there.test was passed on to mx.there.test."),
        ("expanded", "Your message for bert@there.test was passed on to those that the address stands for."),
    ],
)
async def test_good_news(kind: NoticeKind, words: str) -> None:
    said = Said(250, "2.1.5", "Ok: queued", "mx.there.test")
    message = parsed((await compose(kind=kind, said=said, notify="SUCCESS")).content)
    assert " ".join(next(message.iter_parts()).get_content().split()).startswith(words)
    _, bert = groups(message)
    assert (bert["Action"], bert["Status"]) == (kind, "2.1.5")
    assert "Diagnostic-Code" not in bert


@pytest.mark.parametrize(
    ("notify", "kind", "wanted"),
    [
        ("", "failed", True),
        ("", "delayed", True),
        ("", "delivered", False),
        ("", "relayed", False),
        ("NEVER", "failed", False),
        ("FAILURE", "failed", True),
        ("FAILURE", "delayed", False),
        ("DELAY,SUCCESS", "failed", False),
        ("DELAY,SUCCESS", "relayed", True),
        ("SUCCESS", "expanded", True),
    ],
)
async def test_who_is_told(notify: str, kind: NoticeKind, wanted: bool) -> None:
    message = queued()
    told = told_of(message, kind, notify=notify)
    assert desk().wanted(told.result, kind) is wanted
    assert (await desk().compose(message, [told], HELLO) is not None) is wanted


@pytest.mark.parametrize(
    "changes", [{"sender": ""}, {"kind": NOTICE}, {"kind": REPORT}, {"body_type": "EVENTS"}]
)
async def test_nobody_is_told(changes: dict[str, Any]) -> None:
    """No bounce of a bounce, not even to the postmaster."""
    message = queued(**changes)
    told = [told_of(message, notify="FAILURE,DELAY")]
    writer = desk({"notices.postmaster_copies": "all"})
    assert not writer.wanted(told[0].result, "failed")
    assert await writer.compose(message, told, HELLO) is None
    if changes.get("body_type") is None:
        assert await writer.copy(message, told, HELLO) is None


def test_a_host_that_sends_notices_itself() -> None:
    message = queued()
    told = told_of(message, "relayed", notify="SUCCESS", dsn=True)
    assert not desk().wanted(told.result, "relayed")


async def test_several_recipients_share_a_notice() -> None:
    message = queued()
    told = [told_of(message, recipient=f"r{number}@there.test") for number in range(60)]
    told.append(told_of(message, recipient="silent@there.test", notify="NEVER"))
    notice = await desk().compose(message, told, HELLO)
    assert notice is not None
    found = parsed(notice.content)
    words = next(found.iter_parts()).get_content()
    assert words.startswith("Your message was not delivered to 60 of its recipients:")
    assert "r49@there.test" in words
    assert "And 10 more" in words
    assert [each["Final-Recipient"] for each in groups(found)[1:]] == [
        f"rfc822; r{number}@there.test" for number in range(60)
    ]


async def test_the_whole_message_comes_back_when_asked() -> None:
    full = {"ret": "FULL"}
    notice = await compose(message=full)
    part = list(parsed(notice.content).iter_parts())[2]
    assert part.get_content_type() == "message/rfc822"
    assert notice.content.count(HELLO) == 1
    for settings, kind, changes in (
        ({"notices.full_size": 10}, "failed", full),
        ({}, "delayed", full),
        ({}, "failed", {"ret": ""}),
        ({"notices.return": "full"}, "failed", {"ret": "HDRS"}),
        ({}, "failed", {**full, "require_tls": True}),
    ):
        notice = await compose(settings, kind, message=changes)  # type: ignore[arg-type]
        assert b"Hello Bert" not in notice.content, (settings, kind, changes)
        assert notice.message.require_tls is bool(changes.get("require_tls"))
    notice = await compose({"notices.return": "full"})
    assert HELLO in notice.content


async def test_a_whole_message_with_8_bit_lines() -> None:
    message = queued(ret="FULL")
    original = HELLO + "Schöne Grüße\r\n".encode()
    notice = await desk().compose(message, [told_of(message)], original)
    assert notice is not None
    assert original in notice.content
    assert notice.message.body_type == "8BITMIME"
    parsed(notice.content)
    for bad in (HELLO + b"x" * 1000 + b"\r\n", HELLO + b"bare\nline\r\n", HELLO + b"\0\r\n"):
        notice = await desk().compose(message, [told_of(message)], bad)
        assert notice is not None
        assert notice.message.body_type == "7BIT"
        assert b"Hello Bert" not in notice.content


async def test_in_the_sender_s_language() -> None:
    async def language_of(address: Address) -> str:
        return "de-AT" if address.local == "anna" else ""

    message = queued()
    notice = await desk(language_of=language_of).compose(message, [told_of(message)], HELLO)
    assert notice is not None
    found = parsed(notice.content)
    assert found["Subject"] == "Nicht zugestellt: Grüße from Anna"
    words = next(found.iter_parts()).get_content()
    assert words.startswith("Das Postfach bert@there.test gibt es nicht.")
    assert "There is no mailbox bert@there.test." in words
    assert words.index("--- English ---") < words.index("There is no mailbox")
    other = queued(sender="carl@example.org")
    notice = await desk({"notices.language": "de"}, language_of).compose(other, [told_of(other)], HELLO)
    assert notice is not None
    assert parsed(notice.content)["Subject"].startswith("Nicht zugestellt")


async def test_addresses_beyond_ascii() -> None:
    """RFC 6533: the report and the header in their global forms, 7-bit on the way."""
    message = queued(smtputf8=True)
    told = told_of(message, recipient="jürgen@bücher.test", orcpt="utf-8;j\\x{FC}rgen@b\\x{FC}cher.test")
    original = "Subject: Grüße\r\nTo: jürgen@bücher.test\r\n\r\nx\r\n".encode()
    notice = await desk().compose(message, [told], original)
    assert notice is not None
    assert notice.content.isascii()
    assert not notice.message.smtputf8
    found = parsed(notice.content)
    assert found.get_param("report-type") == "global-delivery-status"
    text, report, header = found.iter_parts()
    assert "jürgen@bücher.test" in text.get_content()
    assert report.get_content_type() == "message/global-delivery-status"
    assert header.get_content_type() == "message/global-headers"
    assert b"utf-8; j=C3=BCrgen@b=C3=BCcher.test" in notice.content
    writer = queued(sender="jürgen@example.org", smtputf8=True)
    notice = await desk().compose(writer, [told_of(writer)], HELLO)
    assert notice is not None
    assert notice.message.smtputf8
    assert "To: jürgen@example.org\r\n".encode() in notice.content


async def test_the_domain_alone_beyond_ascii_needs_nothing_special() -> None:
    message = queued(sender="anna@bücher.test")
    told = told_of(message, recipient="bert@bücher.test")
    notice = await desk().compose(message, [told], HELLO)
    assert notice is not None
    assert notice.content.isascii()
    found = parsed(notice.content)
    assert found["To"] == "anna@xn--bcher-kva.test"
    assert groups(found)[1]["Final-Recipient"] == "rfc822; bert@xn--bcher-kva.test"


async def test_copies_for_the_postmaster() -> None:
    message = queued(ret="FULL")
    told = [told_of(message)]
    assert await desk().copy(message, told, HELLO) is None
    notice = await desk({"notices.postmaster_copies": "failures"}).copy(message, told, HELLO)
    assert notice is not None
    assert notice.recipients[0].recipient == f"postmaster@{OUR_NAME}"
    assert b"Hello Bert" not in notice.content
    parsed(notice.content)
    late = [told_of(message, "delayed", GONE)]
    assert await desk({"notices.postmaster_copies": "failures"}).copy(message, late, HELLO) is None
    settings = {"notices.postmaster_copies": "all", "notices.postmaster": "chief@example.org"}
    notice = await desk(settings).copy(message, late, HELLO)
    assert notice is not None
    assert notice.recipients[0].account_id == 7
    mine = queued(sender="chief@example.org")
    assert await desk(settings).copy(mine, [told_of(mine)], HELLO) is None


async def test_without_its_content() -> None:
    message = queued()
    notice = await desk().compose(message, [told_of(message)], None)
    assert notice is not None
    found = parsed(notice.content)
    assert len(list(found.iter_parts())) == 2
    assert found["Subject"] == "Not delivered: -"


async def test_priority_goes_along() -> None:
    assert (await compose(message={"priority": 4})).message.priority == 4
