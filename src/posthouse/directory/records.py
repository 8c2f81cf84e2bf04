"""The tables of the directory and their statements.

Text keys are compared as bytes (lower case and NFC already). Byte values are kept as lower-case hex, times as
seconds since 1970. Account and domain ids are never used again: what belonged to a removed account
must not fall to a new one.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, bindparam, delete, func, insert, select, update

from posthouse.database import schema
from posthouse.directory.identity_records import factors

domains = schema.table(
    "domains",
    Column("id", schema.ident(), primary_key=True),
    Column("name", schema.key_text(255), nullable=False, unique=True),
    Column("created_at", schema.real(), nullable=False),
    schema.since("0004", Column("active", schema.small(), nullable=False, server_default="1")),
    schema.since("0004", Column("plus", schema.ascii_text(1), nullable=False, server_default="+")),
    schema.since("0004", Column("plus_folder", schema.small(), nullable=False, server_default="0")),
    schema.since("0004", Column("catch_all", schema.key_text(320), nullable=False, server_default="")),
    schema.since("0004", Column("postmaster", schema.key_text(320), nullable=False, server_default="")),
    schema.since("0004", Column("max_size", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("max_message", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("max_account", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("max_accounts", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("max_aliases", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("max_lists", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("defaults", schema.text(), nullable=True)),
    sqlite_autoincrement=True,
)
"""``plus`` is the character before the detail of an address, "" where there is none. ``catch_all`` and ``postmaster``
are addresses, "" for nobody. The limits are 0 where there is none; sizes in bytes. ``defaults`` is what new accounts
are given, as JSON."""

accounts = schema.table(
    "accounts",
    Column("id", schema.ident(), primary_key=True),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("password_hash", schema.ascii_text(255), nullable=False),
    Column("scram_salt", schema.ascii_text(64), nullable=False),
    Column("scram_iterations", schema.big(), nullable=False),
    Column("scram_stored_key", schema.ascii_text(64), nullable=False),
    Column("scram_server_key", schema.ascii_text(64), nullable=False),
    Column("quota", schema.big(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    schema.since("0004", Column("protocols", schema.ascii_text(80), nullable=False, server_default="")),
    schema.since("0004", Column("networks", schema.ascii_text(1600), nullable=False, server_default="")),
    schema.since("0004", Column("max_message", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("display_name", schema.key_text(200), nullable=False, server_default="")),
    schema.since("0004", Column("first_name", schema.key_text(100), nullable=False, server_default="")),
    schema.since("0004", Column("last_name", schema.key_text(100), nullable=False, server_default="")),
    schema.since("0004", Column("language", schema.ascii_text(16), nullable=False, server_default="")),
    schema.since("0004", Column("time_zone", schema.ascii_text(64), nullable=False, server_default="")),
    schema.since("0004", Column("note", schema.key_text(500), nullable=False, server_default="")),
    schema.since("0004", Column("last_signin", schema.real(), nullable=False, server_default="0")),
    schema.since("0004", Column("source", schema.ascii_text(40), nullable=False, server_default="")),
    schema.since("0004", Column("scram_sha1", schema.ascii_text(255), nullable=False, server_default="")),
    schema.since("0004", Column("password_changed_at", schema.real(), nullable=False, server_default="0")),
    schema.since("0004", Column("app_passwords_only", schema.small(), nullable=False, server_default="0")),
    Index(None, "domain_id"),
    schema.since("0004", Index(None, "domain_id", "address")),
    sqlite_autoincrement=True,
)

aliases = schema.table(
    "aliases",
    Column("id", schema.ident(), primary_key=True),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("target", schema.key_text(320), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    schema.since("0004", Column("more", schema.text(), nullable=True)),
    schema.since("0004", Column("active", schema.small(), nullable=False, server_default="1")),
    schema.since("0004", Column("note", schema.key_text(500), nullable=False, server_default="")),
    Index(None, "domain_id"),
    sqlite_autoincrement=True,
)
"""``target`` is the first address it leads to, ``more`` the others, one a line."""

settings_values = schema.table(
    "settings_values",
    Column("name", schema.ascii_text(120), primary_key=True),
    Column("value", schema.text(), nullable=False),
)

versions = schema.table(
    "versions",
    Column("topic", schema.ascii_text(40), primary_key=True),
    Column("version", schema.big(), nullable=False),
)

secrets = schema.table(
    "secrets",
    Column("name", schema.ascii_text(40), primary_key=True),
    Column("value", schema.ascii_text(128), nullable=False),
)
"""Random values that all workers and nodes must share and nobody may see."""

# versions
SELECT_VERSION = select(versions.c.version).where(versions.c.topic == bindparam("topic"))
BUMP_VERSION = (
    update(versions).where(versions.c.topic == bindparam("of_topic")).values(version=versions.c.version + 1)
)

# domains
SELECT_DOMAINS = select(domains.c.id, domains.c.name).order_by(domains.c.name)
SELECT_DOMAIN = select(domains.c.id).where(domains.c.name == bindparam("name"))
SELECT_FIRST_DOMAIN = select(domains.c.name).order_by(domains.c.id).limit(1)
INSERT_DOMAIN = insert(domains).values(name=bindparam("name"), created_at=bindparam("created_at"))
DELETE_DOMAIN = delete(domains).where(domains.c.id == bindparam("of_id"))
COUNT_ACCOUNTS = select(accounts.c.domain_id, func.count()).group_by(accounts.c.domain_id)
COUNT_ALIASES = select(aliases.c.domain_id, func.count()).group_by(aliases.c.domain_id)
COUNT_DOMAIN_ACCOUNTS = select(func.count()).where(accounts.c.domain_id == bindparam("domain_id"))
COUNT_DOMAIN_ALIASES = select(func.count()).where(aliases.c.domain_id == bindparam("domain_id"))

# accounts
ACCOUNT = (
    accounts.c.id,
    accounts.c.domain_id,
    accounts.c.address,
    accounts.c.quota,
    accounts.c.active,
    accounts.c.protocols,
    accounts.c.networks,
    accounts.c.max_message,
    accounts.c.display_name,
)
"""The columns of an account (``rows.account_of``), before what else a statement selects."""

_SECRET = (
    accounts.c.password_hash,
    accounts.c.scram_salt,
    accounts.c.scram_iterations,
    accounts.c.scram_stored_key,
    accounts.c.scram_server_key,
    accounts.c.scram_sha1,
)
_POLICY = (
    accounts.c.source,
    accounts.c.password_changed_at,
    accounts.c.created_at,
    accounts.c.app_passwords_only,
    select(func.count())
    .where(factors.c.account_id == accounts.c.id, factors.c.kind != "recovery")
    .correlate(accounts)
    .scalar_subquery(),
)
SELECT_ACCOUNT = select(*ACCOUNT).where(accounts.c.address == bindparam("address"))
SELECT_ACCOUNT_BY_ID = select(*ACCOUNT).where(accounts.c.id == bindparam("of_id"))
SELECT_LOGIN = select(*ACCOUNT, *_SECRET, *_POLICY).where(accounts.c.address == bindparam("address"))
SELECT_ACCOUNTS = select(*ACCOUNT).order_by(accounts.c.address)
SELECT_DOMAIN_ACCOUNTS = (
    select(*ACCOUNT).where(accounts.c.domain_id == bindparam("domain_id")).order_by(accounts.c.address)
)
SELECT_FIRST_ACCOUNT = select(*ACCOUNT).where(accounts.c.active == 1).order_by(accounts.c.id).limit(1)
SELECT_FIRST_OF_DOMAIN = (
    select(*ACCOUNT)
    .where(accounts.c.domain_id == bindparam("domain_id"), accounts.c.active == 1)
    .order_by(accounts.c.id)
    .limit(1)
)
INSERT_ACCOUNT = insert(accounts).values(
    {
        column.name: bindparam(column.name)
        for column in accounts.c
        if column.name in ("scram_sha1", "password_changed_at")
        or (column.name != "id" and "since" not in column.info)
    }
)
UPDATE_PASSWORD = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"))
    .values(
        {
            **{column.name: bindparam("new_" + column.name) for column in _SECRET},
            "password_changed_at": bindparam("now"),
        }
    )
)
UPGRADE_PASSWORD = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"), accounts.c.password_hash == bindparam("old_hash"))
    .values({column.name: bindparam("new_" + column.name) for column in _SECRET})
)
"""The same password, kept in another form: it did not change."""
SET_SOURCE = (
    update(accounts).where(accounts.c.id == bindparam("of_id")).values(source=bindparam("new_source"))
)
SET_APP_PASSWORDS_ONLY = (
    update(accounts).where(accounts.c.id == bindparam("of_id")).values(app_passwords_only=bindparam("only"))
)
UPDATE_QUOTA = (
    update(accounts).where(accounts.c.id == bindparam("of_id")).values(quota=bindparam("new_quota"))
)
UPDATE_ACTIVE = (
    update(accounts).where(accounts.c.id == bindparam("of_id")).values(active=bindparam("new_active"))
)
RENAME_ACCOUNT = (
    update(accounts)
    .where(accounts.c.id == bindparam("of_id"))
    .values(address=bindparam("new_address"), domain_id=bindparam("new_domain"))
)
DELETE_ACCOUNT = delete(accounts).where(accounts.c.id == bindparam("of_id"))
DELETE_DOMAIN_ACCOUNTS = delete(accounts).where(accounts.c.domain_id == bindparam("domain_id"))

# aliases (more of them in ``alias_records``)
SELECT_ALIAS = select(
    aliases.c.id, aliases.c.target, aliases.c.more, aliases.c.active, aliases.c.note, aliases.c.address
).where(aliases.c.address == bindparam("address"))
SELECT_DOMAIN_ALIASES = (
    select(aliases.c.address, aliases.c.target)
    .where(aliases.c.domain_id == bindparam("domain_id"))
    .order_by(aliases.c.address)
)
DELETE_DOMAIN_ALIASES = delete(aliases).where(aliases.c.domain_id == bindparam("domain_id"))

# settings
SELECT_SETTINGS = select(settings_values.c.name, settings_values.c.value)
SELECT_SETTING = select(settings_values.c.value).where(settings_values.c.name == bindparam("name"))
DELETE_SETTING = delete(settings_values).where(settings_values.c.name == bindparam("name"))

# secrets
SELECT_SECRET = select(secrets.c.value).where(secrets.c.name == bindparam("name"))
