"""The table of events and its statements."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, func, insert, select

from posthouse.database import schema

events = schema.table(
    "events",
    Column("id", schema.ident(), primary_key=True),
    Column("at", schema.real(), nullable=False),
    Column("kind", schema.ascii_text(60), nullable=False),
    Column("domain", schema.key_text(255), nullable=False),
    Column("account", schema.key_text(320), nullable=False),
    Column("data", schema.text(), nullable=False),
    sqlite_autoincrement=True,
)
"""``domain`` and ``account`` are whom an event concerns, "" for the server as a whole; ``data`` is a JSON object.
``at`` in seconds since 1970. There is no index beside the key: a row is written for every message."""

_E = events.c
_ALL = select(_E.id, _E.at, _E.kind, _E.domain, _E.account, _E.data)

INSERT = insert(events).values(
    {column.name: bindparam(column.name) for column in events.c if column.name != "id"}
)
SELECT_AFTER = _ALL.where(_E.id > bindparam("after")).order_by(_E.id).limit(bindparam("count"))
SELECT_BEFORE = _ALL.where(_E.id < bindparam("before")).order_by(_E.id.desc()).limit(bindparam("count"))
SELECT_NEWEST = select(func.max(_E.id))
SELECT_OLDEST = select(func.min(_E.id))
SELECT_OLD = select(_E.id, _E.at).order_by(_E.id).limit(bindparam("count"))
DELETE_UPTO = delete(events).where(_E.id <= bindparam("upto"))
