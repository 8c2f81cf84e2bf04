"""Groups of accounts, and who is in them. Ids of groups are never used again: rights of a removed group must not fall
to a new one."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, bindparam, delete, func, insert, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts

ACCOUNT, GROUP = "account", "group"
"""What a member of a group is."""

account_groups = schema.table(
    "account_groups",
    Column("id", schema.ident(), primary_key=True),
    Column("name", schema.key_text(320), nullable=False, unique=True),
    Column("domain_id", schema.big()),
    Column("description", schema.text(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "domain_id"),
    sqlite_autoincrement=True,
)
"""``name`` is in lower case: a plain name, or one like an address for a group of the domain ``domain_id``."""

group_members = schema.table(
    "group_members",
    Column("id", schema.ident(), primary_key=True),
    Column("group_id", schema.big(), ForeignKey("account_groups.id"), nullable=False),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("member_id", schema.big(), nullable=False),
    Index(None, "group_id", "kind", "member_id", unique=True),
    Index(None, "kind", "member_id"),
)
"""``member_id`` is the id of an account or of another group, by ``kind``."""

_G, _M = account_groups.c, group_members.c
_COLUMNS = (_G.id, _G.name, _G.domain_id, _G.description)
_ONE = (
    _M.group_id == bindparam("of_group"),
    _M.kind == bindparam("of_kind"),
    _M.member_id == bindparam("of_member"),
)
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))
_GROUPS_IN_DOMAIN = select(_G.id).where(_G.domain_id == bindparam("domain_id"))

SELECT_BY_NAME = select(*_COLUMNS).where(_G.name == bindparam("name"))
SELECT_BY_ID = select(*_COLUMNS).where(_G.id == bindparam("of_id"))
SELECT_ALL = select(*_COLUMNS).order_by(_G.name)
SELECT_IDS_OF_DOMAIN = select(_G.id).where(_G.domain_id == bindparam("domain_id")).order_by(_G.id)
SELECT_NAMES = select(_G.id, _G.name).where(_G.id.in_(bindparam("ids", expanding=True)))
COUNT_MEMBERS = select(_M.group_id, func.count()).group_by(_M.group_id)
INSERT = insert(account_groups).values(
    {column.name: bindparam(column.name) for column in _G if column.name != "id"}
)
UPDATE = (
    update(account_groups)
    .where(_G.id == bindparam("of_id"))
    .values(name=bindparam("new_name"), description=bindparam("new_description"))
)
DELETE = delete(account_groups).where(_G.id == bindparam("of_id"))

SELECT_MEMBERS = (
    select(_M.kind, _M.member_id).where(_M.group_id == bindparam("of_group")).order_by(_M.kind, _M.member_id)
)
SELECT_MEMBERS_OF = select(_M.group_id, _M.kind, _M.member_id).where(
    _M.group_id.in_(bindparam("ids", expanding=True))
)
SELECT_WITH = select(_M.group_id).where(
    _M.kind == bindparam("of_kind"), _M.member_id.in_(bindparam("ids", expanding=True))
)
SELECT_ACCOUNT_MEMBERS = (
    select(accounts.c.address)
    .join(group_members, (_M.member_id == accounts.c.id) & (_M.kind == ACCOUNT))
    .where(_M.group_id == bindparam("of_group"))
    .order_by(accounts.c.address)
)
SELECT_GROUP_MEMBERS = (
    select(_G.name)
    .join(group_members, (_M.member_id == _G.id) & (_M.kind == GROUP))
    .where(_M.group_id == bindparam("of_group"))
    .order_by(_G.name)
)
INSERT_MEMBER = insert(group_members).values(
    group_id=bindparam("group_id"), kind=bindparam("kind"), member_id=bindparam("member_id")
)
DELETE_MEMBER = delete(group_members).where(*_ONE)
DELETE_MEMBERS = delete(group_members).where(_M.group_id == bindparam("of_group"))
DELETE_EVERYWHERE = delete(group_members).where(
    _M.kind == bindparam("of_kind"), _M.member_id == bindparam("of_member")
)
DELETE_ACCOUNTS_OF_DOMAIN = delete(group_members).where(_M.kind == ACCOUNT, _M.member_id.in_(_IN_DOMAIN))
