"""The statements of seeing and steering the queue. Each reads a stretch of rows along an index and never more.

``count`` bounds every stretch. Those that begin "from a place" go on behind the last row of the stretch before it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    bindparam,
    case,
    delete,
    func,
    or_,
    select,
    update,
)

from posthouse.queue.contract import EVENTS, WEBHOOK
from posthouse.queue.records import queue_messages, queue_recipients

_R = queue_recipients.c
_M = queue_messages.c

_COLUMNS = (
    _R.id,
    _R.message_id,
    _R.recipient,
    _R.destination,
    _R.due_at,
    _R.held,
    _R.hold,
    _R.not_before,
    _R.attempts,
    _R.status,
    _R.reason,
    _R.lease_token,
    _R.lease_until,
    _M.trace,
    _M.sender,
    _M.received_at,
    _M.size,
)


def _rows(*where: ColumnElement[bool], order: tuple[ColumnElement[Any], ...]) -> Select[Any]:
    joined = select(*_COLUMNS).join(queue_messages, _M.id == _R.message_id)
    return joined.where(*where).order_by(*order).limit(bindparam("count"))


# stretches of rows, each along one index
ROWS_ALL = _rows(_R.id > bindparam("after"), order=(_R.id,))
# Very many rows may be due at the same time: those are gone on with by id, and then come the later ones.
_SAME = (_R.due_at == bindparam("at"), _R.id > bindparam("after"))
_LATER = (_R.due_at > bindparam("at"),)
_BY_DUE = (_R.due_at, _R.id)
_HELD = (_R.held == bindparam("held"),)
_OF = (*_HELD, _R.destination == bindparam("destination"))
ROWS_HELD_SAME = _rows(*_HELD, *_SAME, order=(_R.id,))
ROWS_HELD_LATER = _rows(*_HELD, *_LATER, order=_BY_DUE)
ROWS_OF_DESTINATION_SAME = _rows(*_OF, *_SAME, order=(_R.id,))
ROWS_OF_DESTINATION_LATER = _rows(*_OF, *_LATER, order=_BY_DUE)
ROWS_OF_SENDER = _rows(
    _M.sender == bindparam("sender"),
    _M.id >= bindparam("at"),
    or_(_M.id > bindparam("at"), _R.id > bindparam("after")),
    order=(_M.id, _R.id),
)
ROWS_OF_MESSAGES = _rows(
    _R.message_id.in_(bindparam("messages", expanding=True)),
    _R.id > bindparam("after"),
    order=(_R.id,),
)
ROWS_BY_ID = _rows(_R.id.in_(bindparam("rows", expanding=True)), order=(_R.id,))

# the plain list: messages, oldest first, without what belongs to webhooks
MESSAGES_FROM = (
    select(_M.id, _M.body_type).where(_M.id > bindparam("after")).order_by(_M.id).limit(bindparam("count"))
)
LINES = (
    select(
        _M.id,
        _M.trace,
        _M.sender,
        _M.size,
        _M.received_at,
        func.count(_R.id),
        func.sum(_R.held),
        func.min(_R.due_at),
        func.max(_R.attempts),
        func.min(_R.id),
    )
    .join(queue_recipients, _R.message_id == _M.id)
    .where(_M.id.in_(bindparam("messages", expanding=True)))
    .group_by(_M.id, _M.trace, _M.sender, _M.size, _M.received_at)
    .order_by(_M.id)
)
SELECT_FIRST_OWED = select(_R.id, _R.recipient, _R.destination, _R.reason).where(
    _R.id.in_(bindparam("rows", expanding=True))
)
SELECT_RECIPIENTS_FROM = (
    select(
        _R.id,
        _R.recipient,
        _R.destination,
        _R.due_at,
        _R.expires_at,
        _R.attempts,
        _R.held,
        _R.hold,
        _R.not_before,
        _R.status,
        _R.remote,
        _R.reason,
        _R.lease_until,
        _R.notify,
    )
    .where(_R.message_id == bindparam("message_id"), _R.id > bindparam("after"))
    .order_by(_R.id)
    .limit(bindparam("count"))
)


def _counted(inner: Select[Any]) -> Select[int, Any]:
    """Counts no further than ``count`` rows."""
    some = inner.limit(bindparam("count")).subquery("some")
    return select(func.count(), func.min(some.c.id)).select_from(some)


# counting, as far as ``count``
COUNT_OF_DESTINATION = _counted(
    select(_R.id)
    .where(_R.held == bindparam("held"), _R.destination == bindparam("destination"))
    .order_by(_R.due_at, _R.id)
)
COUNT_OF_SENDER = _counted(
    select(_M.id).where(_M.sender == bindparam("sender"), _M.body_type != EVENTS).order_by(_M.id)
)
COUNT_MESSAGES = _counted(select(_M.id).where(_M.body_type != EVENTS).order_by(_M.id))
COUNT_DUE = _counted(
    select(_R.id).where(_R.held == 0, _R.due_at <= bindparam("now")).order_by(_R.due_at, _R.id)
)

# from name to name along an index, however many rows each has
NEXT_DESTINATION = (
    select(_R.destination)
    .where(_R.held == bindparam("held"), _R.destination > bindparam("after"))
    .order_by(_R.held, _R.destination)
    .limit(1)
)
FIRST_DESTINATION = (
    select(_R.destination)
    .where(_R.held == bindparam("held"), _R.destination >= bindparam("begins"))
    .order_by(_R.held, _R.destination)
    .limit(1)
)
FIRST_SENDER = (
    select(_M.sender).where(_M.sender >= bindparam("begins"), _M.sender != "").order_by(_M.sender).limit(1)
)
NEXT_SENDER = select(_M.sender).where(_M.sender > bindparam("after")).order_by(_M.sender).limit(1)
FIRST_OF_SENDER = (
    select(_M.id, _M.received_at)
    .where(_M.sender == bindparam("sender"), _M.body_type != EVENTS)
    .order_by(_M.id)
    .limit(1)
)
FIRST_DUE = (
    select(_R.due_at)
    .where(_R.held == 0, _R.destination == bindparam("destination"))
    .order_by(_R.due_at, _R.id)
    .limit(1)
)
RECEIVED_OF = (
    select(_M.received_at).join(queue_recipients, _R.message_id == _M.id).where(_R.id == bindparam("row"))
)
# The one due last was most likely tried last.
LAST_WORDS = (
    select(_R.reason, _R.status, _R.remote, _R.attempts)
    .where(_R.held == bindparam("held"), _R.destination == bindparam("destination"))
    .order_by(_R.due_at.desc(), _R.id.desc())
    .limit(5)
)

# why, over a stretch of rows
_STRETCH = (
    select(_R.id, _R.status, _R.hold, _R.held, _R.attempts, _R.destination)
    .where(_R.id > bindparam("after"))
    .order_by(_R.id)
    .limit(bindparam("count"))
    .subquery("stretch")
)
_TRIED = case((_STRETCH.c.attempts > 0, 1), else_=0)
REASONS = (
    select(_STRETCH.c.status, _STRETCH.c.hold, _TRIED.label("tried"), func.count(), func.max(_STRETCH.c.id))
    .where(_STRETCH.c.destination.not_like(f"{WEBHOOK}%"))
    .group_by(_STRETCH.c.status, _STRETCH.c.hold, _TRIED)
)
END_OF_STRETCH = select(func.count(), func.max(_STRETCH.c.id)).select_from(_STRETCH)
WORDS_OF = select(_R.reason, _R.destination).where(_R.id == bindparam("row"))

# changing
_THESE = (
    _R.id.in_(bindparam("rows", expanding=True)),
    or_(_R.lease_token == "", _R.lease_until <= bindparam("now")),
)
_FREED: dict[str, object] = {"lease_token": "", "lease_owner": "", "lease_until": 0.0}
HOLD = update(queue_recipients).where(*_THESE).values(**_FREED, held=1, hold=bindparam("new_hold"))
_LONGER = case((_R.expires_at < bindparam("least"), bindparam("least")), else_=_R.expires_at)
RELEASE = (
    update(queue_recipients)
    .where(*_THESE)
    .values(
        **_FREED,
        held=0,
        hold="",
        due_at=case((_R.not_before > bindparam("now"), _R.not_before), else_=bindparam("now")),
        expires_at=_LONGER,
    )
)
RETRY = (
    update(queue_recipients)
    .where(*_THESE)
    .values(**_FREED, held=0, hold="", due_at=bindparam("now"), not_before=0.0, expires_at=_LONGER)
)
BOUNCE = (
    update(queue_recipients)
    .where(*_THESE)
    .values(**_FREED, held=0, hold="", due_at=bindparam("now"), not_before=0.0, expires_at=0.0)
)
LOCK_MESSAGES = select(_M.id).where(_M.id.in_(bindparam("messages", expanding=True))).order_by(_M.id)
LOCK_ROWS = select(_R.id).where(*_THESE).order_by(_R.id)
DELETE_ROWS = delete(queue_recipients).where(_R.id.in_(bindparam("rows", expanding=True)))
DELETE_EMPTY = delete(queue_messages).where(
    _M.id.in_(bindparam("messages", expanding=True)),
    ~select(_R.id).where(_R.message_id == _M.id).exists(),
)
