"""Steering the queue: hold, release, retry, bounce and delete rows (``destinations`` pauses and resumes).

Rows are found first (``selection.walk``) and changed then, some hundreds in one unit, so that no unit is long however
many are meant. A row that a worker has at the time is left alone and counted: what it is doing cannot be taken back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

from sqlalchemy import Update

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.queue import control_records as records
from posthouse.queue import destinations, posts, traces
from posthouse.queue.contract import HOLD_ADMIN, HOLD_LIST, LIST
from posthouse.queue.selection import Found, Selection, again, domain_of
from posthouse.queue.service import OLDER, TOPIC

Action = Literal["hold", "release", "retry", "bounce", "delete"]

GRACE = 3600.0
"""A row whose time is over is tried at least for so long (seconds) when it is released or tried again by hand."""

_SAID: dict[Action, str] = {
    "hold": "held by {who}",
    "release": "released by {who}",
    "retry": "tried again at the wish of {who}",
    "bounce": "given up by {who}: the sender is told",
    "delete": "deleted from the queue by {who}: nobody is told",
}
_STATEMENTS: dict[Action, Update] = {
    "hold": records.HOLD,
    "release": records.RELEASE,
    "retry": records.RETRY,
    "bounce": records.BOUNCE,
}


@dataclass(frozen=True, slots=True)
class Steered:
    """What a step did: rows changed, the messages they belong to, and how many were being delivered."""

    rows: frozenset[int] = frozenset()
    messages: frozenset[int] = frozenset()
    leased: int = 0


def meant(action: Action, wanted: Selection, row: Found, now: float) -> bool:
    """Whether the action has anything to do with a row that was found. Mail that its sender wants to be sent later is
    tried before its time only when it is named itself."""
    if row.hold == HOLD_LIST and action in ("release", "retry"):
        # To let it go is a moderator's decision: for those who look after the list's domain, and never by the way.
        mine = wanted.within is None or domain_of(row.recipient) in wanted.within
        return row.held and mine and (action == "release" or wanted.named)
    if action == "hold":
        return not row.held
    if action == "release":
        return row.held
    if action == "retry":
        return wanted.named or row.not_before <= now
    return True


def steer(
    tx: Transaction,
    action: Action,
    wanted: Selection,
    ids: Sequence[int],
    now: float,
    who: str,
    *,
    feed: Feed | None = None,
) -> Steered:
    """Do it to these rows (:data:`~posthouse.queue.selection.STRETCH` at most), as far as they are there still, and
    write it into their traces as done by ``who``."""
    rows = [row for row in again(tx, wanted, ids) if meant(action, wanted, row, now)]
    if not rows:
        return Steered()
    if action == "delete":
        tx.lock(records.LOCK_MESSAGES, {"messages": sorted({row.message_id for row in rows})})
    free = {int(row[0]) for row in tx.lock(records.LOCK_ROWS, {"rows": [row.id for row in rows], "now": now})}
    changed = [row for row in rows if row.id in free]
    if changed:
        _change(tx, action, changed, now)
        _tell(tx, action, changed, now, who)
        _wake(tx, action, changed, feed)
    return Steered(
        frozenset(row.id for row in changed),
        frozenset(row.message_id for row in changed),
        len(rows) - len(changed),
    )


def _change(tx: Transaction, action: Action, rows: Sequence[Found], now: float) -> None:
    ids = [row.id for row in rows]
    if action == "delete":
        tx.change(records.DELETE_ROWS, {"rows": ids})
        posts.forget(tx, [row.id for row in rows if row.destination.startswith(LIST)])
        tx.change(records.DELETE_EMPTY, {"messages": sorted({row.message_id for row in rows})})
        return
    given: dict[str, object] = {"rows": ids, "now": now}
    if action == "hold":
        given["new_hold"] = HOLD_ADMIN
    elif action != "bounce":
        given["least"] = now + GRACE
    tx.change(_STATEMENTS[action], given)
    if action in ("release", "retry"):
        for row in rows:
            if row.hold == HOLD_LIST:  # it would only be held again
                posts.judge(tx, row.id, int(row.destination.removeprefix(LIST)), "approved")


def _wake(tx: Transaction, action: Action, rows: Sequence[Found], feed: Feed | None) -> None:
    """Let the workers know that rows are due. A try by hand is one also where a destination was given a rest because
    it could not be reached."""
    if action == "retry":
        for destination in sorted({row.destination for row in rows}):
            destinations.wake(tx, destination, feed=feed)
    if feed is not None and action != "delete":
        tx.after_commit(partial(feed.publish, TOPIC, OLDER, 0))


def _tell(tx: Transaction, action: Action, rows: Sequence[Found], now: float, who: str) -> None:
    """Traces for all of it; events for what ends or stops."""
    text = _SAID[action].format(who=who)
    traces.write(
        tx,
        [
            traces.TraceRow(row.trace, now, (("queue", f"<{row.recipient}> {text}"),), row.message_id)
            for row in rows
        ],
    )
    kind = {"hold": "message.held", "delete": "message.failed"}.get(action)
    if kind is not None:
        events.write(tx, [_fact(kind, row, text) for row in rows])


def _fact(kind: str, row: Found, text: str) -> events.Fact:
    data = {
        "trace": row.trace,
        "queue": row.message_id,
        "recipient": row.recipient,
        "destination": row.destination,
        "size": row.size,
        "text": text,
    }
    return events.Fact(kind, data, domain_of(row.recipient))
