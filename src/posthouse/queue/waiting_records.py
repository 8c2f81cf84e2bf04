"""The statement that asks whether a message waits for a mailbox."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from posthouse.queue.contract import LOCAL
from posthouse.queue.records import queue_messages, queue_recipients

_M, _R = queue_messages.c, queue_recipients.c

SELECT_WAITING = (
    select(_R.id)
    .join(queue_messages, _M.id == _R.message_id)
    .where(_M.body == bindparam("body"), _R.account_id == bindparam("of_account"), _R.destination == LOCAL)
    .limit(1)
)
