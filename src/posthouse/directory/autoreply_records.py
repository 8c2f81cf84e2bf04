"""Automatic replies of accounts, and whom they answered. Times are seconds since 1970."""

from __future__ import annotations

from sqlalchemy import Column, Index, UniqueConstraint, bindparam, delete, func, select, update

from posthouse.database import schema
from posthouse.directory.records import accounts

auto_replies = schema.table(
    "auto_replies",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("active", schema.small(), nullable=False),
    Column("subject", schema.key_text(400), nullable=False),
    Column("plain", schema.text(), nullable=False),
    Column("html", schema.text(), nullable=False),
    Column("starts_at", schema.real(), nullable=False),
    Column("ends_at", schema.real(), nullable=False),
    Column("days", schema.big(), nullable=False),
    Column("audience", schema.ascii_text(16), nullable=False),
)
"""``starts_at``, ``ends_at`` 0: no such limit. ``days`` between two replies to one sender. ``audience``: who gets one
(``everyone``, ``domain``: addresses of the account's own domain, ``outside``: all others)."""

auto_reply_senders = schema.table(
    "auto_reply_senders",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("sender", schema.ascii_text(64), nullable=False),
    Column("replied_at", schema.real(), nullable=False),
    UniqueConstraint("account_id", "sender"),
    Index(None, "replied_at"),
)
"""Who was answered when; ``sender`` is a hash of the address, so that the table tells nobody who writes to whom."""

_R, _S = auto_replies.c, auto_reply_senders.c
_ONE = (_S.account_id == bindparam("of_id"), _S.sender == bindparam("of_sender"))
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))

SELECT = select(
    _R.active, _R.subject, _R.plain, _R.html, _R.starts_at, _R.ends_at, _R.days, _R.audience
).where(_R.account_id == bindparam("of_id"))
SELECT_REPLIED = select(_S.replied_at).where(*_ONE)
SET_REPLIED = update(auto_reply_senders).where(*_ONE).values(replied_at=bindparam("now"))
COUNT_REPLIED = select(func.count()).where(_S.account_id == bindparam("of_id"), _S.replied_at > 0)
DELETE = delete(auto_replies).where(_R.account_id == bindparam("of_id"))
DELETE_SENDERS = delete(auto_reply_senders).where(_S.account_id == bindparam("of_id"))
SELECT_OLD = (
    select(_S.id).where(_S.replied_at < bindparam("before")).order_by(_S.id).limit(bindparam("count"))
)
DELETE_OLD = delete(auto_reply_senders).where(_S.id.in_(bindparam("ids", expanding=True)))
DELETE_IN_DOMAIN = delete(auto_replies).where(_R.account_id.in_(_IN_DOMAIN))
DELETE_SENDERS_IN_DOMAIN = delete(auto_reply_senders).where(_S.account_id.in_(_IN_DOMAIN))
