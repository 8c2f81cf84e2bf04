"""What administrators see of the queue: its messages, and each one's recipients."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.queue import control_records, records
from posthouse.queue.contract import EVENTS, QueuedMessage
from posthouse.queue.service import message_of

PAGE = 200
"""Messages listed at once."""

RECIPIENTS = 500
"""Recipients of a message shown at once."""


@dataclass(frozen=True, slots=True)
class QueueLine:
    """One message in the list. ``recipients`` are those still owed, ``held`` how many of them wait for an
    administrator, ``due_at`` when the first is tried next. ``recipient`` is one of them, ``destination`` where it
    goes, ``reason`` the last words about it. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    due_at: float
    attempts: int
    recipient: str = ""
    destination: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class QueueRecipient:
    """One recipient still owed. ``leased_until`` is 0.0 while no worker has it. ``hold`` says why a row is held (a
    ``HOLD_`` word). ``not_before``: its sender wants it to be sent then (0.0: at once). ``reason`` are the last words
    about it, of the host ``remote`` where one spoke, with their status code."""

    id: int
    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    held: bool
    hold: str
    not_before: float
    status: str
    remote: str
    reason: str
    leased_until: float
    notify: str


@dataclass(frozen=True, slots=True)
class QueueDetail:
    """One message with all that is still owed."""

    id: int
    message: QueuedMessage
    recipients: list[QueueRecipient]


def list_queue(tx: Transaction, after: int = 0) -> list[QueueLine]:
    """The first :data:`PAGE` messages with an id above ``after``, oldest first, also those of webhooks."""
    rows = tx.execute(control_records.MESSAGES_FROM, {"after": after, "count": PAGE})
    return list_lines(tx, [int(row[0]) for row in rows])


def list_mail(tx: Transaction, after: int = 0) -> tuple[list[QueueLine], int]:
    """The messages among the next :data:`PAGE` with an id above ``after``, oldest first, without those of webhooks;
    and the id behind which it goes on, 0 at the end."""
    rows = tx.execute(control_records.MESSAGES_FROM, {"after": after, "count": PAGE})
    mail = [int(row[0]) for row in rows if row[1] != EVENTS]
    return list_lines(tx, mail), int(rows[-1][0]) if len(rows) == PAGE else 0


def list_lines(tx: Transaction, messages: Sequence[int]) -> list[QueueLine]:
    """These messages (some hundreds at most) as far as anybody is still owed them, by id."""
    if not messages:
        return []
    rows = tx.execute(control_records.LINES, {"messages": list(messages)})
    if not rows:
        return []
    firsts = tx.execute(control_records.SELECT_FIRST_OWED, {"rows": [row[9] for row in rows]})
    owed = {int(row[0]): row[1:] for row in firsts}
    return [
        QueueLine(
            int(row[0]),
            row[1],
            row[2],
            int(row[3]),
            row[4],
            int(row[5]),
            int(row[6]),
            row[7],
            int(row[8]),
            *owed.get(int(row[9]), ("", "", "")),
        )
        for row in rows
    ]


def count_mail(tx: Transaction, most: int) -> int:
    """How many messages wait, counted no further than ``most``."""
    return int(tx.execute(control_records.COUNT_MESSAGES, {"count": most})[0][0])


def count_due(tx: Transaction, now: float, most: int) -> int:
    """How many rows are due or being delivered late, counted no further than ``most``."""
    return int(tx.execute(control_records.COUNT_DUE, {"now": now, "count": most})[0][0])


def count_queue(tx: Transaction) -> tuple[int, int, int]:
    """How many messages and recipients wait, and how many of these recipients are held."""
    counts = (records.COUNT_MESSAGES, records.COUNT_RECIPIENTS, records.COUNT_HELD)
    messages, recipients, held = (int(tx.execute(each)[0][0]) for each in counts)
    return messages, recipients, held


def oldest(tx: Transaction) -> float | None:
    """When the message was received that waits longest (seconds since 1970); None where none waits."""
    found = tx.execute(records.SELECT_OLDEST)
    return float(found[0][0]) if found else None


def list_bodies(tx: Transaction, after: int = 0) -> list[tuple[int, str]]:
    """Queue id and body digest of the first :data:`PAGE` messages with an id above ``after``, for
    verifying."""
    rows = tx.execute(records.SELECT_BODIES, {"after": after, "count": PAGE})
    return [(int(row[0]), bytes(row[1]).hex()) for row in rows]


def still_owed(tx: Transaction, messages: Sequence[int]) -> set[int]:
    """Which of these messages (a few hundred at most) are in the queue."""
    return {int(row[4]) for row in tx.execute(records.SELECT_OF, {"messages": list(messages)})}


def drop(tx: Transaction, messages: Sequence[int]) -> None:
    """Remove these messages, leased ones too."""
    for message_id in messages:
        tx.change(records.DELETE_RECIPIENTS_OF, {"of_message": message_id})
        tx.change(records.DELETE_MESSAGE, {"of_id": message_id})


def show_queue(tx: Transaction, queue_id: int, after: int = 0) -> QueueDetail | None:
    """One message of the queue with its first :data:`RECIPIENTS` recipients with a row id above ``after``; None when
    it is not (or no longer) there."""
    rows = tx.execute(records.SELECT_MESSAGE, {"of_id": queue_id})
    if not rows:
        return None
    given = {"message_id": queue_id, "after": after, "count": RECIPIENTS}
    recipients = [
        QueueRecipient(
            id=int(row[0]),
            recipient=row[1],
            destination=row[2],
            due_at=row[3],
            expires_at=row[4],
            attempts=int(row[5]),
            held=bool(row[6]),
            hold=row[7],
            not_before=row[8],
            status=row[9],
            remote=row[10],
            reason=row[11],
            leased_until=row[12],
            notify=row[13],
        )
        for row in tx.execute(control_records.SELECT_RECIPIENTS_FROM, given)
    ]
    return QueueDetail(queue_id, message_of(rows[0][1:]), recipients)
