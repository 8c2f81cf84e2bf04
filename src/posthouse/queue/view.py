"""What administrators see of the queue, and the one thing they can do to it: try again now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.queue import records
from posthouse.queue.contract import QueuedMessage
from posthouse.queue.service import TOPIC, message_of

PAGE = 200
"""Messages listed at once."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One message in the list. ``recipients`` are those still owed, ``held`` how many of them wait for an
    administrator, ``due_at`` when the first is tried next. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    due_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class QueueRecipient:
    """One recipient still owed. ``leased_until`` is 0.0 while no worker has it."""

    id: int
    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    held: bool
    reason: str
    leased_until: float


@dataclass(frozen=True, slots=True)
class QueueDetail:
    """One message with all that is still owed."""

    id: int
    message: QueuedMessage
    recipients: list[QueueRecipient]


def list_queue(tx: Transaction, after: int = 0, search: str = "") -> list[QueueLine]:
    """The first :data:`PAGE` messages with an id above ``after``, oldest first; with ``search`` those with that
    piece in sender or a recipient, or with that trace id."""
    page = {"after": after, "count": PAGE}
    if search:
        rows = tx.execute(records.SEARCH_LIST, {**page, **_wanted(search)})
    else:
        rows = tx.execute(records.SELECT_LIST, page)
    return [
        QueueLine(
            int(row[0]), row[1], row[2], int(row[3]), row[4], int(row[5]), int(row[6]), row[7], int(row[8])
        )
        for row in rows
    ]


def count_found(tx: Transaction, search: str) -> int:
    """How many messages ``list_queue`` finds with this ``search``."""
    return int(tx.execute(records.SEARCH_COUNT, _wanted(search))[0][0])


def _wanted(search: str) -> dict[str, str]:
    escaped = "".join(f"!{each}" if each in "!%_[" else each for each in search.lower())
    return {"pattern": f"%{escaped}%", "trace": search}


def count_queue(tx: Transaction) -> tuple[int, int, int]:
    """How many messages and recipients wait, and how many of these recipients are held."""
    messages, recipients, held = tx.execute(records.SELECT_COUNTS)[0]
    return int(messages), int(recipients), int(held or 0)


def oldest(tx: Transaction) -> float | None:
    """When the message was received that waits longest (seconds since 1970); None where none waits."""
    found = tx.execute(records.SELECT_OLDEST)[0][0]
    return float(found) if found is not None else None


def list_bodies(tx: Transaction, after: int = 0) -> list[tuple[int, str]]:
    """Queue id and body digest of the first :data:`PAGE` messages with an id above ``after``, for
    verifying."""
    rows = tx.execute(records.SELECT_BODIES, {"after": after, "count": PAGE})
    return [(int(row[0]), bytes(row[1]).hex()) for row in rows]


def try_again(tx: Transaction, queue_id: int, now: float, *, feed: Feed | None = None) -> int:
    """Make every recipient of a message due now, held ones too; returns how many (those leased are being
    tried)."""
    changed = tx.change(records.TRY_AGAIN, {"of_message": queue_id, "now": now})
    if changed and feed is not None:
        tx.after_commit(partial(feed.publish, TOPIC, 0, queue_id))
    return changed


def still_owed(tx: Transaction, messages: Sequence[int]) -> set[int]:
    """Which of these messages (a few hundred at most) are in the queue."""
    return {int(row[4]) for row in tx.execute(records.SELECT_OF, {"messages": list(messages)})}


def drop(tx: Transaction, messages: Sequence[int]) -> None:
    """Remove these messages, leased ones too."""
    for message_id in messages:
        tx.change(records.DELETE_RECIPIENTS_OF, {"of_message": message_id})
        tx.change(records.DELETE_MESSAGE, {"of_id": message_id})


def show_queue(tx: Transaction, queue_id: int) -> QueueDetail | None:
    """One message of the queue; None when it is not (or no longer) there."""
    rows = tx.execute(records.SELECT_MESSAGE, {"of_id": queue_id})
    if not rows:
        return None
    recipients = [
        QueueRecipient(int(row[0]), row[1], row[2], row[3], row[4], int(row[5]), bool(row[6]), row[7], row[8])
        for row in tx.execute(records.SELECT_RECIPIENTS, {"message_id": queue_id})
    ]
    return QueueDetail(queue_id, message_of(rows[0][1:]), recipients)
