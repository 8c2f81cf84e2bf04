"""From events to queue rows: what each webhook is to be told.

A webhook remembers the last event that was looked at for it, and the rows are written in the unit that moves this
mark: each event is queued once for each webhook, whatever dies in between.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from posthouse.cluster import events
from posthouse.cluster.events import Event
from posthouse.database.contract import Transaction
from posthouse.deliver import webhook_records as records
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook_rows import DROPPED, WAITING, Webhook
from posthouse.observe.log import logger
from posthouse.queue import view
from posthouse.queue.contract import EVENTS, Queue, QueuedMessage, QueuedRecipient

log = logger("deliver.webhook")

TOGETHER = 50
"""Events of one request."""

MOST_WAITING = 50
"""Requests that wait for one webhook; further events stay where they are until there is room, so that a receiver that
is away fills no queue."""

LOOKED_AT = 250
"""Events looked at in one unit."""


def spread(tx: Transaction, queue: Queue, webhook_id: int, lifetime: float, now: float) -> bool:
    """Queue the next events for a webhook; whether there may be more at once."""
    webhook = rows.by_id(tx, webhook_id)
    if webhook is None or not webhook.active:
        return False
    waiting = rows.waiting(tx, webhook.id)
    if len(waiting) >= MOST_WAITING:
        waiting = _owed(tx, waiting)
    room = MOST_WAITING - len(waiting)
    if room <= 0:
        return False
    seen = webhook.seen_event
    if seen > events.newest(tx) > 0:
        seen = events.oldest(tx) - 1  # these are the events of another database: a backup was restored
    found = events.read_after(tx, seen, LOOKED_AT, now)
    if not found:
        return False
    lost = found[0].id - seen - 1 if seen else 0
    wanted = [event for event in found if webhook.wants(event)]
    batches = [wanted[start : start + TOGETHER] for start in range(0, len(wanted), TOGETHER)]
    upto = found[-1].id
    if len(batches) > room:
        batches = batches[:room]
        upto = batches[-1][-1].id
    for batch in batches:
        _put(tx, queue, webhook, batch, now, lifetime)
    tx.change(records.SEEN, {"of_id": webhook.id, "seen": upto, "lost": lost})
    return len(found) == LOOKED_AT


def _owed(tx: Transaction, waiting: Sequence[int]) -> list[int]:
    """What really waits. A row that somebody took out of the queue takes up no room."""
    there = view.still_owed(tx, waiting)
    for queue_id in waiting:
        if queue_id not in there:
            tx.change(records.ENDED, {"of_queue": queue_id, "new_state": DROPPED})
    return [queue_id for queue_id in waiting if queue_id in there]


def _put(
    tx: Transaction, queue: Queue, webhook: Webhook, batch: Sequence[Event], now: float, lifetime: float
) -> None:
    values: dict[str, Any] = {
        "webhook_id": webhook.id,
        "queue_id": 0,
        "created_at": now,
        "first_event": batch[0].id,
        "last_event": batch[-1].id,
        "events": len(batch),
        "state": WAITING,
        "attempts": 0,
        "tried_at": 0.0,
        "status": 0,
        "trouble": "",
        "body": "",
    }
    delivery = tx.insert(records.INSERT_DELIVERY, values)
    body = body_of(webhook.id, batch, now)
    message = QueuedMessage(
        trace=f"webhook-{webhook.id}-{delivery}",
        body=hashlib.sha256(body).hexdigest(),
        size=len(body),
        sender="",
        received_at=now,
        body_type=EVENTS,
    )
    recipient = QueuedRecipient(f"webhook {webhook.id} at {webhook.place}"[:400], webhook.destination)
    queue_id = queue.put(tx, message, [recipient], lifetime)
    tx.change(records.NUMBER_DELIVERY, {"of_id": delivery, "new_queue": queue_id, "new_body": body.decode()})


def body_of(webhook_id: int, batch: Sequence[Event], now: float, kind: str = "events") -> bytes:
    """The JSON that is sent. It is kept as it is, so that a repeated request is the same to the byte."""
    return msgspec.json.encode(
        {
            "type": kind,
            "timestamp": moment(now),
            "webhook": webhook_id,
            "events": [
                {
                    "id": event.id,
                    "at": moment(event.at),
                    "kind": event.kind,
                    "domain": event.domain,
                    "account": event.account,
                    "data": event.data,
                }
                for event in batch
            ],
        }
    )


def moment(seconds: float) -> str:
    """A time as the body writes it: ``2026-10-05T08:00:00.123Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
