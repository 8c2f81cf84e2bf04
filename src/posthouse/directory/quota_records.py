"""How many messages accounts may hold, and at which level their owners were warned last."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, select

from posthouse.database import schema
from posthouse.directory.records import accounts, domains

account_limits = schema.table(
    "account_limits",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("max_messages", schema.big(), nullable=False),
)
"""An account without a row may hold any number."""

quota_warnings = schema.table(
    "quota_warnings",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("level", schema.small(), nullable=False),
    Column("warned_at", schema.big(), nullable=False),
)
"""``level`` in per cent: the highest the owner was warned of; the row goes when use falls below all of them."""

SELECT_LIMITS = (
    select(
        accounts.c.quota,
        accounts.c.max_message,
        account_limits.c.max_messages,
        domains.c.id,
        domains.c.max_size,
        domains.c.max_message,
    )
    .select_from(
        accounts.join(domains, domains.c.id == accounts.c.domain_id).outerjoin(
            account_limits, account_limits.c.account_id == accounts.c.id
        )
    )
    .where(accounts.c.id == bindparam("of_account"))
)
SELECT_MAX_MESSAGES = select(account_limits.c.account_id, account_limits.c.max_messages).where(
    account_limits.c.account_id.in_(bindparam("ids", expanding=True))
)
DELETE_LIMITS = delete(account_limits).where(account_limits.c.account_id == bindparam("of_account"))
DELETE_WARNING = delete(quota_warnings).where(quota_warnings.c.account_id == bindparam("of_account"))
SELECT_LEVEL = select(quota_warnings.c.level).where(quota_warnings.c.account_id == bindparam("of_account"))
SELECT_LEVELS = select(quota_warnings.c.account_id, quota_warnings.c.level).where(
    quota_warnings.c.account_id.in_(bindparam("ids", expanding=True))
)
SELECT_FULLEST = (
    select(
        accounts.c.id,
        accounts.c.address,
        accounts.c.quota,
        quota_warnings.c.level,
        quota_warnings.c.warned_at,
    )
    .join(quota_warnings, quota_warnings.c.account_id == accounts.c.id)
    .order_by(quota_warnings.c.level.desc(), accounts.c.address)
    .limit(bindparam("count"))
)
SELECT_LIMITED = (
    select(accounts.c.id, accounts.c.address, accounts.c.quota, account_limits.c.max_messages)
    .select_from(accounts.outerjoin(account_limits, account_limits.c.account_id == accounts.c.id))
    .where(
        accounts.c.id > bindparam("after"),
        (accounts.c.quota > 0) | (account_limits.c.max_messages > 0),
        accounts.c.active == 1,
    )
    .order_by(accounts.c.id)
    .limit(bindparam("count"))
)
