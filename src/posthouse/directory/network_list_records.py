"""Block lists and allow lists: what they are, how their last refresh went, and the last good copy of each. Times are
seconds since 1970."""

from __future__ import annotations

from sqlalchemy import BindParameter, Column, bindparam, delete, func, select

from posthouse.database import schema

network_lists = schema.table(
    "network_lists",
    Column("name", schema.ascii_text(60), primary_key=True),
    Column("kind", schema.ascii_text(10), nullable=False),
    Column("place", schema.text(), nullable=False),
    Column("refresh", schema.big(), nullable=False),
    Column("protocols", schema.ascii_text(100), nullable=False),
    Column("active", schema.small(), nullable=False),
)
"""``place``: a full path or a URL; ``refresh`` in seconds; ``protocols`` with blanks between."""

network_list_states = schema.table(
    "network_list_states",
    Column("name", schema.ascii_text(60), primary_key=True),
    Column("place", schema.text(), nullable=False),
    Column("generation", schema.big(), nullable=False),
    Column("etag", schema.text(), nullable=False),
    Column("modified", schema.text(), nullable=False),
    Column("entries", schema.big(), nullable=False),
    Column("skipped", schema.big(), nullable=False),
    Column("size", schema.big(), nullable=False),
    Column("good_at", schema.real(), nullable=False),
    Column("tried_at", schema.real(), nullable=False),
    Column("failures", schema.big(), nullable=False),
    Column("trouble", schema.text(), nullable=False),
)
"""``generation`` names the parts of the last good copy, 0: there is none; ``place`` is where that came from, with
``etag`` and ``modified`` as it was said there. ``failures`` in a row; ``trouble`` is the last one's reason."""

network_list_parts = schema.table(
    "network_list_parts",
    Column("name", schema.ascii_text(60), primary_key=True),
    Column("generation", schema.big(), primary_key=True, autoincrement=False),
    Column("number", schema.big(), primary_key=True, autoincrement=False),
    Column("data", schema.blob(), nullable=False),
)

_OF_NAME: BindParameter[str] = bindparam("of_name")
_BOTH = network_lists.outerjoin(network_list_states, network_list_states.c.name == network_lists.c.name)
_COLUMNS = (*network_lists.c, *(column for column in network_list_states.c if column.name != "name"))
SELECT_ALL = select(*_COLUMNS).select_from(_BOTH).order_by(network_lists.c.name)
SELECT_ONE = select(*_COLUMNS).select_from(_BOTH).where(network_lists.c.name == _OF_NAME)
LOCK = select(network_lists.c.name, network_lists.c.place).where(network_lists.c.name == _OF_NAME)
DELETE = delete(network_lists).where(network_lists.c.name == _OF_NAME)
DELETE_STATE = delete(network_list_states).where(network_list_states.c.name == _OF_NAME)
SELECT_GENERATION = select(network_list_states.c.generation).where(network_list_states.c.name == _OF_NAME)
COUNT_PARTS = (
    select(func.count())
    .select_from(network_list_parts)
    .where(
        network_list_parts.c.name == _OF_NAME, network_list_parts.c.generation == bindparam("of_generation")
    )
)
SELECT_PARTS = (
    select(network_list_parts.c.data)
    .where(
        network_list_parts.c.name == _OF_NAME,
        network_list_parts.c.generation == bindparam("of_generation"),
        network_list_parts.c.number >= bindparam("first"),
        network_list_parts.c.number < bindparam("behind"),
    )
    .order_by(network_list_parts.c.number)
)
SELECT_OTHER_PARTS = (
    select(network_list_parts.c.generation, network_list_parts.c.number)
    .where(network_list_parts.c.name == _OF_NAME, network_list_parts.c.generation != bindparam("but"))
    .limit(200)
)
DELETE_PART = delete(network_list_parts).where(
    network_list_parts.c.name == _OF_NAME,
    network_list_parts.c.generation == bindparam("of_generation"),
    network_list_parts.c.number == bindparam("of_number"),
)
SELECT_ORPHANS = (
    select(network_list_parts.c.name)
    .where(network_list_parts.c.name.not_in(select(network_lists.c.name)))
    .distinct()
    .limit(100)
)
