"""The table of kept bodies and its statements. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, select, update

from posthouse.database import schema

bodies = schema.table(
    "bodies",
    Column("digest", schema.digest(), primary_key=True),
    Column("size", schema.big(), nullable=False),
    Column("created_at", schema.big(), nullable=False),
    Column("condemned_at", schema.big(), nullable=True),
    sqlite_with_rowid=False,
)
"""One row for each body file that something refers to. ``condemned_at`` is when the removal job found nothing
that does; NULL while it lives."""

SELECT_BODY = select(bodies.c.size, bodies.c.condemned_at).where(bodies.c.digest == bindparam("digest"))
REVIVE = update(bodies).where(bodies.c.digest == bindparam("of_digest")).values(condemned_at=None)
CONDEMN = (
    update(bodies)
    .where(bodies.c.digest == bindparam("of_digest"), bodies.c.condemned_at.is_(None))
    .values(condemned_at=bindparam("now"))
)
DELETE_BODY = delete(bodies).where(bodies.c.digest == bindparam("of_digest"))
SELECT_AFTER = (
    select(bodies.c.digest, bodies.c.size, bodies.c.condemned_at)
    .where(bodies.c.digest > bindparam("after"))
    .order_by(bodies.c.digest)
    .limit(bindparam("count"))
)
SELECT_KNOWN = select(bodies.c.digest).where(bodies.c.digest.in_(bindparam("digests", expanding=True)))
