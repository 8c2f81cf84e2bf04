"""Taking a message that did not come over SMTP or LMTP: the same checks, the same acceptance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.receive.content import check_depth
from posthouse.receive.contract import Body
from posthouse.receive.intake import Intake
from posthouse.receive.parts import Parts
from posthouse.receive.transaction import Transaction
from posthouse.settings import smtp
from posthouse.wire.smtp.command import Mail, Rcpt

log = logger("receive.injection")

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Told:
    """What became of one recipient: ``refusal`` None means accepted and durable."""

    address: Address
    refusal: Refusal | None
    text: str


class Injector:
    """Takes finished messages from inside the program, as a submission session would from outside."""

    def __init__(self, parts: Parts, hostname: Callable[[], str] | None = None) -> None:
        self._parts = parts
        self._hostname = hostname or (lambda: parts.hostname)

    @property
    def largest(self) -> int:
        """The largest message in bytes."""
        return self._parts.settings.now[smtp.MAX_MESSAGE_SIZE]

    def new_trace(self) -> str:
        """The trace id of a message to come."""
        return self._parts.trace()

    async def may_send_as(self, account_id: int, address: Address) -> bool:
        """Whether this address leads to the account's own mailbox. Raises Refusal when that cannot be told."""
        return await self._parts.reception.may_send_as(account_id, address)

    async def inject(
        self, origin: Origin, sender: Address, recipients: Sequence[Address], message: bytes
    ) -> list[Told]:
        """Accept a message (CRLF lines) for those recipients that can be reached, as one durable unit; what became
        of each, in order. Raises Refusal when the message itself is not accepted. When nobody can be reached, that is
        told and nothing kept."""
        utf8 = not all(str(address).isascii() for address in (sender, *recipients))
        transaction = Transaction(origin, Mail(sender, size=len(message), body="8BITMIME", smtputf8=utf8))
        transaction.note("mail", str(sender))
        try:
            refused = await self._ask_for(transaction, recipients)
            outcomes = await self._take(transaction, message) if transaction.recipients else []
        except Refusal as refusal:
            counters.refused += 1
            await self._parts.acceptance.refused(origin, "data", f"{refusal} (from <{sender}>)")
            raise
        finally:
            transaction.discard()
            self._parts.reception.release(origin)
        return _told(recipients, refused, outcomes)

    async def _ask_for(self, transaction: Transaction, recipients: Sequence[Address]) -> dict[str, Refusal]:
        """Whom the message may go to; the refusals of the others by address."""
        refused: dict[str, Refusal] = {}
        for address in recipients:
            try:
                mail = transaction.mail
                await self._parts.reception.recipient(address, transaction.origin, mail.size, mail.sender)
            except Refusal as refusal:
                refused[address.key] = refusal
                text = f"{address}: {refusal}"
                await self._parts.acceptance.refused(transaction.origin, "rcpt", text)
            else:
                transaction.add(Rcpt(address))
        return refused

    async def _take(self, transaction: Transaction, message: bytes) -> Sequence[Outcome]:
        parts = self._parts
        settings = parts.settings.now
        now, name = parts.clock(), self._hostname()
        transaction.intake = intake = Intake(
            parts.acceptance.spool(),
            settings,
            name,
            lambda facts: transaction.new_fields(facts, name, now, submitted=True),
        )
        for start in range(0, len(message), _PIECE):
            intake.write(message[start : start + _PIECE])
            await asyncio.sleep(0)  # others have their turn during a large message
        body = intake.finish()
        try:
            return await self._accept(transaction, body, settings[smtp.MAX_MIME_DEPTH])
        finally:
            body.discard()

    async def _accept(self, transaction: Transaction, body: Body, deepest: int) -> Sequence[Outcome]:
        assert transaction.intake is not None
        if transaction.intake.facts.composite:
            await check_depth(body, deepest)
        envelope = transaction.envelope(self._parts.clock(), ())
        outcomes = await self._parts.acceptance.accept(envelope, body)
        counters.accepted += 1
        counters.accepted_bytes += body.size
        log.info(
            "message.accepted",
            trace=transaction.origin.trace,
            peer=transaction.origin.address,
            sender=str(envelope.sender),
            size=body.size,
            recipients=len(transaction.recipients),
            login=transaction.origin.login,
        )
        return outcomes


def _told(
    recipients: Sequence[Address], refused: dict[str, Refusal], outcomes: Sequence[Outcome]
) -> list[Told]:
    by_key = {outcome.recipient.address.key: outcome for outcome in outcomes}
    told = []
    for address in recipients:
        outcome = by_key.get(address.key)
        refusal = refused.get(address.key) if outcome is None else outcome.refusal
        text = refusal.text if refusal is not None else (outcome.summary if outcome else "") or "accepted"
        told.append(Told(address, refusal, text))
    return told
