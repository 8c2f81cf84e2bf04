"""Signatures of domains and accounts."""

from __future__ import annotations

from sqlalchemy import Column, UniqueConstraint, bindparam, delete, select

from posthouse.database import schema
from posthouse.directory.records import accounts, domains

signatures = schema.table(
    "signatures",
    Column("id", schema.ident(), primary_key=True),
    Column("scope", schema.ascii_text(10), nullable=False),
    Column("of_id", schema.big(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("method", schema.ascii_text(16), nullable=False),
    Column("plain", schema.text(), nullable=False),
    Column("html", schema.text(), nullable=False),
    Column("replies", schema.small(), nullable=False),
    Column("within", schema.small(), nullable=False),
    UniqueConstraint("scope", "of_id"),
)
"""``scope``: ``account`` or ``domain``, and ``of_id`` which one. ``method`` is a domain's: ``fallback``, ``overwrite``
or ``append``. ``replies``: it goes into replies, too; ``within``: into mail that stays in the domain, too."""

_S = signatures.c
_ONE = (_S.scope == bindparam("the_scope"), _S.of_id == bindparam("the_id"))
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))

SELECT = select(_S.active, _S.method, _S.plain, _S.html, _S.replies, _S.within).where(*_ONE)
DELETE = delete(signatures).where(*_ONE)
DELETE_IN_DOMAIN = delete(signatures).where(_S.scope == "account", _S.of_id.in_(_IN_DOMAIN))
SELECT_PERSON = (
    select(
        accounts.c.id,
        accounts.c.domain_id,
        accounts.c.address,
        accounts.c.first_name,
        accounts.c.last_name,
        accounts.c.display_name,
        accounts.c.time_zone,
        domains.c.name,
    )
    .join(domains, domains.c.id == accounts.c.domain_id)
    .where(accounts.c.id == bindparam("the_id"))
)
