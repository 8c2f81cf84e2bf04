"""Bounces that came back to addresses of ours. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, bindparam, delete, func, insert, or_, select

from posthouse.database import schema

bounces = schema.table(
    "bounces",
    Column("id", schema.ident(), primary_key=True),
    Column("mark", schema.digest(), nullable=False, unique=True),
    Column("at", schema.real(), nullable=False),
    Column("sender", schema.key_text(400), nullable=False),
    Column("recipient", schema.key_text(400), nullable=False),
    Column("cause", schema.ascii_text(20), nullable=False),
    Column("action", schema.ascii_text(20), nullable=False),
    Column("status", schema.ascii_text(16), nullable=False),
    Column("said", schema.text(), nullable=False),
    Column("envid", schema.key_text(255), nullable=False),
    Column("message_id", schema.key_text(255), nullable=False),
    Column("certain", schema.small(), nullable=False),
    Index(None, "at"),
    Index(None, "sender", "at"),
)
"""``mark`` is a hash over bounce and recipient, so that each is taken once. ``sender`` is whose mail came back.
``certain``: the return path was one of ours for this recipient (VERP), so nobody made the bounce up."""

_B = bounces.c
_ALL = tuple(column for column in _B if column.name != "id")

INSERT = insert(bounces).values({column.name: bindparam(column.name) for column in _ALL})
SELECT_MARK = select(_B.id).where(_B.mark == bindparam("mark"))

_FOUND: tuple[Any, ...] = (
    or_(
        _B.sender.like(bindparam("pattern"), escape="!"),
        _B.recipient.like(bindparam("pattern"), escape="!"),
        func.lower(_B.said).like(bindparam("pattern"), escape="!"),
    ),
    _B.cause.like(bindparam("cause"), escape="!"),
    _B.at >= bindparam("since"),
)
_BELOW = _B.id < bindparam("below")
_OF = _B.sender == bindparam("sender")
SELECT_PAGE = select(_B.id, *_ALL).where(_BELOW, *_FOUND).order_by(_B.id.desc()).limit(bindparam("count"))
COUNT_FOUND = select(func.count()).select_from(bounces).where(*_FOUND)
SELECT_PAGE_OF = SELECT_PAGE.where(_OF)
COUNT_FOUND_OF = COUNT_FOUND.where(_OF)
COUNT_CAUSES = (
    select(_B.cause, func.count()).where(_B.at >= bindparam("since")).group_by(_B.cause).order_by(_B.cause)
)
SELECT_OLD = select(_B.id).where(_B.at < bindparam("before")).order_by(_B.at).limit(500)
DELETE = delete(bounces).where(_B.id == bindparam("of_id"))
