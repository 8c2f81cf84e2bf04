"""Addresses outside that senders here are refused. Times are seconds since 1970."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Index, bindparam, delete, func, or_, select

from posthouse.database import schema

suppressions = schema.table(
    "suppressions",
    Column("id", schema.ident(), primary_key=True),
    Column("address", schema.key_text(400), nullable=False),
    Column("account", schema.key_text(320), nullable=False),
    Column("cause", schema.ascii_text(20), nullable=False),
    Column("status", schema.ascii_text(16), nullable=False),
    Column("said", schema.text(), nullable=False),
    Column("hits", schema.big(), nullable=False),
    Column("soft_hits", schema.big(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("first_at", schema.real(), nullable=False),
    Column("last_at", schema.real(), nullable=False),
    Column("expires_at", schema.real(), nullable=False),
    Column("trace", schema.ascii_text(64), nullable=False),
    Index(None, "address", "account", unique=True),
    Index(None, "expires_at"),
)
"""``address`` in lower case, or ``@domain`` for all of one; ``account`` whose mail alone is meant, "" for everybody's.
``cause``: ``by-hand``, or why mail came back. ``active`` 0: failures are only counted so far (``hits`` for good,
``soft_hits`` passing ones). ``expires_at`` 0: never."""

_S = suppressions.c
_ALL = tuple(column for column in _S if column.name != "id")
_THIS = (_S.address == bindparam("of_address"), _S.account == bindparam("of_account"))
_LIVE = or_(_S.expires_at == 0, _S.expires_at > bindparam("now"))

SELECT_ONE = select(*_ALL).where(*_THIS)
DELETE = delete(suppressions).where(*_THIS)
SELECT_STOPPING = (
    select(*_ALL)
    .where(
        _S.address.in_(bindparam("addresses", expanding=True)),
        _S.account.in_(bindparam("accounts", expanding=True)),
        _S.active == 1,
        _LIVE,
    )
    .order_by(_S.address.desc())
    .limit(1)
)
"""(An address of its own stands before its domain: ``@`` sorts before most that an address begins with; where it does
not, either answer is right.)"""
DELETE_COUNTS = delete(suppressions).where(
    _S.address.in_(bindparam("addresses", expanding=True)), _S.active == 0
)
SELECT_EXPIRED = (
    select(_S.address, _S.account).where(_S.expires_at > 0, _S.expires_at <= bindparam("now")).limit(500)
)

_FOUND: tuple[Any, ...] = (
    or_(
        _S.address.like(bindparam("pattern"), escape="!"),
        _S.account.like(bindparam("pattern"), escape="!"),
        func.lower(_S.said).like(bindparam("pattern"), escape="!"),
        _S.cause.like(bindparam("pattern"), escape="!"),
    ),
    _S.active >= bindparam("least"),
    _LIVE,
)
SELECT_PAGE = (
    select(*_ALL)
    .where(
        or_(
            _S.address > bindparam("after"),
            (_S.address == bindparam("after")) & (_S.account > bindparam("after_account")),
        ),
        *_FOUND,
    )
    .order_by(_S.address, _S.account)
    .limit(bindparam("count"))
)
COUNT_FOUND = select(func.count()).select_from(suppressions).where(*_FOUND)
