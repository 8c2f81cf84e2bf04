"""Networks that nobody may connect from. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, func, select

from posthouse.database import schema

bans = schema.table(
    "bans",
    Column("network", schema.ascii_text(50), primary_key=True),
    Column("version", schema.small(), nullable=False),
    Column("bits", schema.small(), nullable=False),
    Column("first", schema.key_blob(16), nullable=False),
    Column("reason", schema.text(), nullable=False),
    Column("until", schema.real(), nullable=False),
    Column("created", schema.real(), nullable=False),
    schema.since("0004", Column("kind", schema.ascii_text(20), nullable=False, server_default="")),
)
"""``network`` for people, ``version`` (4 or 6), ``bits`` of the prefix and ``first`` address for the machine.
``until`` 0: for ever. ``kind``: "" an administrator's, ``sign-in`` an automatic one."""

SELECT_ALL = select(bans.c.version, bans.c.bits, bans.c.first, bans.c.until)
SELECT_ONE = select(bans.c.network, bans.c.reason, bans.c.until, bans.c.created, bans.c.kind).where(
    bans.c.network == bindparam("network")
)
_FOUND = bans.c.network.like(bindparam("pattern"), escape="!") | func.lower(bans.c.reason).like(
    bindparam("pattern"), escape="!"
)
SELECT_PAGE = (
    select(bans.c.network, bans.c.reason, bans.c.until, bans.c.created, bans.c.kind)
    .where(bans.c.network > bindparam("after"), _FOUND)
    .order_by(bans.c.network)
    .limit(bindparam("count"))
)
COUNT_FOUND = select(func.count()).select_from(bans).where(_FOUND)
COUNT = select(func.count()).select_from(bans)
DELETE = delete(bans).where(bans.c.network == bindparam("of_network"))
SELECT_EXPIRED = select(bans.c.network).where(bans.c.until > 0, bans.c.until <= bindparam("now")).limit(500)
