"""The audit: who changed what, when, from where. Rows are only ever added."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Column, Index, Select, bindparam, delete, func, insert, select, update

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

_P = audit_places.c.place
SELECT_PLACES = select(_P, audit_places.c.audit_id).where(
    (bindparam("name") == _P) | _P.like(bindparam("ending"))
)
DELETE_PLACE = delete(audit_places).where(
    bindparam("of_place") == _P, audit_places.c.audit_id == bindparam("of_audit")
)
RENAME_PLACES = (
    update(audit_places)
    .where(_P.like(bindparam("ending")), _P.not_like("%@%@%"))
    .values({_P: func.replace(_P, bindparam("old_at"), bindparam("new_at"))})
)
RENAME_PLACE = update(audit_places).where(bindparam("name") == _P).values({_P: bindparam("new_name")})

MOST_COUNTED = 10_000
"""Lines are counted up to here: nobody turns pages further, and the audit grows for years."""


_ASKED: dict[str, Any] = {
    "since": audit.c.at >= bindparam("since"),
    "until": audit.c.at < bindparam("until"),
    "actor": audit.c.actor.like(bindparam("actor"), escape="!"),
    "use": audit.c.use.like(bindparam("use"), escape="!"),
    "subject": audit.c.subject.like(bindparam("subject"), escape="!"),
}


def _audit_filter(asked: frozenset[str]) -> list[Any]:
    # Only what is asked for: a condition that always holds makes SQLite read and sort the whole table.
    found = [condition for name, condition in _ASKED.items() if name in asked]
    if "places" in asked:
        mine = select(audit_places.c.audit_id).where(
            audit_places.c.place.in_(bindparam("places", expanding=True))
        )
        found.append(audit.c.id.in_(mine))
    return found


@cache
def select_audit(asked: frozenset[str]) -> Select[Any]:
    """A page of lines, where only these parameters are asked for: ``since``, ``until``, ``actor``, ``use``,
    ``subject``, ``places``."""
    columns = (audit.c.id, audit.c.at, audit.c.actor, audit.c.source, audit.c.use, audit.c.subject)
    return (
        select(*columns, audit.c.before, audit.c.after)
        .where(audit.c.id < bindparam("below"), *_audit_filter(asked))
        .order_by(audit.c.id.desc())
        .limit(bindparam("count"))
    )


@cache
def count_audit(asked: frozenset[str]) -> Select[Any]:
    """How many lines there are for these parameters, up to :data:`MOST_COUNTED`."""
    some = select(audit.c.id).where(*_audit_filter(asked)).order_by(audit.c.id.desc()).limit(MOST_COUNTED)
    return select(func.count()).select_from(some.subquery())
