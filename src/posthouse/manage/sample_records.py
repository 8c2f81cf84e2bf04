"""Measurements over time, for the plots of the status page. Times are whole seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, select

from posthouse.database import schema

samples = schema.table(
    "samples",
    Column("topic", schema.ascii_text(40), primary_key=True),
    Column("at", schema.big(), primary_key=True, autoincrement=False),
    Column("span", schema.big(), nullable=False),
    Column("value", schema.real(), nullable=False),
    Index(None, "span", "at"),
)
"""``value`` is the mean over ``span`` seconds from ``at`` on."""

INSERT = insert(samples).values({column.name: bindparam(column.name) for column in samples.c})

SELECT_OLD = (
    select(samples.c.topic, samples.c.at, samples.c.value)
    .where(samples.c.span == bindparam("of_span"), samples.c.at < bindparam("before"))
    .order_by(samples.c.span, samples.c.at)
    .limit(bindparam("count"))
)
"""What is to be thinned, oldest first."""

DELETE_ONE = delete(samples).where(
    samples.c.topic == bindparam("of_topic"), samples.c.at == bindparam("of_at")
)
DELETE_OLD = delete(samples).where(samples.c.at < bindparam("before"), samples.c.at >= bindparam("since"))
SELECT_FIRST = select(func.min(samples.c.at))

_bucket = (
    select((samples.c.at - samples.c.at % bindparam("width")).label("begin"), samples.c.value.label("value"))
    .where(
        samples.c.topic == bindparam("of_topic"),
        samples.c.at >= bindparam("since"),
        samples.c.at < bindparam("until"),
    )
    .subquery()
)
SELECT_HISTORY = (
    select(_bucket.c.begin, func.avg(_bucket.c.value)).group_by(_bucket.c.begin).order_by(_bucket.c.begin)
)
