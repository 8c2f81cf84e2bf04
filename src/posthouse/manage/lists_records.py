"""Posts that wait for a moderator: rows of the queue, held for that reason."""

from __future__ import annotations

from sqlalchemy import bindparam, select

from posthouse.queue.contract import HOLD_LIST
from posthouse.queue.records import queue_messages, queue_recipients

_R, _Q = queue_recipients.c, queue_messages.c
_HELD = (_R.destination == bindparam("destination"), _R.held == 1, _R.hold == HOLD_LIST)

SELECT_HELD = (
    select(_R.id, _Q.sender, _Q.size, _Q.received_at, _R.reason, _Q.body, _Q.trace)
    .join(queue_messages, _Q.id == _R.message_id)
    .where(*_HELD)
    .order_by(_R.id)
    .limit(bindparam("count"))
)
SELECT_ONE_HELD = select(_R.id, _R.message_id).where(*_HELD, _R.id == bindparam("of_row"))
