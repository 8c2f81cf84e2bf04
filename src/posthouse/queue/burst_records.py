"""The statements that find the mail of one account that is held because it sent too much at once."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from posthouse.queue.contract import HOLD_BURST
from posthouse.queue.records import queue_messages, queue_recipients

_R = queue_recipients.c
_M = queue_messages.c

_OF = (_M.account_id == bindparam("of_account"), _R.held == 1, _R.hold == HOLD_BURST)

SELECT_HELD = (
    select(_R.id)
    .join(queue_messages, _M.id == _R.message_id)
    .where(*_OF, _R.id > bindparam("after"))
    .order_by(_R.id)
    .limit(bindparam("count"))
)
_SOME = (
    select(_R.id)
    .join(queue_messages, _M.id == _R.message_id)
    .where(*_OF)
    .order_by(_R.id)
    .limit(bindparam("count"))
    .subquery("some")
)
COUNT_HELD = select(func.count()).select_from(_SOME)
SELECT_SAMPLES = (
    select(_M.id, _M.trace, _M.body, _M.sender, _M.size, _M.received_at, _R.recipient)
    .join(queue_messages, _M.id == _R.message_id)
    .where(*_OF)
    .order_by(_R.id)
    .limit(bindparam("count"))
)
