"""Statements that find what is due, each of which reads a bounded stretch of an index, however long the queue is.

Nothing here counts or groups: where the first row of each destination, priority or lane is wanted, the statement
jumps to the next one (``ORDER BY … LIMIT 1`` after the last).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select, update

from posthouse.queue.contract import HOLD_ROUTE
from posthouse.queue.records import queue_messages, queue_recipients

_R = queue_recipients.c
_M = queue_messages.c
_OF = (_R.held == 0, _R.destination == bindparam("of"))

# what leads where
NEXT_DESTINATION = (
    select(_R.destination, _R.due_at)
    .where(_R.held == 0, _R.destination > bindparam("after"))
    .order_by(_R.held, _R.destination, _R.due_at)
    .limit(1)
)
NEXT_DUE_OF = select(_R.due_at).where(*_OF).order_by(_R.due_at).limit(1)
NEWEST = select(func.max(_R.id))
SELECT_NEW = (
    select(_R.id, _R.destination, _R.due_at, _R.held)
    .where(_R.id > bindparam("after"))
    .order_by(_R.id)
    .limit(bindparam("count"))
)

# leasing from one destination: the highest priority first, within it one lane (senders by hash) after the other
TOP_PRIORITY = select(_R.priority).where(*_OF).order_by(_R.priority.desc()).limit(1)
NEXT_PRIORITY = (
    select(_R.priority).where(*_OF, _R.priority < bindparam("below")).order_by(_R.priority.desc()).limit(1)
)
NEXT_LANE = (
    select(_R.lane, _R.due_at)
    .where(*_OF, _R.priority == bindparam("level"), _R.lane > bindparam("after"))
    .order_by(_R.lane, _R.due_at)
    .limit(1)
)
HEADS = (
    select(_R.message_id, _M.sender)
    .join(queue_messages, _M.id == _R.message_id)
    .where(
        *_OF,
        _R.priority == bindparam("level"),
        _R.lane == bindparam("side"),
        _R.due_at <= bindparam("now"),
    )
    .order_by(_R.due_at)
    .limit(bindparam("count"))
)
# A message's own rows are few. The conditions that an index of the queue could answer are written so that none is
# tempted to: without statistics SQLite would read through all that is due.
_NOT_HELD = func.coalesce(_R.held, 1) == 0
DUE_OF_MESSAGE = (
    select(_R.id, _R.lease_token)
    .where(
        _R.message_id == bindparam("of_message"),
        _NOT_HELD,
        func.coalesce(_R.destination, "") == bindparam("of"),
        _R.due_at <= bindparam("now"),
    )
    .order_by(_R.id)
    .limit(bindparam("count"))
)

RENEW = (
    update(queue_recipients)
    .where(_R.id == bindparam("of_id"), _R.lease_token == bindparam("token"))
    .values(lease_until=bindparam("until"), due_at=bindparam("until"))
)

# what waits too long
_WAITING = or_(_R.lease_token == "", _R.lease_until <= bindparam("now"))
TAKE_WAITING = (
    update(queue_recipients)
    .where(_R.id == bindparam("of_id"), _R.held == 0, _R.lease_token == bindparam("seen_token"), _WAITING)
    .values(
        lease_token=bindparam("new_token"),
        lease_owner=bindparam("new_owner"),
        lease_until=bindparam("until"),
        due_at=bindparam("until"),
        attempts=_R.attempts + 1,
    )
)
_OVERDUE = select(
    _R.id,
    _R.destination,
    _R.due_at,
    _R.expires_at,
    _R.lease_token,
    _R.lease_until,
    _R.delay_told,
    _R.hold,
    _R.not_before,
    _M.received_at,
    _M.deliver_by,
    _M.by_mode,
    _M.sender,
    _M.kind,
    _R.notify,
).join(queue_messages, _M.id == _R.message_id)


def _in_turn(statement: Select[Any]) -> Select[Any]:
    """By the time of expiry, onwards from the last row seen."""
    place = _R.expires_at == bindparam("after"), _R.id > bindparam("after_id")
    return (
        statement.where(
            _R.expires_at >= bindparam("after"),
            _R.expires_at <= bindparam("upto"),
            or_(_R.expires_at > bindparam("after"), and_(*place)),
        )
        .order_by(_R.expires_at, _R.id)
        .limit(bindparam("count"))
    )


SELECT_BY_EXPIRY = _in_turn(_OVERDUE.where(_R.held == 0))
SELECT_HELD_BY_EXPIRY = _in_turn(_OVERDUE.where(_R.held == 1))
SELECT_BY_DEADLINE = (
    _OVERDUE.where(_M.deliver_by > bindparam("after"), _M.deliver_by <= bindparam("upto"), _NOT_HELD)
    .order_by(_M.deliver_by)
    .limit(bindparam("count"))
)
RELEASE_EXPIRED = (
    update(queue_recipients)
    .where(_R.id == bindparam("of_id"), _R.held == 1, _R.hold == HOLD_ROUTE)
    .values(held=0, hold="", due_at=bindparam("now"))
)
