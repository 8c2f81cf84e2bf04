"""Where the mail of accounts is forwarded to. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, insert, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts

account_forwards = schema.table(
    "account_forwards",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("keep", schema.small(), nullable=False),
    Column("active", schema.small(), nullable=False),
    schema.since("0004", Column("not_spam", schema.small(), nullable=False, server_default="0")),
    schema.since("0004", Column("sender", schema.key_text(400), nullable=False, server_default="")),
    schema.since("0004", Column("recipient", schema.key_text(400), nullable=False, server_default="")),
    schema.since("0004", Column("subject", schema.key_text(400), nullable=False, server_default="")),
    schema.since("0004", Column("max_size", schema.big(), nullable=False, server_default="0")),
    schema.since("0004", Column("starts_at", schema.real(), nullable=False, server_default="0")),
    schema.since("0004", Column("ends_at", schema.real(), nullable=False, server_default="0")),
)
"""``keep``: a copy stays in the mailbox. ``active`` 0: set up, but switched off by its owner. The others are conditions
(``forward_conditions.Conditions``); mail that does not meet them stays in the mailbox."""

forward_targets = schema.table(
    "forward_targets",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("address", schema.key_text(400), nullable=False),
    Column("target", schema.key_text(400), nullable=False),
    Column("stopped", schema.small(), nullable=False),
    Column("failing_since", schema.real(), nullable=False),
    Column("trouble", schema.text(), nullable=False),
    Column("told_at", schema.real(), nullable=False),
    Index(None, "account_id", "address", unique=True),
)
"""``target`` is the address as it was given, ``address`` in lower case. ``stopped``: the server gave it up after it
failed for too long. ``failing_since`` 0: it works, as far as is known. ``trouble``: what was said last. ``told_at``:
when the owner was told last."""

_F, _T = account_forwards.c, forward_targets.c
_OF = _T.account_id == bindparam("of_id")
_ONE = (_OF, _T.address == bindparam("of_address"))
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))

SELECT = select(
    _F.keep,
    _F.active,
    _F.not_spam,
    _F.sender,
    _F.recipient,
    _F.subject,
    _F.max_size,
    _F.starts_at,
    _F.ends_at,
).where(_F.account_id == bindparam("of_id"))
SELECT_TARGETS = (
    select(_T.target, _T.stopped, _T.failing_since, _T.trouble, _T.told_at).where(_OF).order_by(_T.id)
)
SELECT_TARGET = select(_T.target, _T.stopped, _T.failing_since, _T.trouble, _T.told_at).where(*_ONE)
SELECT_KEYS = select(_T.address).where(_OF).order_by(_T.id)
SELECT_TROUBLED = (
    select(_T.account_id, _T.target, _T.trouble, _T.stopped)
    .where(_T.failing_since > 0)
    .order_by(_T.failing_since)
    .limit(bindparam("count"))
)
SELECT_FAILING = select(_T.address).where(_OF, _T.failing_since > 0)
INSERT_TARGET = insert(forward_targets).values(
    {column.name: bindparam(column.name) for column in _T if column.name != "id"}
)
NOTE = (
    update(forward_targets)
    .where(*_ONE)
    .values(
        stopped=bindparam("new_stopped"),
        failing_since=bindparam("new_since"),
        trouble=bindparam("new_trouble"),
        told_at=bindparam("new_told"),
    )
)
FINE = update(forward_targets).where(*_ONE, _T.failing_since > 0).values(failing_since=0.0, trouble="")
DELETE = delete(account_forwards).where(_F.account_id == bindparam("of_id"))
DELETE_TARGETS = delete(forward_targets).where(_OF)
DELETE_IN_DOMAIN = delete(account_forwards).where(_F.account_id.in_(_IN_DOMAIN))
DELETE_TARGETS_IN_DOMAIN = delete(forward_targets).where(_T.account_id.in_(_IN_DOMAIN))
