"""Domains beside their own table (``records.domains``): their further names and the templates they are made from, with
the statements that ask what holds in a domain."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, bindparam, delete, insert, select, update

from posthouse.database import schema
from posthouse.directory.records import ACCOUNT, accounts, domains

names = schema.table(
    "domain_names",
    Column("id", schema.ident(), primary_key=True),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("name", schema.key_text(255), nullable=False, unique=True),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "domain_id"),
)
"""Other names of domains (domain aliases): whatever is asked of one is asked of its domain."""

templates = schema.table(
    "domain_templates",
    Column("name", schema.key_text(80), primary_key=True),
    Column("content", schema.text(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
)
"""Sets of a domain's properties by name; ``content`` is JSON as ``directory.domains`` writes it."""

PROPERTIES = (
    domains.c.active,
    domains.c.plus,
    domains.c.plus_folder,
    domains.c.catch_all,
    domains.c.postmaster,
    domains.c.max_size,
    domains.c.max_message,
    domains.c.max_account,
    domains.c.max_accounts,
    domains.c.max_aliases,
    domains.c.max_lists,
    domains.c.defaults,
)
_RULES = (
    domains.c.id,
    domains.c.name,
    domains.c.active,
    domains.c.plus,
    domains.c.plus_folder,
    domains.c.catch_all,
    domains.c.postmaster,
)

# what holds for an address
SELECT_RULES = select(*_RULES).where(domains.c.name == bindparam("name"))
SELECT_RULES_BY_NAME = (
    select(*_RULES).join(names, names.c.domain_id == domains.c.id).where(names.c.name == bindparam("name"))
)
SELECT_ACTIVE = select(domains.c.active).where(domains.c.id == bindparam("of_id"))
SELECT_FIRST_ACCOUNT = (
    select(*ACCOUNT)
    .join(domains, domains.c.id == accounts.c.domain_id)
    .where(accounts.c.active == 1, domains.c.active == 1)
    .order_by(accounts.c.id)
    .limit(1)
)

# properties
SELECT_PROPERTIES = select(*PROPERTIES).where(domains.c.id == bindparam("of_id"))
UPDATE_PROPERTIES = (
    update(domains)
    .where(domains.c.id == bindparam("of_id"))
    .values({column.name: bindparam("new_" + column.name) for column in PROPERTIES})
)
SELECT_COUNTS = select(
    domains.c.name, domains.c.max_accounts, domains.c.max_aliases, domains.c.max_lists
).where(domains.c.id == bindparam("of_id"))
SELECT_MAX_ACCOUNT = select(domains.c.name, domains.c.max_account).where(domains.c.id == bindparam("of_id"))
SELECT_LARGEST_SENT = (
    select(domains.c.max_message)
    .join(accounts, accounts.c.domain_id == domains.c.id)
    .where(accounts.c.id == bindparam("of_account"))
)
SELECT_DEFAULTS = select(domains.c.defaults, domains.c.max_account).where(domains.c.id == bindparam("of_id"))

# further names
SELECT_NAMES = select(names.c.name).where(names.c.domain_id == bindparam("domain_id")).order_by(names.c.name)
SELECT_NAME = (
    select(names.c.id, domains.c.name)
    .join(domains, domains.c.id == names.c.domain_id)
    .where(names.c.name == bindparam("name"))
)
INSERT_NAME = insert(names).values(
    domain_id=bindparam("domain_id"), name=bindparam("name"), created_at=bindparam("created_at")
)
DELETE_NAME = delete(names).where(names.c.id == bindparam("of_id"))
DELETE_NAMES = delete(names).where(names.c.domain_id == bindparam("domain_id"))

# templates
SELECT_TEMPLATES = select(templates.c.name, templates.c.content).order_by(templates.c.name)
SELECT_TEMPLATE = select(templates.c.name, templates.c.content).where(templates.c.name == bindparam("name"))
INSERT_TEMPLATE = insert(templates).values(
    name=bindparam("name"), content=bindparam("content"), created_at=bindparam("created_at")
)
UPDATE_TEMPLATE = (
    update(templates).where(templates.c.name == bindparam("of_name")).values(content=bindparam("new_content"))
)
DELETE_TEMPLATE = delete(templates).where(templates.c.name == bindparam("of_name"))
