"""The statements of giving away what waits for a route."""

from __future__ import annotations

from sqlalchemy import bindparam, select, update

from posthouse.queue.records import queue_recipients

_R = queue_recipients.c

SELECT_OF_DESTINATION = (
    select(_R.id, _R.lease_token, _R.hold, _R.not_before)
    .where(
        _R.held.in_((0, 1)),  # any: so that the index is of use
        _R.destination == bindparam("of_destination"),
        _R.id > bindparam("after"),
    )
    .order_by(_R.id)
    .limit(bindparam("count"))
)
RELEASE = (
    update(queue_recipients)
    .where(_R.id == bindparam("of_id"), _R.lease_token == "")
    .values(due_at=bindparam("now"), held=0, hold="")
)
