"""Statements about mail that is to be sent later, by the account that handed it in."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, exists, select

from posthouse.queue.records import queue_messages, queue_recipients

_M, _R = queue_messages.c, queue_recipients.c

SELECT_SCHEDULED = (
    select(_M.id, _M.trace, _M.sender, _M.size, _M.received_at, _R.recipient, _R.not_before)
    .join(queue_recipients, _R.message_id == _M.id)
    .where(_M.account_id == bindparam("of_account"), _R.not_before > bindparam("now"))
    .order_by(_M.id, _R.id)
    .limit(bindparam("count"))
)
SELECT_SCHEDULED_OF = (
    select(_R.id, _R.recipient, _M.trace)
    .join(queue_messages, _R.message_id == _M.id)
    .where(
        _M.id == bindparam("of_message"),
        _M.account_id == bindparam("of_account"),
        _R.not_before > bindparam("now"),
    )
    .order_by(_R.id)
)
DELETE_SCHEDULED = delete(queue_recipients).where(
    _R.id == bindparam("of_id"), _R.lease_token == "", _R.not_before > bindparam("now")
)
DELETE_EMPTY = delete(queue_messages).where(
    _M.id == bindparam("of_message"), ~exists().where(_R.message_id == bindparam("of_message"))
)
