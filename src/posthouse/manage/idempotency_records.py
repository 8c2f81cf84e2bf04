"""Answers kept for clients that may ask the same again."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, select, update

from posthouse.database import schema

idempotency = schema.table(
    "idempotency",
    Column("name", schema.digest(), primary_key=True),
    Column("request", schema.digest(), nullable=False),
    Column("at", schema.real(), nullable=False),
    Column("answer", schema.blob(), nullable=False),
    Index(None, "at"),
)
"""``name`` is the hash of who asks and their key, ``request`` that of the request. ``answer`` is the answer, encrypted;
empty while the first request runs. ``at`` is in seconds since 1970."""

SELECT_ONE = select(idempotency.c.request, idempotency.c.at, idempotency.c.answer).where(
    idempotency.c.name == bindparam("b_name")
)
SET_ANSWER = (
    update(idempotency).where(idempotency.c.name == bindparam("b_name")).values(answer=bindparam("b_answer"))
)
DELETE_ONE = delete(idempotency).where(idempotency.c.name == bindparam("b_name"))
SELECT_OLD = (
    select(idempotency.c.name)
    .where(idempotency.c.at < bindparam("b_before"))
    .order_by(idempotency.c.at)
    .limit(bindparam("b_count"))
)
