"""IP ranges. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, func, select

from posthouse.database import schema

ip_ranges = schema.table(
    "ip_ranges",
    Column("name", schema.key_text(100), primary_key=True),
    Column("version", schema.small(), nullable=False),
    Column("first", schema.key_blob(16), nullable=False),
    Column("last", schema.key_blob(16), nullable=False),
    Column("priority", schema.small(), nullable=False),
    Column("options", schema.big(), nullable=False),
    Column("until", schema.real(), nullable=False),
    Column("connections", schema.big(), nullable=False),
    Column("connection_rate", schema.big(), nullable=False),
    Column("message_rate", schema.big(), nullable=False),
)
"""``options`` are the bits of ``net.ranges.Option``. ``until`` 0: for ever."""

SELECT_ALL = select(*ip_ranges.c).order_by(ip_ranges.c.name)
SELECT_ONE = select(*ip_ranges.c).where(ip_ranges.c.name == bindparam("of_name"))
COUNT = select(func.count()).select_from(ip_ranges)
DELETE = delete(ip_ranges).where(ip_ranges.c.name == bindparam("of_name"))
