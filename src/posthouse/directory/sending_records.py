"""Who sent how much, who may send how much, whose mail is held, and who may send as whom.

``scope`` says what is counted: ``a12`` the account 12, ``d5`` the domain 5, ``o192.0.2.1`` an address of origin.
A slot is a stretch of ten minutes: seconds since 1970, divided by 600.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BindParameter,
    Column,
    Index,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    or_,
    select,
    update,
)

from posthouse.database import schema
from posthouse.directory.records import accounts, domains

sending_counts = schema.table(
    "sending_counts",
    Column("id", schema.ident(), primary_key=True),
    Column("scope", schema.ascii_text(64), nullable=False),
    Column("slot", schema.big(), nullable=False),
    Column("messages", schema.big(), nullable=False),
    Column("recipients", schema.big(), nullable=False),
    UniqueConstraint("scope", "slot"),
    Index(None, "slot"),
)
"""What was sent in each slot of the last days."""

sending_days = schema.table(
    "sending_days",
    Column("id", schema.ident(), primary_key=True),
    Column("scope", schema.ascii_text(64), nullable=False),
    Column("day", schema.big(), nullable=False),
    Column("busiest", schema.big(), nullable=False),
    UniqueConstraint("scope", "day"),
    Index(None, "day"),
)
"""Recipients of the busiest hour of each day on which an account sent; ``day`` is days since 1970, UTC."""

sending_limits = schema.table(
    "sending_limits",
    Column("id", schema.ident(), primary_key=True),
    Column("scope", schema.ascii_text(64), nullable=False),
    Column("messages_hour", schema.big(), nullable=True),
    Column("recipients_hour", schema.big(), nullable=True),
    Column("messages_day", schema.big(), nullable=True),
    Column("recipients_day", schema.big(), nullable=True),
    Column("burst_hour", schema.big(), nullable=True),
    Column("burst_minutes", schema.big(), nullable=True),
    UniqueConstraint("scope"),
)
"""Exceptions of accounts and domains. NULL: as the settings say; 0: no limit."""

sending_brakes = schema.table(
    "sending_brakes",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("state", schema.ascii_text(16), nullable=False),
    Column("at", schema.real(), nullable=False),
    Column("changed_by", schema.key_text(255), nullable=False),
    Column("reason", schema.text(), nullable=False),
    Column("sent", schema.big(), nullable=False),
    Column("usual", schema.big(), nullable=False),
    Column("told", schema.small(), nullable=False),
    Column("mark", schema.ascii_text(40), nullable=False),
    UniqueConstraint("account_id"),
    Index(None, "state", "account_id"),
)
"""``state``: ``braked`` (its mail is taken and held), ``blocked`` (its mail is refused) or ``released`` (at ``at``;
what was sent before does not count for the brake). ``changed_by`` "" is the brake itself. ``sent``: recipients in the
hour when it was braked, ``usual`` in its usual one. ``told`` 1: the postmaster was written to. ``mark`` tells which
unit made the row."""

sender_rights = schema.table(
    "sender_rights",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("pattern", schema.key_text(400), nullable=False),
    Column("at", schema.real(), nullable=False),
    UniqueConstraint("account_id", "pattern"),
)
"""Addresses that an account may use besides those that lead to it: an address in lower case, ``@domain`` or ``*``."""

_C, _D, _L, _B, _R = (
    sending_counts.c,
    sending_days.c,
    sending_limits.c,
    sending_brakes.c,
    sender_rights.c,
)
_SCOPES: BindParameter[Any] = bindparam("scopes", expanding=True)

# counting
ADD_COUNT = (
    update(sending_counts)
    .where(_C.scope == bindparam("of_scope"), _C.slot == bindparam("of_slot"))
    .values(
        messages=_C.messages + bindparam("more_messages"),
        recipients=_C.recipients + bindparam("more_recipients"),
    )
)
SELECT_SLOTS = select(_C.scope, _C.slot, _C.messages, _C.recipients).where(
    _C.scope.in_(_SCOPES), _C.slot > bindparam("after")
)
SELECT_OLD_SCOPES = select(_C.scope).where(_C.slot < bindparam("before")).group_by(_C.scope).limit(10)
SELECT_OLD = (
    select(_C.slot, _C.recipients)
    .where(_C.scope == bindparam("of_scope"), _C.slot < bindparam("before"))
    .order_by(_C.slot)
)
DELETE_OLD = delete(sending_counts).where(_C.scope == bindparam("of_scope"), _C.slot < bindparam("before"))
SELECT_DAYS = select(_D.busiest).where(_D.scope == bindparam("of_scope"), _D.day > bindparam("after"))
DELETE_OLD_DAYS = delete(sending_days).where(_D.day < bindparam("before"))

# exceptions
SELECT_LIMITS = select(
    _L.messages_hour, _L.recipients_hour, _L.messages_day, _L.recipients_day, _L.burst_hour, _L.burst_minutes
).where(_L.scope == bindparam("of_scope"))
DELETE_LIMITS = delete(sending_limits).where(_L.scope == bindparam("of_scope"))
SELECT_EXCEPTIONS = (
    select(
        _L.id,
        _L.scope,
        _L.messages_hour,
        _L.recipients_hour,
        _L.messages_day,
        _L.recipients_day,
        _L.burst_hour,
        _L.burst_minutes,
    )
    .where(_L.id > bindparam("after"))
    .order_by(_L.id)
    .limit(bindparam("count"))
)
SELECT_ADDRESSES = select(accounts.c.id, accounts.c.address).where(
    accounts.c.id.in_(bindparam("ids", expanding=True))
)
SELECT_DOMAINS = select(domains.c.id, domains.c.name).where(
    domains.c.id.in_(bindparam("ids", expanding=True))
)
SELECT_SENDER = (
    select(accounts.c.address, domains.c.id, domains.c.name)
    .join(domains, domains.c.id == accounts.c.domain_id)
    .where(accounts.c.id == bindparam("of_id"))
)

# brakes
_BRAKE = (_B.account_id, _B.state, _B.at, _B.changed_by, _B.reason, _B.sent, _B.usual, _B.mark)
_THIS = _B.account_id == bindparam("of_account")
SELECT_BRAKE = select(*_BRAKE).where(_THIS)
CHANGE_BRAKE = (
    update(sending_brakes)
    .where(_THIS)
    .values(
        state=bindparam("new_state"),
        at=bindparam("new_at"),
        changed_by=bindparam("new_by"),
        reason=bindparam("new_reason"),
        sent=bindparam("new_sent"),
        usual=bindparam("new_usual"),
        told=bindparam("new_told"),
        mark=bindparam("new_mark"),
    )
)
BRAKE_AGAIN = CHANGE_BRAKE.where(_B.state == "released")
TELL = update(sending_brakes).where(_THIS, _B.mark == bindparam("of_mark")).values(told=1)
_STANDING = _B.state.in_(("braked", "blocked"))
SELECT_STANDING = (
    select(*_BRAKE, accounts.c.address)
    .join(accounts, accounts.c.id == _B.account_id)
    .where(
        _STANDING,
        accounts.c.address > bindparam("after"),
        or_(
            bindparam("everywhere") == 1,
            accounts.c.domain_id.in_(
                select(domains.c.id).where(domains.c.name.in_(bindparam("names", expanding=True)))
            ),
        ),
    )
    .order_by(accounts.c.address)
    .limit(bindparam("count"))
)
SELECT_UNTOLD = (
    select(*_BRAKE, accounts.c.address)
    .join(accounts, accounts.c.id == _B.account_id)
    .where(_B.state == "braked", _B.told == 0)
    .order_by(_B.account_id)
    .limit(50)
)
SELECT_RELEASED = select(_B.account_id, _B.at).where(_B.state == "released").order_by(_B.account_id)
DELETE_RELEASED = delete(sending_brakes).where(_B.state == "released", _B.at < bindparam("before"))
DELETE_BRAKE = delete(sending_brakes).where(_THIS)

# who may send as whom
SELECT_RIGHTS = select(_R.pattern).where(_R.account_id == bindparam("of_account")).order_by(_R.pattern)
DELETE_RIGHT = delete(sender_rights).where(
    _R.account_id == bindparam("of_account"), _R.pattern == bindparam("of_pattern")
)
DELETE_RIGHTS = delete(sender_rights).where(_R.account_id == bindparam("of_account"))
INSERT_RIGHT = insert(sender_rights).values(
    account_id=bindparam("account_id"), pattern=bindparam("pattern"), at=bindparam("at")
)
