"""The table of sign-in sources, and what is remembered of their accounts. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, bindparam, delete, func, insert, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts

signin_sources = schema.table(
    "signin_sources",
    Column("id", schema.ident(), primary_key=True),
    Column("name", schema.ascii_text(40), nullable=False, unique=True),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("details", schema.text(), nullable=False),
    Column("secret", schema.text(), nullable=False),
    Column("synced_at", schema.real(), nullable=False),
    Column("synced", schema.text(), nullable=False),
)
"""``details`` is a ``sources_config.Details`` as JSON, ``secret`` the password of the server's own sign-in there or the
URL of a database. ``synced`` says in words how the last synchronisation went."""

source_accounts = schema.table(
    "source_accounts",
    Column("account_id", schema.big(), ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("source", schema.ascii_text(40), nullable=False),
    Column("digest", schema.ascii_text(255), nullable=False),
    Column("verified_at", schema.real(), nullable=False),
    Column("disabled", schema.small(), nullable=False),
)
"""``digest``: the Argon2id hash of the password that the source accepted last, for an outage; "" where that is not
kept. ``disabled``: the synchronisation switched the account off, so it may switch it on again."""

COLUMNS = tuple(signin_sources.c)
SELECT_ALL = select(*COLUMNS).order_by(signin_sources.c.name)
SELECT_ONE = select(*COLUMNS).where(signin_sources.c.name == bindparam("of_name"))
INSERT = insert(signin_sources).values(
    {each.name: bindparam(each.name) for each in COLUMNS if each.name != "id"}
)
UPDATE = (
    update(signin_sources)
    .where(signin_sources.c.name == bindparam("of_name"))
    .values(
        active=bindparam("new_active"),
        details=bindparam("new_details"),
        secret=bindparam("new_secret"),
    )
)
DELETE = delete(signin_sources).where(signin_sources.c.name == bindparam("of_name"))
SYNCED = (
    update(signin_sources)
    .where(signin_sources.c.name == bindparam("of_name"))
    .values(synced_at=bindparam("now"), synced=bindparam("words"))
)

_IS_THERE = accounts.c.address.not_like("!%")  # the mark of an account that is put away
COUNT_USERS = (
    select(func.count()).select_from(accounts).where(accounts.c.source == bindparam("of_source"), _IS_THERE)
)
SET_SOURCE = (
    update(accounts).where(accounts.c.id == bindparam("of_id")).values(source=bindparam("new_source"))
)
GET_SOURCE = select(accounts.c.source).where(accounts.c.id == bindparam("of_id"))
SELECT_USERS = (
    select(
        accounts.c.id,
        accounts.c.address,
        accounts.c.active,
        accounts.c.display_name,
        accounts.c.first_name,
        accounts.c.last_name,
        func.coalesce(source_accounts.c.disabled, 0),
    )
    .select_from(accounts.outerjoin(source_accounts, source_accounts.c.account_id == accounts.c.id))
    .where(accounts.c.source == bindparam("of_source"), _IS_THERE)
    .order_by(accounts.c.address)
)
SELECT_DIGEST = select(source_accounts.c.digest, source_accounts.c.verified_at).where(
    source_accounts.c.account_id == bindparam("of_id"), source_accounts.c.source == bindparam("of_source")
)
SELECT_KEPT = select(
    source_accounts.c.digest,
    source_accounts.c.verified_at,
    source_accounts.c.disabled,
    source_accounts.c.source,
).where(source_accounts.c.account_id == bindparam("of_id"))
DELETE_ACCOUNT = delete(source_accounts).where(source_accounts.c.account_id == bindparam("of_id"))
DELETE_DOMAIN = delete(source_accounts).where(
    source_accounts.c.account_id.in_(
        select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))
    )
)
FORGET_DIGESTS = (
    update(source_accounts)
    .where(source_accounts.c.source == bindparam("of_source"))
    .values(digest="", verified_at=0.0)
)
