"""Taking a message that did not come over SMTP or LMTP: the same checks, the same acceptance."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from posthouse.mail.address import Address
from posthouse.mail.envelope import Origin, Terms
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.receive.asking import ask
from posthouse.receive.content import check_depth, count, signed
from posthouse.receive.contract import Body
from posthouse.receive.identity import MayUse, judge
from posthouse.receive.intake import Intake
from posthouse.receive.parts import Parts
from posthouse.receive.transaction import Transaction
from posthouse.settings import smtp
from posthouse.wire.smtp.command import Mail, Rcpt

log = logger("receive.injection")

_PIECE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Author:
    """In whose name a message may be written: ``address`` is the own one, ``may_use`` tells of others; ``strict``
    refuses foreign names, else a Sender field tells the truth. ``name`` is for a From that lacks."""

    address: str
    may_use: MayUse
    strict: bool = True
    name: str = ""


_AT_ONCE = Terms()


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a message wants to be treated, and what its sender wants to hear of it (RFC 3461). ``author`` None: any
    name may stand in its From."""

    terms: Terms = _AT_ONCE
    notify: frozenset[str] = frozenset()
    ret: str = ""
    envid: str = ""
    author: Author | None = None


_PLAIN = Wishes()


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
        self,
        origin: Origin,
        sender: Address | None,
        recipients: Sequence[Address],
        message: bytes,
        wishes: Wishes = _PLAIN,
    ) -> list[Told]:
        """Accept a message (CRLF lines) for those recipients that can be reached, as one durable unit; what became
        of each, in order. Raises Refusal when the message itself is not accepted. When nobody can be reached, that is
        told and nothing kept. ``sender`` None is the null reverse-path."""
        utf8 = not all(str(address or "").isascii() for address in (sender, *recipients))
        mail = Mail(
            sender,
            len(message),
            "8BITMIME",
            utf8,
            wishes.ret,
            wishes.envid,
            require_tls=wishes.terms.require_tls,
        )
        transaction = Transaction(origin, mail, wishes.terms)
        transaction.note("mail", str(sender or "<>"))
        transaction.note_terms()
        try:
            refused = await self._ask_for(transaction, recipients, wishes.notify)
            outcomes = await self._take(transaction, message, wishes) if transaction.recipients else []
        except Refusal as refusal:
            counters.refused += 1
            await self._parts.acceptance.refused(origin, "data", f"{refusal} (from <{sender or ''}>)")
            raise
        finally:
            transaction.discard()
            self._parts.reception.release(origin)
        return _told(recipients, refused, outcomes)

    async def _ask_for(
        self, transaction: Transaction, recipients: Sequence[Address], notify: frozenset[str]
    ) -> dict[str, Refusal]:
        """Whom the message may go to; the refusals of the others by address."""
        refused: dict[str, Refusal] = {}
        for address in recipients:
            try:
                await ask(self._parts, transaction, address)
            except Refusal as refusal:
                refused[address.key] = refusal
                text = f"{address}: {refusal}"
                await self._parts.acceptance.refused(transaction.origin, "rcpt", text)
            else:
                transaction.add(Rcpt(address, notify))
        return refused

    async def _take(self, transaction: Transaction, message: bytes, wishes: Wishes) -> Sequence[Outcome]:
        parts = self._parts
        settings = parts.settings.now
        now, name = parts.clock(), self._hostname()
        transaction.intake = intake = Intake(
            parts.acceptance.spool(),
            settings,
            name,
            lambda facts: transaction.new_fields(
                facts, name, now, submitted=True, hidden=settings[smtp.HIDE_SUBMITTER]
            ),
            judged=wishes.author is not None,
        )
        for start in range(0, len(message), _PIECE):
            intake.write(message[start : start + _PIECE])
            await self._judge(transaction, intake, wishes)
            await asyncio.sleep(0)  # others have their turn during a large message
        intake.close()
        await self._judge(transaction, intake, wishes)
        body = intake.finish()
        try:
            new = await signed(parts, transaction, body, injected=True)
            if new is not body:
                body.discard()
                body = new
            return await self._accept(transaction, body, settings[smtp.MAX_MIME_DEPTH])
        finally:
            body.discard()

    async def _accept(self, transaction: Transaction, body: Body, deepest: int) -> Sequence[Outcome]:
        assert transaction.intake is not None
        if transaction.intake.facts.composite:
            await check_depth(body, deepest)
        await count(self._parts.limits, transaction, body.size)
        envelope = transaction.envelope(self._parts.clock(), ())
        outcomes = await self._parts.acceptance.accept(envelope, body)
        counters.accepted += 1
        counters.accepted_bytes += body.size
        log.info(
            "message.accepted",
            trace=transaction.origin.trace,
            peer=transaction.origin.address,
            sender=str(envelope.sender or "<>"),
            size=body.size,
            recipients=len(transaction.recipients),
            login=transaction.origin.login,
        )
        return outcomes

    async def _judge(self, transaction: Transaction, intake: Intake, wishes: Wishes) -> None:
        """Once the header is complete: whether it bears the right name."""
        author = wishes.author
        if not intake.waiting or author is None:
            return
        account_id = transaction.origin.account_id
        try:
            changes = await judge(
                intake.facts,
                author.address,
                transaction.mail.sender,
                author.may_use,
                strict=author.strict,
                name=author.name,
                on_behalf=partial(self._parts.reception.may_send_for, account_id) if account_id else None,
            )
        except Refusal as refusal:
            intake.reject(refusal)
        else:
            intake.admit(changes.add, changes.drop)


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
