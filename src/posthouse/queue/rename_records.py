"""Statements that put another name of a domain into what is under way.

Quoted local parts with an ``@`` of their own are left alone: they find their way by the account that was noted when
they were accepted, or by the old name while that is kept.
"""

from __future__ import annotations

from sqlalchemy import String, bindparam, func, or_, update

from posthouse.queue.contract import LIST, LOCAL
from posthouse.queue.records import queue_messages, queue_recipients

_M, _R = queue_messages.c, queue_recipients.c
_ENDING = bindparam("ending", type_=String)

RENAME_RECIPIENTS = (
    update(queue_recipients)
    .where(
        _R.recipient.like(_ENDING),
        _R.recipient.not_like("%@%@%"),
        or_(_R.destination == LOCAL, _R.destination.like(f"{LIST}%")),
    )
    .values({_R.recipient: func.replace(_R.recipient, bindparam("old_at"), bindparam("new_at"))})
)
RENAME_SENDERS = (
    update(queue_messages)
    .where(_M.sender.like(_ENDING), _M.sender.not_like("%@%@%"))
    .values({_M.sender: func.replace(_M.sender, bindparam("old_at"), bindparam("new_at"))})
)
