"""What the backups remember: the last result, and how far a restore has come."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, select

from posthouse.database import schema

backup_state = schema.table(
    "backup_state",
    Column("name", schema.ascii_text(40), primary_key=True),
    Column("value", schema.text(), nullable=False),
)
"""JSON values by name: ``last`` (the newest run), ``good`` (the newest that worked), ``restoring`` (a restore that has
not ended). Not part of any backup."""

SELECT_STATE = select(backup_state.c.value).where(backup_state.c.name == bindparam("name"))
DELETE_STATE = delete(backup_state).where(backup_state.c.name == bindparam("name"))
