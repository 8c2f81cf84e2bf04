"""Where copies of all mail are sent, of the whole server or of domains."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, select

from posthouse.database import schema

journals = schema.table(
    "journals",
    Column("domain_id", schema.big(), primary_key=True, autoincrement=False),
    Column("address", schema.key_text(320), nullable=False),
    Column("mail", schema.ascii_text(16), nullable=False),
    Column("form", schema.ascii_text(16), nullable=False),
    Column("active", schema.small(), nullable=False),
)
"""``domain_id`` 0: of the whole server. ``mail``: ``all``, ``incoming`` or ``outgoing``; ``form``: ``report`` (the
message in a report of its envelope) or ``copy`` (the message itself)."""

_J = journals.c

SELECT_ALL = select(_J.domain_id, _J.address, _J.mail, _J.form, _J.active).order_by(_J.domain_id)
SELECT = select(_J.domain_id, _J.address, _J.mail, _J.form, _J.active).where(
    _J.domain_id == bindparam("of_id")
)
DELETE = delete(journals).where(_J.domain_id == bindparam("of_id"))
