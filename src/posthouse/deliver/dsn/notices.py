"""Delivery notices (``deliver.contract.Notices``; RFC 3461, RFC 3464, RFC 6522, RFC 6533): who is told, where it goes.

A notice goes once for each message and kind, from the null sender, to the reverse-path of the message. Notices and
reports are never told of, so that nothing can go back and forth.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from time import time
from uuid import uuid4

from posthouse.database.contract import Transaction
from posthouse.deliver.contract import Notice, NoticeKind, Told
from posthouse.deliver.dsn.cause import HARD, cause_of
from posthouse.deliver.dsn.compose import Draft, write
from posthouse.deliver.dsn.original import Returned, read_original, returned_header, returned_whole
from posthouse.deliver.dsn.text import Story
from posthouse.deliver.dsn.texts import words_in
from posthouse.deliver.results import Result
from posthouse.directory import suppression
from posthouse.mail.address import Address, parse_address
from posthouse.mail.mime import Buffer
from posthouse.observe.log import logger
from posthouse.queue.contract import EVENTS, LOCAL, NOTICE, REPORT, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.notices import (
    AUTHOR,
    FULL_SIZE,
    LANGUAGE,
    POSTMASTER,
    POSTMASTER_COPIES,
    RETURN,
    SUPPRESS_AFTER,
    SUPPRESS_DAYS,
)

log = logger("deliver.notices")

DestinationOf = Callable[[Address], Awaitable[Sequence[tuple[Address, str, int | None]]]]
"""Where mail for an address leads, one place or, where its owner forwards it, several: the address it is for in the end
(a return address of forwarded mail leads to the original sender), the queue's destination and the account, for
``local`` and for what an account forwards."""

LanguageOf = Callable[[Address], Awaitable[str]]
"""The language of the person at an address (``de``), "" where it is not known."""

_ASKED: dict[NoticeKind, str] = {
    "failed": "FAILURE",
    "delayed": "DELAY",
    "delivered": "SUCCESS",
    "relayed": "SUCCESS",
    "expanded": "SUCCESS",
}
_ORDER: tuple[NoticeKind, ...] = ("failed", "delayed", "relayed", "expanded", "delivered")


async def not_known(address: Address) -> str:
    """The language of everybody, as long as nobody says."""
    return ""


class NoticeDesk:
    """Writes notices. ``our_name`` is the server's name, ``new_trace`` makes trace ids, ``clock`` tells seconds since
    1970."""

    def __init__(
        self,
        settings: CurrentSettings,
        *,
        our_name: Callable[[], str],
        new_trace: Callable[[], str],
        destination_of: DestinationOf,
        language_of: LanguageOf = not_known,
        clock: Callable[[], float] = time,
    ) -> None:
        self._settings = settings
        self._our_name = our_name
        self._new_trace = new_trace
        self._destination_of = destination_of
        self._language_of = language_of
        self._clock = clock

    def wanted(self, result: Result, kind: NoticeKind) -> bool:
        """Whether anybody is to be told (RFC 3461 4.1; without NOTIFY: of failures and delays)."""
        message, recipient = result.lease.message, result.lease.recipient
        if not tellable(message):
            return False
        if kind == "relayed" and result.dsn:
            return False
        words = set(recipient.notify.upper().split(",")) if recipient.notify else {"FAILURE", "DELAY"}
        return _ASKED[kind] in words

    async def compose(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        """The notice for these recipients; None where there is nobody to tell. Raises DatabaseUnavailable."""
        wanted = [each for each in told if self.wanted(each.result, each.kind)]
        sender = _sender(message)
        if not wanted or sender is None:
            return None
        return await self._notice(message, wanted, original, sender, whole=self._whole(message, wanted))

    async def copy(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        """What the postmaster gets beside it, by setting; only the header comes along. None where that is not wanted.
        Raises DatabaseUnavailable."""
        which = self._settings.now[POSTMASTER_COPIES]
        kinds = {"none": (), "failures": ("failed",), "all": ("failed", "delayed")}[which]
        wanted = [each for each in told if each.kind in kinds]
        if not wanted or message.kind in (NOTICE, REPORT) or not message.sender:
            return None
        text = self._settings.now[POSTMASTER] or "postmaster"
        try:
            postmaster = parse_address(text if "@" in text else f"{text}@{self._our_name()}")
        except ValueError:
            log.warning("notices.no_postmaster", address=text)
            return None
        if postmaster.key == message.sender.lower():
            return None
        return await self._notice(message, wanted, original, postmaster, whole=False)

    def note(self, tx: Transaction, told: Sequence[Told]) -> None:
        """Within the settling unit: count failures for good of addresses outside, and forget those of addresses that
        work."""
        settings = self._settings.now
        after, days = settings[SUPPRESS_AFTER], settings[SUPPRESS_DAYS]
        if not after:
            return
        now = self._clock()
        well: list[str] = []
        for each in told:
            result = each.result
            message, recipient = result.lease.message, result.lease.recipient
            if recipient.destination == LOCAL or message.body_type == EVENTS:
                continue
            if each.kind in ("relayed", "delivered"):
                well.append(recipient.recipient)
            elif each.kind == "failed" and result.said.remote and (cause := cause_of(result.said)) in HARD:
                failure = suppression.Failure(
                    recipient.recipient, cause, result.said.status, str(result.said), message.trace
                )
                suppression.count(tx, failure, now, after=after, lifetime=days * 86400.0)
        if well:
            suppression.forget_counts(tx, well)

    def _whole(self, message: QueuedMessage, told: Sequence[Told]) -> bool:
        """Whether the message comes back with its body: only when it failed (RFC 3461 4.3), and never one that was to
        go over secured ways only (RFC 8689 5)."""
        if message.require_tls or all(each.kind != "failed" for each in told):
            return False
        return (message.ret.upper() or self._settings.now[RETURN].upper()) == "FULL"

    async def _notice(
        self,
        message: QueuedMessage,
        told: Sequence[Told],
        buffer: Buffer | None,
        to: Address,
        *,
        whole: bool,
    ) -> Notice:
        settings = self._settings.now
        kind = next(each for each in _ORDER if any(one.kind == each for one in told))
        places = await self._destination_of(to)
        language = await self._language_of(to) or settings[LANGUAGE]
        original = read_original(buffer)
        returned: Returned | None = None
        if whole and buffer is not None:
            returned = returned_whole(buffer, settings[FULL_SIZE])
        if returned is None:
            returned = returned_header(original, utf8=message.smtputf8)
        now, our_name = self._clock(), self._our_name()
        story = Story(
            message,
            kind,
            told,
            original,
            our_name,
            now,
            whole=returned is not None and returned.whole,
            header=returned is not None and not returned.whole,
        )
        draft = Draft(to, f"{settings[AUTHOR]}@{our_name}", f"<{uuid4()}@{our_name}>")
        content = write(story, words_in(language), draft, returned)
        notice = QueuedMessage(
            trace=self._new_trace(),
            body=hashlib.sha256(content).hexdigest(),
            size=len(content),
            sender="",
            received_at=now,
            smtputf8=not content.isascii() and not to.local.isascii(),
            body_type="7BIT" if content.isascii() else "8BITMIME",
            priority=message.priority,
            kind=NOTICE,
            require_tls=message.require_tls,
        )
        recipients = [
            QueuedRecipient(str(leads_to), destination, account_id, notify="NEVER")
            for leads_to, destination, account_id in places
        ]
        return Notice(content, notice, tuple(recipients))


def tellable(message: QueuedMessage) -> bool:
    """Whether there is anybody who may be told of a message at all."""
    return bool(message.sender) and message.kind not in (NOTICE, REPORT) and message.body_type != EVENTS


def _sender(message: QueuedMessage) -> Address | None:
    try:
        return parse_address(message.sender)
    except ValueError:
        return None


__all__ = ["DestinationOf", "LanguageOf", "NoticeDesk", "tellable"]
