"""The unit of work of acceptance: copies, queue rows and trace in the caller's transaction.

It may run more than once and leaves nothing behind but rows and the plan's ``queue_id``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from posthouse.bodies.contract import Bodies, Body
from posthouse.cluster import events
from posthouse.database.contract import Transaction
from posthouse.deliver.copy import folder_in, new_copy
from posthouse.deliver.delivered import Written
from posthouse.deliver.plan import Copy, Forward, Plan
from posthouse.deliver.results import Result, note_of
from posthouse.deliver.told import received
from posthouse.directory.lookup import account_exists
from posthouse.queue import traces
from posthouse.queue.contract import FORWARD, Grant, Queue, QueuedMessage
from posthouse.queue.traces import TraceRow
from posthouse.store.contract import Appender, Facts, StoreRefusal
from posthouse.store.sent import keep_in, sent_folder_in

MaskedUsed = Callable[[Transaction, set[str], float], None]
"""Notes that a message was accepted for each of some masked addresses, at a moment (``directory.masked.used``)."""


class AppendFailed(Exception):
    """A mailbox did not take its copy; the unit was rolled back. ``reason`` is for the queue and the
    trace."""

    def __init__(self, copy: Copy, reason: str) -> None:
        super().__init__(reason)
        self.copy = copy
        self.reason = reason


class AcceptanceUnit:
    """The op that accepts one message."""

    def __init__(
        self, appender: Appender, queue: Queue, bodies: Bodies, masked: MaskedUsed | None = None
    ) -> None:
        self._masked = masked
        self._appender = appender
        self._queue = queue
        self._bodies = bodies

    def run(
        self,
        tx: Transaction,
        plan: Plan,
        body: Body,
        facts: Facts,
        now: float,
        private: dict[str, str],
        notices: Sequence[Written] = (),
        rooms: Mapping[str, Grant] | None = None,
    ) -> None:
        """Deliver the copies, put the queue rows and the notices of what is delivered, write trace and events;
        ``private`` is what these may tell of the content, ``rooms`` where there is room for it at once. Raises
        AppendFailed."""
        rows, kept = self._deliver(tx, plan, body, facts, now)
        if plan.waiting or plan.forwards:
            self._bodies.claim(tx, body.digest, body.size)
        if plan.waiting:
            plan.queue_id = self._queue.put(tx, queued_message(plan, body), plan.queued(), grants=rooms)
        for group, recipients in plan.forwarded():
            plan.forward_ids[group] = self._queue.put(
                tx, _forwarded_message(plan, body, group[0]), recipients
            )
        beside = put_beside(tx, self._queue, self._bodies, notices)
        if plan.masked and self._masked is not None:
            self._masked(tx, set().union(*plan.masked.values()), now)
        traces.write(tx, _story(plan, body, facts, rows, now, beside, kept))
        trace = plan.envelope.origin.trace
        events.write(
            tx,
            [
                received(copy.account.address, trace, message_id, uid, body.size, private)
                for copy, message_id, uid in rows
            ],
        )

    def passed(
        self,
        tx: Transaction,
        plan: Plan,
        body: Body,
        facts: Facts,
        now: float,
        results: Sequence[Result],
    ) -> None:
        """Write trace and events of a message that is at its next host already."""
        notes = [note_of(result.state, result.said) for result in results]
        leases = [result.lease for result in results]
        entries = [*plan.envelope.trace_notes, _accepted(plan, body)]
        entries += [
            ("deliver", f"<{lease.recipient.recipient}> {note}")
            for lease, note in zip(leases, notes, strict=True)
        ]
        entries += _refused(plan)
        row = TraceRow(plan.envelope.origin.trace, now, entries, 0, 0, facts.message_id)
        traces.write(tx, [row])
        self._queue.passed(tx, leases, notes)

    def _deliver(
        self, tx: Transaction, plan: Plan, body: Body, facts: Facts, now: float
    ) -> tuple[list[tuple[Copy, int, int]], list[str]]:
        """Append each copy, mailboxes in id order; returns (copy, message id, uid), and notes of what was put into the
        sent mail of shared mailboxes."""
        received_at = plan.envelope.received_at or now
        inboxes: list[tuple[int, Copy, bool | None]] = [
            (mailbox_id, copy, own) for copy in plan.sent for mailbox_id, own in (_sent_folder(tx, copy),)
        ]
        for copy in plan.copies:
            # It was looked up in a cache: mail must not make a mailbox for an account that was just removed.
            if not account_exists(tx, copy.account.id):
                raise AppendFailed(copy, "the account was removed meanwhile")
            inboxes.append((folder_in(tx, self._appender, copy.account.id, copy.folder), copy, None))
        inboxes.sort(key=lambda inbox: inbox[0])
        delivered, kept = [], []
        for mailbox_id, copy, own_marks in inboxes:
            if own_marks is not None:
                reader = plan.envelope.origin.account_id if own_marks else None
                try:
                    one = keep_in(tx, self._appender, mailbox_id, body, facts, int(received_at), reader)
                except StoreRefusal as refusal:
                    raise AppendFailed(copy, str(refusal)) from refusal
                kept.append(f"kept in the sent mail of {copy.account.address} as UID {one.uid}")
                continue
            by = plan.masked.get(copy.account.id, ())
            new = new_copy(body, facts, plan.sender, copy.account, received_at, by)
            try:
                (appended,) = self._appender.append_in(tx, mailbox_id, [new])
            except StoreRefusal as refusal:
                raise AppendFailed(copy, str(refusal)) from refusal
            delivered.append((copy, appended.message_id, appended.uid))
        return delivered, kept


def _sent_folder(tx: Transaction, copy: Copy) -> tuple[int, bool]:
    if not account_exists(tx, copy.account.id):
        raise AppendFailed(copy, "the account was removed meanwhile")
    try:
        return sent_folder_in(tx, copy.account.id)
    except StoreRefusal as refusal:
        raise AppendFailed(copy, str(refusal)) from refusal


def put_beside(tx: Transaction, queue: Queue, bodies: Bodies, written: Sequence[Written]) -> list[str]:
    """Queue what goes out beside a message; notes of it for the trace."""
    notes = []
    for each in written:
        if each.claim is not None and not each.claim(tx):
            continue
        bodies.claim(tx, each.body.digest, each.body.size)
        message = replace(each.notice.message, body=each.body.digest, size=each.body.size)
        queue_id = queue.put(tx, message, each.notice.recipients)
        if each.note:
            notes.append(f"{each.note}: queued as {queue_id}, trace {message.trace}")
    return notes


def queued_message(plan: Plan, body: Body) -> QueuedMessage:
    """The shared half of the queue rows of a plan."""
    envelope = plan.envelope
    terms = envelope.terms
    return QueuedMessage(
        trace=envelope.origin.trace,
        body=body.digest,
        size=body.size,
        sender=plan.sender,
        received_at=envelope.received_at,
        ret=envelope.ret,
        envid=envelope.envid,
        smtputf8=envelope.smtputf8,
        body_type=envelope.body,
        priority=terms.priority,
        account_id=envelope.origin.account_id,
        deliver_by=terms.deliver_by,
        by_mode=terms.by_mode,
        require_tls=terms.require_tls,
    )


def _forwarded_message(plan: Plan, body: Body, sender: str) -> QueuedMessage:
    """The same for what is sent on by an address of ours: it is ours then, whoever submitted it."""
    return replace(queued_message(plan, body), sender=sender, kind=FORWARD, account_id=None)


def _story(
    plan: Plan,
    body: Body,
    facts: Facts,
    delivered: list[tuple[Copy, int, int]],
    now: float,
    beside: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> list[TraceRow]:
    """The trace of this unit: one row, and one more for each further copy, because a row names one message
    id."""
    envelope, origin = plan.envelope, plan.envelope.origin
    entries = [*envelope.trace_notes, _accepted(plan, body)]
    for waiting in plan.waiting:
        why = f": {waiting.reason}" if waiting.reason else ""
        names = plan.names(waiting.places)
        entries.append(("queue", f"{names} queued as {plan.queue_id} for {waiting.destination}{why}"))
    for forward in plan.forwards:
        queued = f"queued as {plan.forward_ids[forward.group]} for {forward.destination}"
        entries.append(
            (
                "queue",
                f"{plan.names(forward.places)} {_by(forward)} to <{forward.target}>, from <{forward.sender}>: {queued}",
            )
        )
    entries += _refused(plan)
    entries.extend(("queue", note) for note in beside)
    entries.extend(("deliver", note) for note in kept)
    first = 0
    if delivered:
        entries.append(_delivery(plan, delivered[0]))
        first = delivered[0][1]
    trace, header_id = origin.trace, facts.message_id
    rows = [TraceRow(trace, now, entries, plan.queue_id, first, header_id)]
    rows.extend(
        TraceRow(trace, now, (_delivery(plan, each),), 0, each[1], header_id) for each in delivered[1:]
    )
    return rows


def _accepted(plan: Plan, body: Body) -> tuple[str, str]:
    origin = plan.envelope.origin
    who = f", signed in as {origin.login}" if origin.login else ""
    source = f"from <{plan.sender}> over {origin.protocol} by {origin.address}{who}"
    return "accept", f"{body.size} bytes {source}, body {body.digest}"


def _refused(plan: Plan) -> list[tuple[str, str]]:
    return [
        ("accept", f"<{plan.recipient(place).address}> refused: {refusal}")
        for place, refusal in plan.refusals.items()
    ]


def _by(forward: Forward) -> str:
    return "leads" if forward.owner is None else f"is forwarded by {forward.owner.address}"


def _delivery(plan: Plan, delivered: tuple[Copy, int, int]) -> tuple[str, str]:
    copy, _, uid = delivered
    names = plan.names(copy.places)
    # The name of the folder is its owner's, and may have changed: the trace tells by what it was chosen.
    place = f"INBOX, or the folder {copy.folder}," if copy.folder else "INBOX"
    return "deliver", f"{names} delivered to {place} of {copy.account.address} as UID {uid}"
