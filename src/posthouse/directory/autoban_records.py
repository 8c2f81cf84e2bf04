"""How often an address was banned automatically, and who is spared. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, func, select

from posthouse.database import schema
from posthouse.directory.ban_records import bans
from posthouse.directory.identity_records import browser_sessions, devices
from posthouse.directory.people_records import account_roles
from posthouse.directory.records import accounts

auto_bans = schema.table(
    "auto_bans",
    Column("network", schema.ascii_text(50), primary_key=True),
    Column("times", schema.small(), nullable=False),
    Column("until", schema.real(), nullable=False),
)
"""``times`` it was banned in a row, ``until`` when the latest ban lasts or lasted."""

SELECT_TIMES = select(auto_bans.c.times, auto_bans.c.until).where(
    auto_bans.c.network == bindparam("of_network")
)
DELETE_OLD = delete(auto_bans).where(auto_bans.c.until < bindparam("before"))
COUNT_BANS = select(func.count()).select_from(bans).where(bans.c.kind != "", bans.c.until > bindparam("now"))

_ADMINISTRATORS = select(account_roles.c.account_id).where(account_roles.c.role == "server")
SELECT_BROWSER = (
    select(browser_sessions.c.id)
    .where(
        browser_sessions.c.peer == bindparam("peer"),
        browser_sessions.c.seen_at > bindparam("since"),
        browser_sessions.c.account_id.in_(_ADMINISTRATORS),
    )
    .limit(1)
)
SELECT_PROGRAM = (
    select(devices.c.id)
    .where(
        devices.c.peer == bindparam("peer"),
        devices.c.last_seen > bindparam("since"),
        devices.c.account_id.in_(_ADMINISTRATORS),
    )
    .limit(1)
)
SELECT_BROWSERS = (
    select(browser_sessions.c.peer)
    .where(
        browser_sessions.c.account_id.in_(_ADMINISTRATORS), browser_sessions.c.seen_at > bindparam("since")
    )
    .distinct()
    .limit(1000)
)
SELECT_PROGRAMS = (
    select(devices.c.peer)
    .where(devices.c.account_id.in_(_ADMINISTRATORS), devices.c.last_seen > bindparam("since"))
    .distinct()
    .limit(1000)
)
SELECT_KNOWN = (
    select(devices.c.id)
    .where(devices.c.peer == bindparam("peer"), devices.c.last_seen > bindparam("since"))
    .limit(1)
)
SELECT_PLACES = (
    select(devices.c.peer)
    .join(accounts, accounts.c.id == devices.c.account_id)
    .where(accounts.c.address == bindparam("address"), devices.c.last_seen > bindparam("since"))
    .distinct()
    .limit(200)
)
