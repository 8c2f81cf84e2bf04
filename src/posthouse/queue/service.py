"""The queue on the database (``contract.Queue``).

A row is never leased twice at once on any engine, because it is taken by one conditional UPDATE: whoever
comes second finds the lease token changed and no row to touch.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from functools import partial
from time import time

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.queue import records, traces
from posthouse.queue.contract import EVENTS, Lease, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.queue import LIFETIME

TOPIC = "queue"
"""The feed's topic: something became due."""


class QueueService:
    """Puts, leases and settles rows in the caller's transaction."""

    def __init__(self, settings: CurrentSettings, feed: Feed) -> None:
        self._settings = settings
        self._feed = feed

    def put(
        self,
        tx: Transaction,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        lifetime: float | None = None,
    ) -> int:
        """Add a message and its recipients; returns the queue message id."""
        message_id = tx.insert(records.INSERT_MESSAGE, _message_values(message))
        expires_at = message.received_at + (self._settings.now[LIFETIME] if lifetime is None else lifetime)
        tx.execute_many(
            records.INSERT_RECIPIENT,
            [_recipient_values(message_id, recipient, expires_at) for recipient in recipients],
        )
        tx.after_commit(partial(self._feed.publish, TOPIC, 0, message_id))
        if message.body_type != EVENTS:
            events.write(tx, [_fact("queued", message, each, message_id, each.reason) for each in recipients])
        return message_id

    def lease(
        self,
        tx: Transaction,
        now: float,
        limit: int,
        seconds: float,
        owner: str,
        messages: Sequence[int] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` due rows, oldest due first."""
        leases = []
        until = now + seconds
        if messages is None:
            due = tx.execute(records.SELECT_DUE_MAIL, {"now": now, "count": limit})
        else:
            due = [(row[0], row[1]) for row in _waiting(tx, messages) if row[2] <= now][:limit]
        for row_id, seen_token in due:
            token = secrets.token_hex(16)
            taken = tx.change(
                records.TAKE,
                {
                    "of_id": row_id,
                    "seen_token": seen_token,
                    "now": now,
                    "new_token": token,
                    "new_owner": owner,
                    "until": until,
                },
            )
            if taken:
                (row,) = tx.execute(records.SELECT_LEASED, {"of_id": row_id})
                leases.append(_lease(row, token, until))
        return leases

    def next_due(self, tx: Transaction, messages: Sequence[int] | None = None) -> float | None:
        """When the next row is due; None while nothing is owed."""
        if messages is not None:
            return next((float(row[2]) for row in _waiting(tx, messages)), None)
        due: float | None = tx.execute(records.SELECT_NEXT_MAIL)[0][0]
        return due

    def free(self, tx: Transaction, owner: str, now: float) -> int:
        """Give back every lease of ``owner``."""
        return tx.change(records.FREE_OWNER, {"owner": owner, "now": now})

    def settle(self, tx: Transaction, lease: Lease, note: str, message_id: int = 0) -> bool:
        """The row is done; the message goes with its last row."""
        # Two last rows settled at once would each see the other still there: they take turns at the message.
        tx.lock(records.LOCK_MESSAGE, {"of_id": lease.message_id})
        if not tx.change(records.DELETE_RECIPIENT, {"of_id": lease.id, "token": lease.lease_token}):
            return False
        tx.change(records.DELETE_MESSAGE, {"of_id": lease.message_id})
        self._trace(tx, lease, note, message_id)
        self._tell(tx, lease, "delivered", note)
        return True

    def retry(self, tx: Transaction, lease: Lease, due_at: float, reason: str) -> bool:
        """Give the row back, due later."""
        return self._give_back(tx, lease, due_at, 0, reason)

    def hold(self, tx: Transaction, lease: Lease, reason: str) -> bool:
        """Keep the row, but do not try any more."""
        return self._give_back(tx, lease, lease.expires_at, 1, reason)

    def refers(self, tx: Transaction, digest: str) -> bool:
        """Whether any queued message has this body."""
        return bool(tx.execute(records.SELECT_BODY, {"body": bytes.fromhex(digest)}))

    def _give_back(self, tx: Transaction, lease: Lease, due_at: float, held: int, reason: str) -> bool:
        changed = tx.change(
            records.GIVE_BACK,
            {
                "of_id": lease.id,
                "token": lease.lease_token,
                "new_due_at": due_at,
                "new_held": held,
                "new_reason": reason[: traces.MAX_TEXT],
            },
        )
        if changed:
            self._trace(tx, lease, f"held: {reason}" if held else f"not delivered yet: {reason}")
            if held:
                self._tell(tx, lease, "held", reason)
        return bool(changed)

    def _tell(self, tx: Transaction, lease: Lease, what: str, text: str) -> None:
        """Write the event; deliveries of events are none, or they would never end."""
        if lease.message.body_type != EVENTS:
            fact = _fact(what, lease.message, lease.recipient, lease.message_id, text)
            events.write(tx, [fact])

    def _trace(self, tx: Transaction, lease: Lease, text: str, message_id: int = 0) -> None:
        entry = ("deliver", f"<{lease.recipient.recipient}> {text}")
        row = traces.TraceRow(lease.message.trace, time(), (entry,), lease.message_id, message_id)
        traces.write(tx, [row])


def _waiting(tx: Transaction, messages: Sequence[int]) -> list[Row]:
    """The rows of these messages that are not held, oldest due first."""
    rows = tx.execute(records.SELECT_OF, {"messages": list(messages)}) if messages else []
    return sorted((row for row in rows if not row[3]), key=lambda row: (row[2], row[0]))


def _fact(
    what: str, message: QueuedMessage, recipient: QueuedRecipient, queue_id: int, text: str
) -> events.Fact:
    data = {
        "trace": message.trace,
        "queue": queue_id,
        "recipient": recipient.recipient,
        "destination": recipient.destination,
        "size": message.size,
        "text": text[: traces.MAX_TEXT],
    }
    domain = recipient.recipient.rpartition("@")[2].lower()
    return events.Fact(f"message.{what}", data, domain)


def _message_values(message: QueuedMessage) -> dict[str, object]:
    return {
        "trace": message.trace,
        "body": bytes.fromhex(message.body),
        "size": message.size,
        "sender": message.sender,
        "received_at": message.received_at,
        "ret": message.ret,
        "envid": message.envid,
        "smtputf8": int(message.smtputf8),
        "body_type": message.body_type,
        "priority": message.priority,
    }


def _recipient_values(message_id: int, recipient: QueuedRecipient, expires_at: float) -> dict[str, object]:
    return {
        "message_id": message_id,
        "recipient": recipient.recipient,
        "destination": recipient.destination,
        "account_id": recipient.account_id,
        "notify": recipient.notify,
        "orcpt": recipient.orcpt,
        "due_at": recipient.due_at,
        "expires_at": expires_at,
        "attempts": 0,
        "held": 0,
        "reason": recipient.reason[: traces.MAX_TEXT],
        "lease_token": "",
        "lease_owner": "",
        "lease_until": 0.0,
    }


def message_of(row: Row) -> QueuedMessage:
    """A message from its columns without the id."""
    return QueuedMessage(
        trace=row[0],
        body=bytes(row[1]).hex(),
        size=int(row[2]),
        sender=row[3],
        received_at=row[4],
        ret=row[5],
        envid=row[6],
        smtputf8=bool(row[7]),
        body_type=row[8],
        priority=int(row[9]),
    )


def _lease(row: Row, token: str, until: float) -> Lease:
    recipient = QueuedRecipient(
        recipient=row[2],
        destination=row[3],
        account_id=row[4],
        notify=row[5],
        orcpt=row[6],
        due_at=until,
        reason=row[7],
    )
    return Lease(
        id=int(row[0]),
        message_id=int(row[1]),
        message=message_of(row[10:]),
        recipient=recipient,
        attempts=int(row[8]),
        lease_token=token,
        lease_until=until,
        expires_at=row[9],
    )
