"""What set-up remembers: few named texts."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, select

from posthouse.database import schema

setup_notes = schema.table(
    "setup_notes",
    Column("name", schema.ascii_text(40), primary_key=True),
    Column("value", schema.text(), nullable=False),
)
"""``draft``: what was answered so far; ``done``: when set-up ended; ``todo``: what is left; ``outward``: the test
message that was sent out last. JSON each."""

SELECT_NOTE = select(setup_notes.c.value).where(setup_notes.c.name == bindparam("name"))
