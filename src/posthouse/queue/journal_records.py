"""Statements about copies for journals in the queue."""

from __future__ import annotations

from sqlalchemy import bindparam, func, select

from posthouse.queue.contract import JOURNAL
from posthouse.queue.records import queue_messages, queue_recipients

_some = (
    select(queue_recipients.c.id)
    .join(queue_messages, queue_messages.c.id == queue_recipients.c.message_id)
    .where(queue_recipients.c.held == 1, queue_messages.c.kind == JOURNAL)
    .order_by(queue_recipients.c.id)
    .limit(bindparam("count"))
    .subquery("some")
)
COUNT_HELD = select(func.count()).select_from(_some)
