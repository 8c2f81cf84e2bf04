"""The queue on the database (``contract.Queue``).

A row is never leased twice at once on any engine, because it is taken by one conditional UPDATE: whoever
comes second finds the lease token changed and no row to touch.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from time import time
from typing import cast

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.queue import destinations, lease_records, leasing, posts, records, traces
from posthouse.queue.contract import EVENTS, HOLD_EXPIRED, LIST, Grant, Lease, QueuedMessage, QueuedRecipient
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.queue import LIFETIME

TOPIC = "queue"
"""The feed's topic: something became due. Key 0: it was put, the version is its id."""

OLDER = 1
"""The topic's key for what was in the queue before and is due, or given up, now. A key of its own, because of several
notices with one key the feed tells only the one of the highest version."""


class QueueService:
    """Puts, leases and settles rows in the caller's transaction."""

    def __init__(self, settings: CurrentSettings, feed: Feed) -> None:
        self._settings = settings
        self._feed = feed
        self._turns = count()

    def put(
        self,
        tx: Transaction,
        message: QueuedMessage,
        recipients: Sequence[QueuedRecipient],
        lifetime: float | None = None,
        grants: Mapping[str, Grant] | None = None,
    ) -> int:
        """Add a message and its recipients; returns the queue message id."""
        message_id = tx.insert(records.INSERT_MESSAGE, _message_values(message))
        expires_at = message.received_at + (self._settings.now[LIFETIME] if lifetime is None else lifetime)
        free = _usable(tx, grants) if grants else {}
        begun: dict[str, list[Lease]] = {}
        waiting = []
        for recipient in recipients:
            values = _recipient_values(message_id, message, recipient, expires_at)
            grant = free.get(recipient.destination)
            if grant is None or values["held"] or values["due_at"]:
                waiting.append(values)
                continue
            lease = _put_leased(tx, message, recipient, values, grant)
            begun.setdefault(recipient.destination, []).append(lease)
        tx.execute_many(records.INSERT_RECIPIENT, waiting)
        for name, leases in begun.items():
            tx.after_commit(partial(free[name].begin, leases))
        if waiting:
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
        destination: str | None = None,
        most: int = 0,
        each: int = 0,
        busy: Mapping[str, int] | None = None,
    ) -> list[Lease]:
        """Take up to ``limit`` due rows, oldest due first; of a destination by priority, senders in turn."""
        wanted = leasing.Wanted(
            destination=destination or "",
            now=now,
            rows=limit,
            messages=most or limit,
            owner=owner,
            until=now + seconds,
            each=each,
            busy=busy or {},
            turn=next(self._turns) % leasing.LANES,
        )
        if destination is not None:
            taken = leasing.take(tx, wanted)
        else:
            if messages is None:
                due = tx.execute(records.SELECT_DUE_MAIL, {"now": now, "count": limit})
            else:
                due = [(row[0], row[1]) for row in _waiting(tx, messages) if row[2] <= now][:limit]
            rows = (leasing.take_row(tx, row_id, seen, wanted) for row_id, seen in due)
            taken = [row for row in rows if row is not None]
        return [_lease(row.row, row.token, wanted.until) for row in taken]

    def lease_row(
        self, tx: Transaction, row_id: int, seen: str, now: float, seconds: float, owner: str
    ) -> Lease | None:
        """Take one row that waits, due or not."""
        wanted = leasing.Wanted("", now, 1, 1, owner, now + seconds)
        taken = leasing.take_row(tx, row_id, seen, wanted, due=False)
        return _lease(taken.row, taken.token, wanted.until) if taken is not None else None

    def renew(self, tx: Transaction, leases: Sequence[Lease], until: float) -> int:
        """Prolong leases; how many of them are still held."""
        given = ({"of_id": lease.id, "token": lease.lease_token, "until": until} for lease in leases)
        return sum(tx.change(lease_records.RENEW, each) for each in given)

    def next_due(
        self, tx: Transaction, messages: Sequence[int] | None = None, destination: str | None = None
    ) -> float | None:
        """When the next row is due; None while nothing is owed."""
        if messages is not None:
            return next((float(row[2]) for row in _waiting(tx, messages)), None)
        if destination is not None:
            found = tx.execute(lease_records.NEXT_DUE_OF, {"of": destination})
            return float(found[0][0]) if found else None
        due: float | None = tx.execute(records.SELECT_NEXT_MAIL)[0][0]
        return due

    def free(self, tx: Transaction, owner: str, now: float) -> int:
        """Give back every lease of ``owner``."""
        return tx.change(records.FREE_OWNER, {"owner": owner, "now": now})

    def settle(self, tx: Transaction, lease: Lease, note: str, message_id: int = 0) -> bool:
        """The row is done; the message goes with its last row."""
        return self._end(tx, lease, "delivered", note, message_id)

    def passed(self, tx: Transaction, leases: Sequence[Lease], notes: Sequence[str]) -> None:
        """Write the events of rows that were never put."""
        facts = [_fact("queued", lease.message, lease.recipient, 0, "") for lease in leases]
        facts += [
            _fact("delivered", lease.message, lease.recipient, 0, note)
            for lease, note in zip(leases, notes, strict=True)
        ]
        events.write(tx, facts)

    def fail(self, tx: Transaction, lease: Lease, note: str) -> bool:
        """It will never be delivered; the message goes with its last row."""
        return self._end(tx, lease, "failed", note)

    def _end(self, tx: Transaction, lease: Lease, what: str, note: str, message_id: int = 0) -> bool:
        # Two last rows settled at once would each see the other still there: they take turns at the message. (SQLite
        # has one writer at a time.)
        if tx.engine != "sqlite":
            tx.lock(records.LOCK_MESSAGE, {"of_id": lease.message_id})
        if not tx.change(records.DELETE_RECIPIENT, {"of_id": lease.id, "token": lease.lease_token}):
            return False
        tx.change(records.DELETE_MESSAGE, {"of_id": lease.message_id})
        if lease.recipient.destination.startswith(LIST):
            posts.forget(tx, [lease.id])
        self._trace(tx, lease, note, message_id)
        self._tell(tx, lease, what, note)
        return True

    def retry(
        self,
        tx: Transaction,
        lease: Lease,
        due_at: float,
        reason: str,
        *,
        status: str = "",
        remote: str = "",
        delay_told: bool = False,
        tried: bool = True,
    ) -> bool:
        """Give the row back, due later."""
        told = delay_told or lease.recipient.delay_told
        changed = tx.change(
            records.GIVE_BACK,
            {
                "of_id": lease.id,
                "token": lease.lease_token,
                "new_due_at": due_at,
                "new_reason": reason[: traces.MAX_TEXT],
                "new_status": status[:16],
                "new_remote": remote[:255],
                "new_told": int(told),
                "new_attempts": lease.attempts if tried else max(lease.attempts - 1, 0),
            },
        )
        if changed and tried:
            self._trace(tx, lease, f"not delivered yet: {reason}")
        return bool(changed)

    def hold(self, tx: Transaction, lease: Lease, reason: str, why: str = HOLD_EXPIRED) -> bool:
        """Keep the row, but do not try any more."""
        changed = tx.change(
            records.HOLD,
            {
                "of_id": lease.id,
                "token": lease.lease_token,
                "new_due_at": lease.expires_at,
                "new_hold": why,
                "new_reason": reason[: traces.MAX_TEXT],
            },
        )
        if changed:
            self._trace(tx, lease, f"held: {reason}")
            self._tell(tx, lease, "held", reason)
        return bool(changed)

    def move(self, tx: Transaction, lease: Lease, destination: str) -> bool:
        """Give the row back, due at once, to another destination."""
        given = {"of_id": lease.id, "token": lease.lease_token, "now": time(), "new_destination": destination}
        changed = tx.change(records.MOVE, given)
        if changed:
            self._trace(tx, lease, f"goes by {destination} from now on")
            # An old row in a new place: whoever looks for new rows only would not find it.
            tx.after_commit(partial(self._feed.publish, TOPIC, OLDER, 0))
        return bool(changed)

    def refers(self, tx: Transaction, digest: str) -> bool:
        """Whether any queued message has this body."""
        return bool(tx.execute(records.SELECT_BODY, {"body": bytes.fromhex(digest)}))

    def _tell(self, tx: Transaction, lease: Lease, what: str, text: str) -> None:
        """Write the event; deliveries of events are none, or they would never end."""
        if lease.message.body_type != EVENTS:
            fact = _fact(what, lease.message, lease.recipient, lease.message_id, text)
            events.write(tx, [fact])

    def _trace(self, tx: Transaction, lease: Lease, text: str, message_id: int = 0) -> None:
        entry = ("deliver", f"<{lease.recipient.recipient}> {text}")
        row = traces.TraceRow(lease.message.trace, time(), (entry,), lease.message_id, message_id)
        traces.write(tx, [row])


def _usable(tx: Transaction, grants: Mapping[str, Grant]) -> Mapping[str, Grant]:
    """The grants to destinations that are neither paused nor to be left alone."""
    known = destinations.states(tx, (*grants, destinations.EVERYTHING))
    if not known:
        return grants
    everything = known.get(destinations.EVERYTHING)
    paused = everything is not None and everything.paused
    return {
        name: grant
        for name, grant in grants.items()
        if grant.firm
        or (not paused and ((state := known.get(name)) is None or not (state.paused or state.failures)))
    }


def _put_leased(
    tx: Transaction,
    message: QueuedMessage,
    recipient: QueuedRecipient,
    values: dict[str, object],
    grant: Grant,
) -> Lease:
    token = secrets.token_hex(16)
    values |= {
        "lease_token": token,
        "lease_owner": grant.owner,
        "lease_until": grant.until,
        "due_at": grant.until,
        "attempts": 1,
    }
    row_id = tx.insert(records.INSERT_RECIPIENT, values)
    return Lease(
        id=row_id,
        message_id=cast(int, values["message_id"]),
        message=message,
        recipient=replace(recipient, due_at=grant.until),
        attempts=1,
        lease_token=token,
        lease_until=grant.until,
        expires_at=cast(float, values["expires_at"]),
    )


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
        "account_id": message.account_id,
        "kind": message.kind,
        "deliver_by": message.deliver_by,
        "by_mode": message.by_mode,
        "require_tls": int(message.require_tls),
    }


def _recipient_values(
    message_id: int, message: QueuedMessage, recipient: QueuedRecipient, expires_at: float
) -> dict[str, object]:
    expires_at = max(expires_at, recipient.not_before + expires_at - message.received_at)
    if message.deliver_by and message.by_mode.startswith("R"):
        expires_at = min(expires_at, message.deliver_by)  # then it goes back (RFC 2852 4.1.4)
    return {
        "message_id": message_id,
        "recipient": recipient.recipient,
        "destination": recipient.destination,
        "account_id": recipient.account_id,
        "notify": recipient.notify,
        "orcpt": recipient.orcpt,
        "due_at": max(recipient.due_at, recipient.not_before),
        "expires_at": expires_at,
        "attempts": 0,
        "held": int(bool(recipient.hold)),
        "reason": recipient.reason[: traces.MAX_TEXT],
        "lease_token": "",
        "lease_owner": "",
        "lease_until": 0.0,
        "priority": message.priority,
        "not_before": recipient.not_before,
        "hold": recipient.hold,
        "delay_told": int(recipient.delay_told),
        "status": "",
        "remote": "",
        "lane": leasing.lane_of(message.sender, message.account_id),
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
        account_id=int(row[10]) if row[10] is not None else None,
        kind=row[11],
        deliver_by=row[12],
        by_mode=row[13],
        require_tls=bool(row[14]),
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
        not_before=row[10],
        delay_told=bool(row[11]),
    )
    return Lease(
        id=int(row[0]),
        message_id=int(row[1]),
        message=message_of(row[12:]),
        recipient=recipient,
        attempts=int(row[8]),
        lease_token=token,
        lease_until=until,
        expires_at=row[9],
    )
