"""The table of leases: which worker does a periodic job until when. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, bindparam, delete, or_, select, update

from posthouse.database import schema

leases = schema.table(
    "leases",
    Column("name", schema.ascii_text(64), primary_key=True),
    Column("holder", schema.ascii_text(64), nullable=False),
    Column("until", schema.real(), nullable=False),
)

SELECT = select(leases.c.holder, leases.c.until).where(leases.c.name == bindparam("of_name"))

TAKE = (
    update(leases)
    .where(
        leases.c.name == bindparam("of_name"),
        or_(leases.c.holder == bindparam("by"), leases.c.until < bindparam("now")),
    )
    .values(holder=bindparam("by_holder"), until=bindparam("to"))
)

GIVE_BACK = delete(leases).where(leases.c.name == bindparam("of_name"), leases.c.holder == bindparam("by"))
