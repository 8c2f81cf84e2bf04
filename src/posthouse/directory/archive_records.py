"""Which mail goes into an archive folder by itself, and how far that has come."""

from __future__ import annotations

from sqlalchemy import Column, Index, UniqueConstraint, bindparam, delete, select

from posthouse.database import schema
from posthouse.directory.records import accounts

archive_rules = schema.table(
    "archive_rules",
    Column("id", schema.ident(), primary_key=True),
    Column("scope", schema.ascii_text(10), nullable=False),
    Column("of_id", schema.big(), nullable=False),
    Column("active", schema.small(), nullable=False),
    Column("mail", schema.ascii_text(16), nullable=False),
    Column("action", schema.ascii_text(16), nullable=False),
    Column("days", schema.big(), nullable=False),
    Column("folder", schema.key_text(400), nullable=False),
    UniqueConstraint("scope", "of_id"),
)
"""``scope``: ``account`` or ``domain`` (all of its accounts that have none of their own), and ``of_id`` which one.
``mail``: ``all``, ``received`` (what is in the Inbox) or ``sent``. ``action``: ``copy`` or ``move``, once the mail is
``days`` old. ``folder`` may hold ``%YEAR%`` and ``%MONTH%``."""

archive_progress = schema.table(
    "archive_progress",
    Column("mailbox_id", schema.big(), primary_key=True, autoincrement=False),
    Column("account_id", schema.big(), nullable=False),
    Column("uid", schema.big(), nullable=False),
    Index(None, "account_id"),
)
"""Up to which UID the mail of a folder was copied."""

_R, _P = archive_rules.c, archive_progress.c
_ONE = (_R.scope == bindparam("the_scope"), _R.of_id == bindparam("the_id"))
_IN_DOMAIN = select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))
_RULE = (_R.active, _R.mail, _R.action, _R.days, _R.folder)

SELECT = select(*_RULE).where(*_ONE)
DELETE = delete(archive_rules).where(*_ONE)
DELETE_IN_DOMAIN = delete(archive_rules).where(_R.scope == "account", _R.of_id.in_(_IN_DOMAIN))
SELECT_ANY = select(_R.id).where(_R.active == 1).limit(1)
SELECT_ACCOUNTS = (
    select(accounts.c.id, accounts.c.domain_id, accounts.c.address)
    .where(accounts.c.id > bindparam("after"), accounts.c.active == 1)
    .order_by(accounts.c.id)
    .limit(bindparam("count"))
)
SELECT_PROGRESS = select(_P.uid).where(_P.mailbox_id == bindparam("of_id"))
DELETE_PROGRESS = delete(archive_progress).where(_P.account_id == bindparam("of_id"))
DELETE_PROGRESS_IN_DOMAIN = delete(archive_progress).where(_P.account_id.in_(_IN_DOMAIN))
