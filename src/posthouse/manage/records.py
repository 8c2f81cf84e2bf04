"""The audit: who changed what, when, from where. Rows are only ever added."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, insert, select

from posthouse.database import schema

audit = schema.table(
    "audit",
    Column("id", schema.ident(), primary_key=True),
    Column("at", schema.real(), nullable=False),
    Column("actor", schema.key_text(255), nullable=False),
    Column("source", schema.key_text(100), nullable=False),
    Column("use", schema.ascii_text(60), nullable=False),
    Column("subject", schema.key_text(400), nullable=False),
    Column("before", schema.text(), nullable=False),
    Column("after", schema.text(), nullable=False),
    Index(None, "at"),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)
"""``use`` is the name of the use, ``subject`` the thing changed. ``before`` and ``after`` are JSON
objects, secrets masked; "" where there is no before or after. ``at`` is in seconds since 1970."""

INSERT_AUDIT = insert(audit).values(
    {column.name: bindparam(column.name) for column in audit.c if column.name != "id"}
)
SELECT_AUDIT = (
    select(
        audit.c.id,
        audit.c.at,
        audit.c.actor,
        audit.c.source,
        audit.c.use,
        audit.c.subject,
        audit.c.before,
        audit.c.after,
    )
    .order_by(audit.c.id.desc())
    .limit(bindparam("count"))
)
