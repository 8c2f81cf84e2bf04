"""Posts to distribution lists on their way: how far each came, and what a moderator decided."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, insert, select, update

from posthouse.database import schema

list_progress = schema.table(
    "list_progress",
    Column("row_id", schema.big(), primary_key=True, autoincrement=False),
    Column("list_id", schema.big(), nullable=False),
    Column("reached", schema.key_text(400), nullable=False),
    Column("verdict", schema.ascii_text(10), nullable=False),
    Column("words", schema.text(), nullable=False),
)
"""How far a post (a row of the queue) came: everybody up to the address ``reached`` has it. ``verdict``: what a
moderator decided, ``approved`` or ``rejected``."""

_S = list_progress.c

SELECT = select(_S.reached, _S.verdict, _S.words).where(_S.row_id == bindparam("of_row"))
INSERT = insert(list_progress).values({column.name: bindparam(column.name) for column in _S})
UPDATE_REACHED = (
    update(list_progress).where(_S.row_id == bindparam("of_row")).values(reached=bindparam("new_reached"))
)
DELETE = delete(list_progress).where(_S.row_id.in_(bindparam("rows", expanding=True)))
