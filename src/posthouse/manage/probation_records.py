"""Changes on probation, waiting to be confirmed. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, select, update

from posthouse.database import schema

probations = schema.table(
    "probations",
    Column("id", schema.ident(), primary_key=True),
    Column("at", schema.real(), nullable=False),
    Column("deadline", schema.real(), nullable=False),
    Column("use", schema.ascii_text(60), nullable=False),
    Column("subject", schema.key_text(400), nullable=False),
    Column("summary", schema.text(), nullable=False),
    Column("undo", schema.ascii_text(60), nullable=False),
    Column("parameters", schema.text(), nullable=False),
    Column("actor", schema.key_text(255), nullable=False),
    Column("actor_id", schema.big(), nullable=False),
    Index(None, "subject"),
    sqlite_autoincrement=True,
)
"""``undo`` and ``parameters`` (JSON) say how ``subject`` gets back to what it was before. ``deadline`` 0: the
time begins at the server's next start, when the change takes effect. ``actor_id`` is the account of the one who
changed it, 0 for the machine's own administrator."""

_ALL = tuple(probations.c)

SELECT_ALL = select(*_ALL).order_by(probations.c.id)
SELECT_ONE = select(*_ALL).where(probations.c.id == bindparam("of_id"))
SELECT_NEWER = (
    select(probations.c.id)
    .where(probations.c.subject == bindparam("subject"), probations.c.id > bindparam("of_id"))
    .order_by(probations.c.id)
    .limit(1)
)
SELECT_DUE = (
    select(probations.c.id)
    .where(probations.c.deadline > 0, probations.c.deadline <= bindparam("now"))
    .order_by(probations.c.id.desc())
    .limit(50)
)
SELECT_NEXT = select(func.min(probations.c.deadline)).where(probations.c.deadline > 0)
SELECT_LAST = select(func.max(probations.c.deadline)).where(probations.c.deadline > 0)
COUNT = select(func.count()).select_from(probations)
INSERT = insert(probations).values(
    {column.name: bindparam(column.name) for column in probations.c if column.name != "id"}
)
HAND_DOWN = (
    update(probations)
    .where(probations.c.id == bindparam("of_id"))
    .values(undo=bindparam("new_undo"), parameters=bindparam("new_parameters"))
)
BEGIN = update(probations).where(probations.c.deadline == 0).values(deadline=bindparam("new_deadline"))
BRING_FORWARD = (
    update(probations)
    .where(probations.c.deadline > bindparam("latest"))
    .values(deadline=bindparam("new_deadline"))
)
DELETE = delete(probations).where(probations.c.id == bindparam("of_id"))
DELETE_UPTO = delete(probations).where(
    probations.c.subject == bindparam("of_subject"), probations.c.id <= bindparam("upto")
)
DELETE_SUBJECT = delete(probations).where(probations.c.subject == bindparam("of_subject"))
