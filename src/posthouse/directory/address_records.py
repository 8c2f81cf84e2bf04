"""Addresses of accounts besides their own: further ones, and masked ones. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import (
    BindParameter,
    Column,
    ForeignKey,
    Index,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from posthouse.database import schema
from posthouse.directory.records import ACCOUNT, accounts

account_addresses = schema.table(
    "account_addresses",
    Column("id", schema.ident(), primary_key=True),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("account_id", schema.big(), nullable=False),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("signin", schema.small(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    Index(None, "domain_id"),
)
"""Further addresses: as good as the account's own. ``signin``: its owner may sign in with it, too."""

masked_addresses = schema.table(
    "masked_addresses",
    Column("id", schema.ident(), primary_key=True),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("account_id", schema.big(), nullable=False),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("note", schema.key_text(200), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Column("most", schema.big(), nullable=False),
    Column("used", schema.big(), nullable=False),
    Column("last_used", schema.real(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    Index(None, "domain_id"),
    sqlite_autoincrement=True,
)
"""Disposable addresses. ``expires_at`` 0: never; ``most`` messages are taken, 0: any number; ``used`` so far."""

_A, _M = account_addresses.c, masked_addresses.c
_MASKED = tuple(column for column in _M if column.name not in ("account_id", "domain_id"))
_OF_DOMAIN: BindParameter[int] = bindparam("domain_id")
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == _OF_DOMAIN)

# look-ups
SELECT_OWNER = (
    select(*ACCOUNT)
    .join(account_addresses, _A.account_id == accounts.c.id)
    .where(_A.address == bindparam("address"))
)
SELECT_LOGIN_NAME = (
    select(accounts.c.address)
    .join(account_addresses, _A.account_id == accounts.c.id)
    .where(_A.address == bindparam("address"), _A.signin == 1)
)
SELECT_MASKED_OWNER = (
    select(*ACCOUNT, *_MASKED)
    .join(masked_addresses, _M.account_id == accounts.c.id)
    .where(_M.address == bindparam("address"))
)

# further addresses
SELECT_ADDRESS = select(_A.account_id).where(_A.address == bindparam("address"))
SELECT_ADDRESSES = (
    select(_A.address, _A.signin).where(_A.account_id == bindparam("of_account")).order_by(_A.address)
)
INSERT_ADDRESS = insert(account_addresses).values(
    {column.name: bindparam(column.name) for column in _A if column.name != "id"}
)
DELETE_ADDRESS = delete(account_addresses).where(
    _A.address == bindparam("of_address"), _A.account_id == bindparam("of_account")
)
DELETE_ADDRESSES = delete(account_addresses).where(_A.account_id == bindparam("of_account"))
DELETE_DOMAIN_ADDRESSES = delete(account_addresses).where(
    (_A.domain_id == _OF_DOMAIN) | _A.account_id.in_(_IN_DOMAIN)
)
COUNT_DOMAIN_ADDRESSES = select(func.count()).where(_A.domain_id == _OF_DOMAIN)

# masked addresses
SELECT_MASKED_OF = select(*_MASKED).where(_M.account_id == bindparam("of_account")).order_by(_M.id.desc())
SELECT_MASKED = select(_M.account_id, *_MASKED).where(_M.address == bindparam("address"))
COUNT_MASKED = select(func.count()).where(_M.account_id == bindparam("of_account"))
INSERT_MASKED = insert(masked_addresses).values(
    {column.name: bindparam(column.name) for column in _M if column.name != "id"}
)
UPDATE_MASKED = (
    update(masked_addresses)
    .where(_M.id == bindparam("of_id"))
    .values({name: bindparam("new_" + name) for name in ("note", "active", "expires_at", "most")})
)
USE_MASKED = (
    update(masked_addresses)
    .where(_M.address == bindparam("of_address"))
    .values(used=_M.used + 1, last_used=bindparam("now"))
)
SELECT_FULL = select(_M.id).where(_M.address == bindparam("address"), _M.most > 0, _M.used >= _M.most)
DELETE_MASKED = delete(masked_addresses).where(_M.id == bindparam("of_id"))
DELETE_MASKED_OF = delete(masked_addresses).where(_M.account_id == bindparam("of_account"))
DELETE_DOMAIN_MASKED = delete(masked_addresses).where(
    (_M.domain_id == _OF_DOMAIN) | _M.account_id.in_(_IN_DOMAIN)
)
