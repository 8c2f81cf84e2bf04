"""Leases, results and a desk for tests of delivery notices."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from typing import Any

from posthouse.deliver.contract import NoticeKind, Told
from posthouse.deliver.dsn.notices import NoticeDesk
from posthouse.deliver.results import Result, Said, State
from posthouse.mail.address import Address
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings, Settings

NOW = 1_795_000_000.0
OUR_NAME = "mail.example.org"
NO_USER = Said(
    550,
    "5.1.1",
    "<bert@there.test>: Recipient address rejected: User unknown",
    "mx.there.test",
    "192.0.2.7",
    "RCPT",
)
ORIGINAL = (
    b"Received: from here\r\nFrom: anna@example.org\r\nTo: bert@there.test\r\n"
    b"Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?= from Anna\r\nMessage-ID: <one@example.org>\r\n\r\nHello Bert.\r\n"
)

_STATES: dict[NoticeKind, State] = {
    "failed": "failed",
    "delayed": "deferred",
    "delivered": "delivered",
    "relayed": "relayed",
    "expanded": "relayed",
}


def queued(**changes: Any) -> QueuedMessage:
    """A message from Anna, an hour and a half old."""
    values: dict[str, Any] = {
        "trace": "tr4ce",
        "body": "0" * 64,
        "size": 300 * 1024,
        "sender": "anna@example.org",
        "received_at": NOW - 5400,
        **changes,
    }
    return QueuedMessage(**values)


def told_of(
    message: QueuedMessage,
    kind: NoticeKind = "failed",
    said: Said = NO_USER,
    recipient: str = "bert@there.test",
    **changes: Any,
) -> Told:
    """One recipient's outcome. ``changes`` are fields of the queued recipient, or ``dsn``."""
    dsn = changes.pop("dsn", False)
    row = QueuedRecipient(recipient, changes.pop("destination", "mx:there.test"), **changes)
    lease = Lease(1, 1, message, row, 3, "token", NOW + 60, NOW + 86400 * 4)
    return Told(Result(lease, _STATES[kind], said, dsn=dsn), kind, NOW + 86400 * 4)


def desk(
    values: dict[str, Any] | None = None,
    language_of: Callable[[Address], Awaitable[str]] | None = None,
) -> NoticeDesk:
    """Who writes notices, at a time that stands still."""

    async def destination_of(address: Address) -> list[tuple[Address, str, int | None]]:
        ours = address.domain == "example.org"
        return [(address, "local", 7) if ours else (address, f"mx:{address.domain}", None)]

    more = {} if language_of is None else {"language_of": language_of}
    return NoticeDesk(
        CurrentSettings(Settings(values or {})),
        our_name=lambda: OUR_NAME,
        new_trace=lambda: "newtrace",
        destination_of=destination_of,
        clock=lambda: NOW,
        **more,
    )


def parsed(content: bytes) -> EmailMessage:
    """A notice as the standard library reads it; without a defect in anything but the message it is about. (The
    library does not undo the encoding of message/global-*.)"""
    message = BytesParser(policy=policy.default).parsebytes(content)
    for part in (message, *message.iter_parts()):
        assert not part.defects, part.defects
        if part.get_content_type() == "message/delivery-status":
            assert not any(group.defects for group in part.iter_parts())
    assert isinstance(message, EmailMessage)
    return message


def groups(message: EmailMessage) -> list[dict[str, str]]:
    """The groups of fields of its report: first that of the message, then one for each recipient."""
    report = list(message.iter_parts())[1]
    return [{name: str(value) for name, value in group.items()} for group in report.iter_parts()]
