"""Statements of the administration of aliases (the table is in ``records``)."""

from __future__ import annotations

from sqlalchemy import bindparam, delete, insert, select, update

from posthouse.directory.records import aliases

COLUMNS = (aliases.c.address, aliases.c.target, aliases.c.more, aliases.c.active, aliases.c.note)
"""Those of ``aliases.alias_of``."""

SELECT_ALIASES = select(*COLUMNS).order_by(aliases.c.address)
SELECT_DOMAIN_ALIASES = (
    select(*COLUMNS).where(aliases.c.domain_id == bindparam("domain_id")).order_by(aliases.c.address)
)
INSERT_ALIAS = insert(aliases).values(
    {column.name: bindparam(column.name) for column in aliases.c if column.name != "id"}
)
UPDATE_ALIAS = (
    update(aliases)
    .where(aliases.c.id == bindparam("of_id"))
    .values(
        {name: bindparam("new_" + name) for name in ("target", "more", "active", "note")},
    )
)
DELETE_ALIAS = delete(aliases).where(aliases.c.id == bindparam("of_id"))
