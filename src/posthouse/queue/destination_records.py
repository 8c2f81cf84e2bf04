"""The table of destinations of which there is something to remember, and its statements. Times are seconds since 1970.

Most destinations have no row: they take mail, and nobody paused them.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, or_, select, update

from posthouse.database import schema

queue_destinations = schema.table(
    "queue_destinations",
    Column("destination", schema.key_text(400), primary_key=True),
    Column("paused", schema.small(), nullable=False),
    Column("paused_by", schema.key_text(320), nullable=False),
    Column("paused_at", schema.real(), nullable=False),
    Column("down_until", schema.real(), nullable=False),
    Column("failures", schema.big(), nullable=False),
    Column("reason", schema.text(), nullable=False),
    Column("tried_at", schema.real(), nullable=False),
    Column("worked_at", schema.real(), nullable=False),
    Index(None, "paused"),
    Index(None, "failures", "tried_at"),
)
"""``paused``: an administrator wants nothing sent there. ``failures`` in a row (0: it works), the last at ``tried_at``
for ``reason``; it is left alone until ``down_until``. ``worked_at``: when it worked again after failures."""

_D = queue_destinations.c

SELECT_STATE = select(*_D).where(_D.destination == bindparam("of"))
SELECT_STATES = select(*_D).where(_D.destination.in_(bindparam("names", expanding=True)))
SELECT_PAUSED = (
    select(_D.destination).where(_D.paused == 1).order_by(_D.destination).limit(bindparam("count"))
)
SELECT_STATE_PAGE = (
    select(*_D)
    .where(_D.destination > bindparam("after"), or_(_D.paused == 1, _D.failures > 0))
    .order_by(_D.destination)
    .limit(bindparam("count"))
)
SELECT_FAILING = (
    select(*_D)
    .where(_D.failures >= bindparam("least"))
    .order_by(_D.failures.desc(), _D.tried_at.desc())
    .limit(bindparam("count"))
)
SET_PAUSED = (
    update(queue_destinations)
    .where(_D.destination == bindparam("of"))
    .values(paused=bindparam("to"), paused_by=bindparam("who"), paused_at=bindparam("now"))
)
SET_DOWN = (
    update(queue_destinations)
    .where(_D.destination == bindparam("of"))
    .values(
        down_until=bindparam("until"),
        failures=bindparam("times"),
        reason=bindparam("why"),
        tried_at=bindparam("now"),
    )
)
SET_WELL = (
    update(queue_destinations)
    .where(_D.destination == bindparam("of"), _D.failures > 0)
    .values(down_until=0.0, failures=0, worked_at=bindparam("now"))
)
SET_AWAKE = (
    update(queue_destinations)
    .where(_D.destination == bindparam("of"), _D.down_until > 0)
    .values(down_until=0.0)
)
SET_ALL_AWAKE = update(queue_destinations).where(_D.down_until > 0).values(down_until=0.0)
SELECT_OLD = (
    select(_D.destination)
    .where(_D.paused == 0, _D.tried_at < bindparam("before"), _D.down_until < bindparam("now"))
    .order_by(_D.destination)
    .limit(bindparam("count"))
)
DELETE_OLD = delete(queue_destinations).where(_D.destination == bindparam("of"), _D.paused == 0)
