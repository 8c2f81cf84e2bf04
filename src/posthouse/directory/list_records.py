"""Distribution lists: what they are, who looks after them and who is on them. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, bindparam, delete, func, insert, select, union_all, update

from posthouse.database import schema
from posthouse.directory.address_records import account_addresses, masked_addresses
from posthouse.directory.records import accounts, domains
from posthouse.directory.removed_records import PRESENT, removed_accounts

ADDRESS, GROUP = "address", "group"
"""What a member of a list is."""

mailing_lists = schema.table(
    "mailing_lists",
    Column("id", schema.ident(), primary_key=True),
    Column("domain_id", schema.big(), nullable=False),
    Column("address", schema.key_text(320), nullable=False, unique=True),
    Column("name", schema.key_text(200), nullable=False),
    Column("description", schema.text(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("mode", schema.ascii_text(16), nullable=False),
    Column("signed_in", schema.small(), nullable=False),
    Column("moderation", schema.ascii_text(16), nullable=False),
    Column("joining", schema.ascii_text(16), nullable=False),
    Column("tag", schema.key_text(60), nullable=False),
    Column("replies", schema.ascii_text(16), nullable=False),
    Column("max_size", schema.big(), nullable=False),
    Column("own_from", schema.small(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "domain_id"),
    sqlite_autoincrement=True,
)
"""``max_size`` in bytes, 0 = none of its own. ``own_from``: mail goes out with the list's own address in From."""

list_people = schema.table(
    "list_people",
    Column("id", schema.ident(), primary_key=True),
    Column("list_id", schema.big(), ForeignKey("mailing_lists.id"), nullable=False),
    Column("role", schema.ascii_text(10), nullable=False),
    Column("address", schema.key_text(320), nullable=False),
    Index(None, "list_id", "role", "address", unique=True),
    Index(None, "address"),
)
"""``role``: ``owner``, ``moderator``, or ``sender`` (who may write to a list for announcements)."""

list_members = schema.table(
    "list_members",
    Column("id", schema.ident(), primary_key=True),
    Column("list_id", schema.big(), ForeignKey("mailing_lists.id"), nullable=False),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("address", schema.key_text(320), nullable=False),
    Column("shown", schema.key_text(320), nullable=False),
    Column("away", schema.ascii_text(10), nullable=False),
    Column("bounces", schema.big(), nullable=False),
    Column("bounced_at", schema.real(), nullable=False),
    Column("joined_at", schema.real(), nullable=False),
    Index(None, "list_id", "kind", "address", unique=True),
    Index(None, "kind", "address"),
)
"""``address`` is the key form of an address, or the id of a group in digits. ``away`` not "": gets no mail, because too
much came back (``bounces``), by hand (``hand``), or because somebody left who is in by a group (``left``)."""

_L, _P, _M = mailing_lists.c, list_people.c, list_members.c
LIST = tuple(column for column in _L if column.name != "created_at")
_OF = _M.list_id == bindparam("of_list")
_ONE = (_OF, _M.kind == bindparam("of_kind"), _M.address == bindparam("of_address"))

SELECT_ID = select(_L.id).where(_L.address == bindparam("address"))
SELECT_BY_ADDRESS = select(*LIST).where(_L.address == bindparam("address"))
SELECT_BY_ID = select(*LIST).where(_L.id == bindparam("of_id"))
SELECT_ALL = select(*LIST).order_by(_L.address)
SELECT_OF_DOMAIN = select(*LIST).where(_L.domain_id == bindparam("domain_id")).order_by(_L.address)
COUNT_OF_DOMAIN = select(func.count()).where(_L.domain_id == bindparam("domain_id"))
COUNT_MEMBERS = select(_M.list_id, func.count()).group_by(_M.list_id)
COUNT_OF = select(func.count()).where(_OF)
INSERT = insert(mailing_lists).values(
    {column.name: bindparam(column.name) for column in _L if column.name != "id"}
)
_CHANGING = ("id", "domain_id", "address", "created_at")
UPDATE = (
    update(mailing_lists)
    .where(_L.id == bindparam("of_id"))
    .values({column.name: bindparam("new_" + column.name) for column in _L if column.name not in _CHANGING})
)
DELETE = delete(mailing_lists).where(_L.id == bindparam("of_id"))

SELECT_PEOPLE = (
    select(_P.role, _P.address).where(_P.list_id == bindparam("of_list")).order_by(_P.role, _P.address)
)
SELECT_LISTS_WITH = (
    select(*LIST)
    .join(list_people, _P.list_id == _L.id)
    .where(_P.address == bindparam("address"), _P.role == bindparam("role"))
    .order_by(_L.address)
)
SELECT_LISTS_OF_MEMBER = (
    select(*LIST)
    .join(list_members, _M.list_id == _L.id)
    .where(_M.kind == ADDRESS, _M.address == bindparam("address"), _M.away == "")
    .order_by(_L.address)
)
DELETE_MEMBERS_WITH = delete(list_members).where(_M.kind == ADDRESS, _M.address == bindparam("address"))
DELETE_PEOPLE_WITH = delete(list_people).where(_P.address == bindparam("address"))
SELECT_REMOVED = union_all(
    select(removed_accounts.c.address),
    *(
        select(table.c.address).where(table.c.account_id.in_(select(removed_accounts.c.account_id)))
        for table in (account_addresses, masked_addresses)
    ),
)
"""Addresses of accounts that are removed and may come back."""
INSERT_PERSON = insert(list_people).values(
    list_id=bindparam("list_id"), role=bindparam("role"), address=bindparam("address")
)
DELETE_PEOPLE = delete(list_people).where(_P.list_id == bindparam("of_list"), _P.role == bindparam("of_role"))
DELETE_ALL_PEOPLE = delete(list_people).where(_P.list_id == bindparam("of_list"))

_MEMBER = (_M.kind, _M.address, _M.shown, _M.away, _M.bounces, _M.bounced_at)
SELECT_PAGE = (
    select(*_MEMBER)
    .where(_OF, _M.address > bindparam("after"))
    .order_by(_M.address)
    .limit(bindparam("count"))
)
SELECT_MEMBER = select(*_MEMBER).where(*_ONE)
SELECT_MEMBERS = select(_M.kind, _M.address, _M.shown, _M.away).where(_OF)
SELECT_NESTED = (
    select(_L.id, _L.address)
    .join(list_members, (_M.address == _L.address) & (_M.kind == ADDRESS))
    .where(_OF, _M.away == "")
)
SELECT_NESTED_LIVE = SELECT_NESTED.join(domains, domains.c.id == _L.domain_id).where(
    _L.active == 1, domains.c.active == 1
)
"""Without those that are switched off, or whose domain is (or was removed)."""
SELECT_GROUPS = select(_M.address).where(_OF, _M.kind == GROUP)
SELECT_HOLDERS = select(_M.list_id).where(_M.kind == ADDRESS, _M.address == bindparam("of_address"))
SELECT_ACCOUNT_ID = select(accounts.c.id).where(accounts.c.address == bindparam("address"))
SELECT_ADDRESSES = select(accounts.c.address).where(
    accounts.c.id.in_(bindparam("ids", expanding=True)), accounts.c.active == 1, *PRESENT
)
INSERT_MEMBER = insert(list_members).values(
    {column.name: bindparam(column.name) for column in _M if column.name != "id"}
)
UPDATE_AWAY = (
    update(list_members)
    .where(*_ONE)
    .values(away=bindparam("new_away"), bounces=bindparam("new_bounces"), bounced_at=bindparam("new_at"))
)
DELETE_MEMBER = delete(list_members).where(*_ONE)
DELETE_MEMBERS = delete(list_members).where(_OF)
DELETE_MEMBER_EVERYWHERE = delete(list_members).where(
    _M.kind == bindparam("of_kind"), _M.address == bindparam("of_address")
)
