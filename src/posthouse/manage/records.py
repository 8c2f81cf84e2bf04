"""The audit: who changed what, when, from where. Rows are only ever added."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, bindparam, func, insert, select

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
audit_places = schema.table(
    "audit_places",
    Column("place", schema.key_text(320), primary_key=True),
    Column("audit_id", schema.big(), primary_key=True, autoincrement=False),
)
"""Whom a line concerns: the domain and the address of its subject, and the address of its actor. Domain
administrators and users find theirs by it."""

INSERT_AUDIT_PLACE = insert(audit_places).values(place=bindparam("place"), audit_id=bindparam("audit_id"))

MOST_COUNTED = 10_000
"""Lines are counted up to here: nobody turns pages further, and the audit grows for years."""


def _audit_filter(scoped: bool, about: bool) -> list[Any]:
    found = [
        audit.c.at >= bindparam("since"),
        audit.c.at < bindparam("until"),
        audit.c.actor.like(bindparam("actor"), escape="!"),
        audit.c.use.like(bindparam("use"), escape="!"),
    ]
    if about:
        found.append(audit.c.subject.like(bindparam("subject"), escape="!"))
    if scoped:
        mine = select(audit_places.c.audit_id).where(
            audit_places.c.place.in_(bindparam("places", expanding=True))
        )
        found.append(audit.c.id.in_(mine))
    return found


SELECT_AUDIT = {
    (scoped, about): select(
        audit.c.id,
        audit.c.at,
        audit.c.actor,
        audit.c.source,
        audit.c.use,
        audit.c.subject,
        audit.c.before,
        audit.c.after,
    )
    .where(audit.c.id < bindparam("below"), *_audit_filter(scoped, about))
    .order_by(audit.c.id.desc())
    .limit(bindparam("count"))
    for scoped in (False, True)
    for about in (False, True)
}
COUNT_AUDIT = {
    (scoped, about): select(func.count()).select_from(
        select(audit.c.id)
        .where(*_audit_filter(scoped, about))
        .order_by(audit.c.id.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    for scoped in (False, True)
    for about in (False, True)
}
"""By (limited to places, with a subject)."""
