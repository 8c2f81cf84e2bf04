"""The queue: list, show, try again."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, use
from posthouse.queue import view

MAX_LISTED = 10_000


class Page(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The oldest ``limit`` messages after the message ``after``; with ``search`` those with it in the sender, a
    recipient or as trace id."""

    limit: int = 100
    after: str = ""
    search: str = ""


class QueueId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A message of the queue by its id."""

    id: int


class Waiting(msgspec.Struct, frozen=True):
    """A waiting message. ``recipients`` still owed, ``held`` of them until an administrator acts;
    ``next_at``: when the first is tried. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    next_at: float
    attempts: int


class WaitingList(msgspec.Struct, frozen=True):
    """Oldest first; ``total`` counts all that wait (or are found). ``next`` is the ``after`` of the page that
    follows, "" on the last."""

    messages: list[Waiting]
    total: int
    next: str = ""


class Owed(msgspec.Struct, frozen=True):
    """One recipient still owed. ``state``: waiting, held, or being delivered."""

    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    state: str
    reason: str


class WaitingMessage(msgspec.Struct, frozen=True):
    """A waiting message with every recipient still owed."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: list[Owed]


class TriedAgain(msgspec.Struct, frozen=True):
    """How many recipients are due now."""

    id: int
    recipients: int


@use("queue.list", right="view")
async def list_waiting(call: Call, wanted: Page) -> WaitingList:
    """List the messages that wait, oldest first."""
    limit = max(1, min(wanted.limit, MAX_LISTED))
    if wanted.after and not (wanted.after.isascii() and wanted.after.isdecimal() and len(wanted.after) < 19):
        raise ManageError("invalid", f"{wanted.after!r} is no place in the queue.", "Give a page's `next`.")
    database = call.context.database
    lines: list[view.QueueLine] = []
    after = int(wanted.after or 0)
    while len(lines) < limit:
        page = await database.scan(view.list_queue, after, wanted.search)
        lines += page
        if len(page) < view.PAGE:
            break
        after = page[-1].id
    if wanted.search:
        total = await database.scan(view.count_found, wanted.search)
    else:
        total, _, _ = await database.scan(view.count_queue)
    more = len(lines) >= limit
    return WaitingList(
        [_waiting(line) for line in lines[:limit]], total, str(lines[limit - 1].id) if more else ""
    )


def _waiting(line: view.QueueLine) -> Waiting:
    return Waiting(
        line.id,
        line.trace,
        line.sender,
        line.size,
        line.received_at,
        line.recipients,
        line.held,
        line.due_at,
        line.attempts,
    )


@use("queue.show", right="view")
async def show(call: Call, wanted: QueueId) -> WaitingMessage:
    """Show one waiting message and each recipient it is still owed to."""
    found = await call.context.database.scan(view.show_queue, wanted.id)
    if found is None:
        raise _gone(wanted.id)
    now = time.time()
    message = found.message
    owed = [
        Owed(
            row.recipient,
            row.destination,
            row.due_at,
            row.expires_at,
            row.attempts,
            _state(row, now),
            row.reason,
        )
        for row in found.recipients
    ]
    return WaitingMessage(found.id, message.trace, message.sender, message.size, message.received_at, owed)


def _state(row: view.QueueRecipient, now: float) -> str:
    if row.held:
        return "held"
    return "being delivered" if row.leased_until > now else "waiting"


@use("queue.retry", right="change")
async def retry(call: Call, wanted: QueueId) -> TriedAgain:
    """Try every recipient of a waiting message now, held ones too."""
    feed = call.context.feed

    def op(tx: Transaction) -> TriedAgain:
        if view.show_queue(tx, wanted.id) is None:
            raise _gone(wanted.id)
        changed = view.try_again(tx, wanted.id, time.time(), feed=feed)
        note(tx, call.actor, "queue.retry", str(wanted.id), after={"recipients": changed})
        return TriedAgain(wanted.id, changed)

    return await call.context.database.run(op)


def _gone(queue_id: int) -> ManageError:
    return ManageError(
        "missing",
        f"Message {queue_id} is not in the queue.",
        "It may be delivered; `queue list` shows what waits.",
    )
