"""DKIM keys of our domains. Times are seconds since 1970; 0 means never."""

from __future__ import annotations

from sqlalchemy import (
    Column,
    ForeignKey,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from posthouse.database import schema
from posthouse.directory.domain_records import names
from posthouse.directory.records import domains

dkim_keys = schema.table(
    "dkim_keys",
    Column("id", schema.ident(), primary_key=True),
    Column("domain_id", schema.big(), ForeignKey("domains.id"), nullable=False),
    Column("selector", schema.key_text(100), nullable=False),
    Column("algorithm", schema.ascii_text(20), nullable=False),
    Column("secret_key", schema.text(), nullable=False),
    Column("public", schema.text(), nullable=False),
    Column("state", schema.ascii_text(10), nullable=False),
    Column("made_at", schema.real(), nullable=False),
    Column("since", schema.real(), nullable=False),
    Column("seen_at", schema.real(), nullable=False),
    Column("checked_at", schema.real(), nullable=False),
    Column("dns", schema.ascii_text(10), nullable=False),
    Column("note", schema.text(), nullable=False),
    Column("published", schema.ascii_text(10), nullable=False),
    UniqueConstraint("domain_id", "selector"),
    sqlite_autoincrement=True,
)
"""``state``: ``new`` (not used yet), ``active`` (signs), ``retiring`` (signs no more, mail it signed is still under
way), ``retired`` (its record is to be emptied); ``since`` is when it came to that. ``seen_at``: when its record was
right last; ``checked_at``: when the DNS was asked last, with ``dns`` (``right``, ``missing``, ``different``,
``unknown``, "" for not asked yet) and ``note`` for what came of it. ``published``: what stands in the DNS by our own
dynamic update: "" nothing, ``key``, or ``empty``."""

_K = dkim_keys.c
_ID = _K.id == bindparam("of_id")

_SHOWN = tuple(column for column in _K if column.name != "secret_key")
SELECT_ALL = (
    select(domains.c.name, *_SHOWN)
    .join(domains, domains.c.id == _K.domain_id)
    .order_by(domains.c.name, _K.id)
)
SELECT_OF_DOMAIN = SELECT_ALL.where(domains.c.name == bindparam("name"))
SELECT_ONE = SELECT_ALL.where(domains.c.name == bindparam("name"), _K.selector == bindparam("of_selector"))
SELECT_SIGNING = (
    select(_K.id, _K.selector, _K.algorithm, _K.secret_key)
    .join(domains, domains.c.id == _K.domain_id)
    .where(
        _K.state == "active",
        or_(
            domains.c.name == bindparam("name"),
            domains.c.id
            == select(names.c.domain_id).where(names.c.name == bindparam("name")).scalar_subquery(),
        ),
    )
    .order_by(_K.algorithm.desc(), _K.id)
)
"""RSA first: the topmost signature is the one that every receiver reads."""

SELECT_TROUBLED = SELECT_ALL.where(
    or_(
        and_(_K.state == "active", _K.dns.in_(("missing", "different"))),
        and_(_K.state == "new", _K.made_at < bindparam("before")),
    )
).limit(bindparam("count"))
SELECT_WITHOUT = (
    select(domains.c.id, domains.c.name)
    .outerjoin(dkim_keys, _K.domain_id == domains.c.id)
    .where(_K.id.is_(None), domains.c.id > bindparam("after"))
    .order_by(domains.c.id)
    .limit(bindparam("count"))
)
LOCK_DOMAIN = select(domains.c.id).where(domains.c.name == bindparam("name"))
INSERT = insert(dkim_keys).values(
    {column.name: bindparam(column.name) for column in dkim_keys.c if column.name != "id"}
)
SET_STATE = (
    update(dkim_keys)
    .where(_ID, _K.state == bindparam("old_state"))
    .values(state=bindparam("new_state"), since=bindparam("now"))
)
SET_CHECK = (
    update(dkim_keys)
    .where(_ID)
    .values(
        dns=bindparam("new_dns"),
        note=bindparam("new_note"),
        checked_at=bindparam("now"),
        seen_at=bindparam("new_seen_at"),
    )
)
SET_PUBLISHED = update(dkim_keys).where(_ID).values(published=bindparam("new_published"))
DELETE = delete(dkim_keys).where(_ID)
DELETE_OF_DOMAIN = delete(dkim_keys).where(_K.domain_id == bindparam("domain_id"))
