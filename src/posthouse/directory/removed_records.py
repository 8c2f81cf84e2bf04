"""Accounts and domains that were removed and may come back. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, not_, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts, aliases, domains

removed_accounts = schema.table(
    "removed_accounts",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("domain_id", schema.big(), nullable=False),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("active", schema.small(), nullable=False),
    Column("removed_at", schema.real(), nullable=False),
    Column("removed_by", schema.key_text(320), nullable=False),
    Column("purging", schema.small(), nullable=False),
    Index(None, "removed_at"),
)
"""``active``: what the account was. ``purging``: its mail is being removed for good, nothing brings it back."""

removed_domains = schema.table(
    "removed_domains",
    Column("domain_id", schema.big(), primary_key=True, autoincrement=False),
    Column("name", schema.key_text(255), nullable=False, unique=True),
    Column("active", schema.small(), nullable=False),
    Column("removed_at", schema.real(), nullable=False),
    Column("removed_by", schema.key_text(320), nullable=False),
    Column("purging", schema.small(), nullable=False),
)

_A, _D = removed_accounts.c, removed_domains.c
_ACCOUNT = (_A.account_id, _A.domain_id, _A.address, _A.active, _A.removed_at, _A.removed_by, _A.purging)
_DOMAIN = (_D.domain_id, _D.name, _D.active, _D.removed_at, _D.removed_by, _D.purging)

SELECT_ACCOUNT = select(*_ACCOUNT).where(_A.address == bindparam("address"))
SELECT_ACCOUNTS = select(*_ACCOUNT).order_by(_A.removed_at.desc(), _A.account_id).limit(bindparam("count"))
SELECT_ACCOUNTS_OF = (
    select(*_ACCOUNT)
    .where(_A.domain_id.in_(bindparam("domains", expanding=True)))
    .order_by(_A.removed_at.desc(), _A.account_id)
    .limit(bindparam("count"))
)
SELECT_DUE_ACCOUNT = (
    select(*_ACCOUNT)
    .where((_A.removed_at < bindparam("before")) | (_A.purging == 1))
    .order_by(_A.removed_at)
    .limit(1)
)
INSERT_ACCOUNT = insert(removed_accounts).values(
    {column.name: bindparam(column.name) for column in removed_accounts.c}
)
PURGE_ACCOUNT = update(removed_accounts).where(_A.account_id == bindparam("of_id")).values(purging=1)
SELECT_ACCOUNT_BY_ID = select(*_ACCOUNT).where(_A.account_id == bindparam("of_id"))
DELETE_ACCOUNT = delete(removed_accounts).where(_A.account_id == bindparam("of_id"))

SELECT_DOMAIN = select(*_DOMAIN).where(_D.name == bindparam("name"))
SELECT_DOMAINS = select(*_DOMAIN).order_by(_D.removed_at.desc(), _D.domain_id).limit(bindparam("count"))
SELECT_DUE_DOMAIN = (
    select(*_DOMAIN)
    .where((_D.removed_at < bindparam("before")) | (_D.purging == 1))
    .order_by(_D.removed_at)
    .limit(1)
)
INSERT_DOMAIN = insert(removed_domains).values(
    {column.name: bindparam(column.name) for column in removed_domains.c}
)
PURGE_DOMAIN = update(removed_domains).where(_D.domain_id == bindparam("of_id")).values(purging=1)
DELETE_DOMAIN = delete(removed_domains).where(_D.domain_id == bindparam("of_id"))

SET_ACCOUNT = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"))
    .values(address=bindparam("to_address"), active=bindparam("to_active"))
)
SET_DOMAIN = (
    update(domains)
    .where(domains.c.id == bindparam("of_id"))
    .values(name=bindparam("to_name"), active=bindparam("to_active"))
)
SELECT_ACTIVE = select(domains.c.active).where(domains.c.id == bindparam("of_id"))
SELECT_SOME_ACCOUNTS = (
    select(accounts.c.id, accounts.c.address)
    .where(accounts.c.domain_id == bindparam("domain_id"))
    .order_by(accounts.c.id)
    .limit(bindparam("count"))
)
COUNT_PRESENT = select(func.count()).where(
    accounts.c.domain_id == bindparam("domain_id"), accounts.c.address.like("%@%")
)
COUNT_ALIASES = select(func.count()).where(aliases.c.domain_id == bindparam("domain_id"))
SELECT_SOME_ALIASES = (
    select(aliases.c.id)
    .where(aliases.c.domain_id == bindparam("domain_id"))
    .order_by(aliases.c.id)
    .limit(bindparam("count"))
)
DELETE_ALIAS = delete(aliases).where(aliases.c.id == bindparam("of_id"))
NAMED = accounts.c.address.like("%@%")
"""Accounts that are not removed by themselves."""
OF_REMOVED_DOMAIN = accounts.c.domain_id.in_(select(_D.domain_id))
PRESENT = (NAMED, not_(OF_REMOVED_DOMAIN))
"""Accounts that are not removed, nor their domains."""
