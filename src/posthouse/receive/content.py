"""DATA and BDAT: the message itself, and the reply after it (RFC 5321 4.1.1.4, RFC 3030, RFC 2033 4.2)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from posthouse.database.contract import DatabaseUnavailable
from posthouse.mail import mime
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal, our_fault
from posthouse.observe import spans
from posthouse.observe.counters import counters
from posthouse.observe.log import logger
from posthouse.observe.steps import step
from posthouse.receive import identity
from posthouse.receive.binary import in_lines
from posthouse.receive.contract import Body, SendingLimits
from posthouse.receive.header import HeaderFacts
from posthouse.receive.intake import Intake, too_large
from posthouse.receive.parts import Kind, Parts
from posthouse.receive.refused import note_refused
from posthouse.receive.terms import allowed_priority
from posthouse.receive.transaction import Transaction
from posthouse.settings import smtp
from posthouse.settings.contract import Settings
from posthouse.wire.smtp import Content, State, out_of_place, refusal_reply, reply
from posthouse.wire.smtp.command import parse_bdat

if TYPE_CHECKING:
    from posthouse.receive.session import Session

log = logger("receive.content")

_GO_AHEAD = reply(354, "", "Send the message, end with a dot on a line of its own")
_SURPLUS = 1 << 20
_SCAN_IN_LOOP = 1 << 18


def data(session: Session, argument: str) -> None:
    """DATA."""
    if argument:
        raise Refusal(501, "5.5.4", "DATA takes no argument")
    transaction = session.transaction
    assert transaction is not None
    if transaction.mail.body == "BINARYMIME":
        raise Refusal(503, "5.5.1", "A message with BODY=BINARYMIME comes by BDAT")
    transaction.intake = _intake(session, transaction)
    session.reader.begin_data()
    session.write(_GO_AHEAD)


def bdat(session: Session, argument: str) -> None:
    """BDAT. A chunk that is refused is swallowed before the reply (RFC 3030 2)."""
    chunk = parse_bdat(argument)
    largest = session.settings.now[smtp.MAX_MESSAGE_SIZE]
    refused = out_of_place("BDAT", session.state, lmtp=session.kind is Kind.LMTP)
    if refused is not None:
        if chunk.size > largest:
            session.refuse_with(refused, close=True)
            return
        session.swallowed = refused
        session.reader.begin_chunk(chunk.size)
        return
    transaction = session.transaction
    assert transaction is not None
    if transaction.intake is None and transaction.problem is None:
        try:
            transaction.intake = _intake(session, transaction)
        except Refusal as refusal:
            transaction.problem = refusal
    if chunk.size > largest:
        raise Refusal(552, "5.3.4", too_large(largest).text, close=True)
    session.state = State.CHUNKS
    session.chunk = chunk
    session.reader.begin_chunk(chunk.size)


def _intake(session: Session, transaction: Transaction) -> Intake:
    """The way into a new spool. Raises Refusal when there is no room for it."""
    parts = session.parts
    settings = session.settings.now
    known = session.account_id is not None
    submitted = session.kind is Kind.SUBMISSION or known
    hidden = known and settings[smtp.HIDE_SUBMITTER]
    now = parts.clock()
    return Intake(
        parts.acceptance.spool(),
        settings,
        parts.hostname,
        lambda facts: transaction.new_fields(facts, parts.hostname, now, submitted=submitted, hidden=hidden),
        judged=known and identity.is_checked(settings),
        binary=transaction.mail.body == "BINARYMIME",
    )


def arrived(session: Session, piece: Content) -> None:
    """The next piece of a message or chunk."""
    if session.swallowed is not None:
        if piece.done:
            answer, session.swallowed = session.swallowed, None
            session.refuse_with(answer)
        return
    transaction = session.transaction
    assert transaction is not None
    intake = transaction.intake
    if intake is not None:
        intake.write(piece.data)
        if intake.surplus > session.settings.now[smtp.MAX_MESSAGE_SIZE] + _SURPLUS:
            assert intake.problem is not None
            session.say_and_close(refusal_reply(intake.problem))
            return
        if intake.waiting:
            session.run(_judge_and_go_on(session, transaction, intake, done=piece.done))
            return
    if not piece.done:
        return
    if _is_last(session):
        session.run(_finish(session, transaction))
    else:
        _answer_chunk(session, transaction)


def _is_last(session: Session) -> bool:
    return session.chunk is None or session.chunk.last


def _answer_chunk(session: Session, transaction: Transaction) -> None:
    chunk, intake = session.chunk, transaction.intake
    assert chunk is not None
    problem = transaction.problem or (intake.problem if intake is not None else None)
    if problem is not None:
        session.refuse(problem)
    else:
        session.write(reply(250, "2.0.0", f"{chunk.size} octets received"))


async def _judge_and_go_on(session: Session, transaction: Transaction, intake: Intake, *, done: bool) -> None:
    """Somebody's header is complete: look whose name it bears, then take what follows."""
    await _judge(session, transaction, intake)
    if not done:
        return
    if _is_last(session):
        await _finish(session, transaction)
    else:
        _answer_chunk(session, transaction)


async def _judge(session: Session, transaction: Transaction, intake: Intake) -> None:
    account_id = session.account_id
    assert account_id is not None
    reception = session.parts.reception
    try:
        changes = await identity.judge(
            intake.facts,
            session.account,
            transaction.mail.sender,
            lambda address: reception.may_send_as(account_id, address),
            strict=identity.is_strict(session.settings.now),
            on_behalf=lambda address: reception.may_send_for(account_id, address),
        )
    except Refusal as refusal:
        intake.reject(refusal)
    except Exception as error:
        log.error("message.judge_failed", trace=transaction.origin.trace, exc_info=error)
        intake.reject(our_fault())
    else:
        intake.admit(changes.add, changes.drop)


async def _finish(session: Session, transaction: Transaction) -> None:
    """The message is complete: accept it, answer, end the transaction."""
    try:
        outcomes = await _accept(session, transaction)
    except Refusal as refusal:
        await _refused(session, transaction, refusal)
        return
    except Exception as error:
        log.error("message.failed", trace=transaction.origin.trace, exc_info=error)
        await _refused(session, transaction, our_fault())
        return
    finally:
        session.end_transaction()
    if session.kind is Kind.LMTP:
        session.write(b"".join(_answer(transaction, outcomes[place]) for place in transaction.answers))
    else:
        session.write(_one_answer(transaction, outcomes))


async def _accept(session: Session, transaction: Transaction) -> Sequence[Outcome]:
    if transaction.problem is not None:
        raise transaction.problem
    intake = transaction.intake
    assert intake is not None
    intake.close()
    if intake.waiting:
        await _judge(session, transaction, intake)
    body = intake.finish()
    try:
        if intake.encode:
            plain = await in_lines(body, session.parts.acceptance)
            body.discard()
            body = plain
        if intake.facts.composite:
            await check_depth(body, session.settings.now[smtp.MAX_MIME_DEPTH])
        parts = session.parts
        if session.account_id is not None:
            new = await signed(parts, transaction, body)
            if new is not body:
                body.discard()
                body = new
        take_priority(transaction, intake.facts, session.settings.now)
        await count(parts.limits, transaction, body.size)
        envelope = transaction.envelope(parts.clock(), session.notes.items())
        outcomes = await parts.acceptance.accept(envelope, body, per_recipient=session.kind is Kind.LMTP)
    finally:
        body.discard()
    step("accept.reply")
    counters.accepted += 1
    counters.accepted_bytes += body.size
    if spans.told is not None:
        spans.told("message.accept", envelope.received_at, trace=transaction.origin.trace, size=body.size)
    log.info(
        "message.accepted",
        trace=transaction.origin.trace,
        peer=session.peer.address,
        sender=str(envelope.sender or "<>"),
        size=body.size,
        recipients=len(transaction.recipients),
        **({"login": session.login} if session.login else {}),
    )
    return outcomes


def _answer(transaction: Transaction, outcome: Outcome) -> bytes:
    """The reply for one recipient (LMTP)."""
    if outcome.refusal is not None:
        return refusal_reply(outcome.refusal)
    return reply(250, "2.1.5", f"{outcome.summary or 'accepted'} ({transaction.origin.trace})")


def _one_answer(transaction: Transaction, outcomes: Sequence[Outcome]) -> bytes:
    """The reply for all. Once anybody's copy is safe the sender may not send it again."""
    refusals = [outcome.refusal for outcome in outcomes if outcome.refusal is not None]
    if refusals and len(refusals) == len(outcomes):
        return refusal_reply(refusals[0])
    for refusal in refusals:
        log.error("message.partly_refused", trace=transaction.origin.trace, reason=str(refusal))
    return reply(250, "2.0.0", f"Message accepted ({transaction.origin.trace})")


async def _refused(session: Session, transaction: Transaction, refusal: Refusal) -> None:
    log.info(
        "message.refused",
        trace=transaction.origin.trace,
        peer=session.peer.address,
        reason=refusal.cause or str(refusal),
    )
    await note_refused(session, transaction, "data", str(refusal), refusal.code)
    count = len(transaction.answers) if session.kind is Kind.LMTP else 1
    session.write(refusal_reply(refusal) * count)
    if refusal.close:
        session.close()


async def signed(parts: Parts, transaction: Transaction, body: Body, *, injected: bool = False) -> Body:
    """The message with its sender's signature, or as it is. Raises Refusal."""
    if parts.signatures is None:
        return body
    addresses = [each.address for each in transaction.recipients]
    try:
        new = await parts.signatures.sign(
            transaction.origin, transaction.mail.sender, addresses, body, injected=injected
        )
    except DatabaseUnavailable as problem:
        raise our_fault(str(problem)) from problem
    if new is None:
        return body
    transaction.note("signature", f"added, {new.size - body.size} bytes")
    return new


async def count(limits: SendingLimits | None, transaction: Transaction, size: int) -> None:
    """Count a message that is about to be accepted; it may have to wait for somebody's look. Raises Refusal."""
    if limits is None:
        return
    number = len(transaction.recipients)
    transaction.hold = await limits.take(transaction.origin, transaction.mail.sender, number, size)
    if transaction.hold:
        transaction.note("limits", f"held ({transaction.hold})")


def take_priority(transaction: Transaction, facts: HeaderFacts, settings: Settings) -> None:
    """Where MAIL gave no priority, a signed-in user's MT-Priority field does (RFC 6758 3)."""
    if facts.priority is None or transaction.mail.priority is not None:
        return
    if transaction.origin.account_id is not None:
        priority = allowed_priority(facts.priority, settings, known=True)
        transaction.terms = replace(transaction.terms, priority=priority)
        transaction.note("mail", f"priority {priority} by the MT-Priority field")


async def check_depth(body: Body, deepest: int) -> None:
    """Refuse a message with parts nested deeper than ``deepest``. Raises Refusal (554)."""
    buffer = body.buffer()
    if isinstance(buffer, bytes):
        # Each level ends its header with an empty line: with few of those there is nothing to look for.
        if buffer.count(b"\r\n\r\n") <= deepest:
            return
        if len(buffer) <= _SCAN_IN_LOOP:
            root = mime.scan(buffer, max_depth=deepest + 2)
        else:
            root = await asyncio.to_thread(mime.scan, buffer, max_depth=deepest + 2)
    else:
        root = await asyncio.to_thread(mime.scan, buffer, max_depth=deepest + 2)
    if _depth(root) > deepest:
        raise Refusal(554, "5.6.0", f"Parts of the message are nested deeper than {deepest} levels")


def _depth(root: mime.Part) -> int:
    """How many levels of parts there are, the message itself being the first."""
    deepest = 0
    waiting = [(root, 1)]
    while waiting:
        part, level = waiting.pop()
        deepest = max(deepest, level)
        waiting.extend((child, level + 1) for child in part.children)
        if part.message is not None:
            waiting.append((part.message, level + 1))
    return deepest
