"""Who may administer what. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column

from posthouse.database import schema

account_roles = schema.table(
    "account_roles",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("role", schema.ascii_text(10), nullable=False),
)
"""``server`` or ``domain``; an account without a row is an ordinary user."""

administered_domains = schema.table(
    "administered_domains",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("domain_id", schema.big(), primary_key=True, autoincrement=False),
)
"""Which domains a domain administrator looks after."""
