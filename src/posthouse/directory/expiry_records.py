"""Whose password expires, and who was told so."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, case, delete, or_, select

from posthouse.database import schema
from posthouse.directory.records import accounts

expiry_warnings = schema.table(
    "expiry_warnings",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("changed_at", schema.real(), nullable=False),
)
"""``changed_at``: when the password was set whose expiry the owner was told of. Another password is told of anew."""

_SINCE = case(
    (accounts.c.password_changed_at > 0, accounts.c.password_changed_at), else_=accounts.c.created_at
)
SELECT_SINCE = select(_SINCE, accounts.c.source).where(accounts.c.id == bindparam("of_account"))
SELECT_DUE = (
    select(accounts.c.id, accounts.c.address, accounts.c.language, _SINCE)
    .outerjoin(expiry_warnings, expiry_warnings.c.account_id == accounts.c.id)
    .where(
        accounts.c.id > bindparam("after"),
        accounts.c.active == 1,
        accounts.c.source == "",
        accounts.c.password_hash != "",
        bindparam("before") >= _SINCE,
        or_(expiry_warnings.c.changed_at.is_(None), expiry_warnings.c.changed_at < _SINCE),
    )
    .order_by(accounts.c.id)
    .limit(bindparam("count"))
)
DELETE = delete(expiry_warnings).where(expiry_warnings.c.account_id == bindparam("of_account"))
SWEEP = delete(expiry_warnings).where(expiry_warnings.c.account_id.not_in(select(accounts.c.id)))
