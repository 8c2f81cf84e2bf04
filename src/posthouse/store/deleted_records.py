"""Messages and mailboxes that were deleted and may come back: tables and statements. Times are seconds since 1970,
sizes bytes."""

from __future__ import annotations

from sqlalchemy import Column, Index, bindparam, delete, func, insert, literal_column, select, update

from posthouse.database import schema
from posthouse.store.records import mailboxes, messages

deleted_messages = schema.table(
    "deleted_messages",
    Column("id", schema.ident(), primary_key=True, autoincrement=False),
    Column("mailbox_id", schema.big(), nullable=False),
    Column("account_id", schema.big(), nullable=False),
    Column("deleted_at", schema.big(), nullable=False),
    Column("whole", schema.small(), nullable=False),
    Column("flags", schema.small(), nullable=False),
    Column("zone", schema.small(), nullable=False),
    Column("internal_date", schema.big(), nullable=False),
    Column("save_date", schema.big(), nullable=False),
    Column("size", schema.big(), nullable=False),
    Column("prefix_size", schema.big(), nullable=False),
    Column("thread", schema.key_blob(8), nullable=False),
    Column("body", schema.digest(), nullable=False),
    Column("email", schema.key_blob(16), nullable=False),
    Column("keywords", schema.text(), nullable=False),
    Column("prefix", schema.blob(), nullable=False),
    Index(None, "account_id", "deleted_at"),
    Index(None, "mailbox_id"),
    Index(None, "deleted_at"),
    Index(None, "body"),
)
"""A row is what ``messages`` had, under the same id (ids are never given again). ``whole``: 1 for what went with its
mailbox."""

deleted_mailboxes = schema.table(
    "deleted_mailboxes",
    Column("mailbox_id", schema.ident(), primary_key=True, autoincrement=False),
    Column("account_id", schema.big(), nullable=False),
    Column("name", schema.key_text(512), nullable=False),
    Column("special_use", schema.ascii_text(32), nullable=False),
    Column("deleted_at", schema.big(), nullable=False),
    Column("restored", schema.small(), nullable=False),
    Index(None, "account_id"),
)
"""``restored``: 1 once its messages came back; the row stays as long as messages expunged before need its name."""

_SAME = (
    "id",
    "mailbox_id",
    "flags",
    "zone",
    "internal_date",
    "save_date",
    "size",
    "prefix_size",
    "thread",
    "body",
    "email",
    "keywords",
    "prefix",
)
_ROW = tuple(deleted_messages.c[name] for name in _SAME)


KEEP_SOME = insert(deleted_messages).from_select(
    [*_SAME, "account_id", "deleted_at", "whole"],
    select(
        *(messages.c[name] for name in _SAME),
        bindparam("of_account", type_=deleted_messages.c.account_id.type),
        bindparam("now", type_=deleted_messages.c.deleted_at.type),
        bindparam("is_whole", type_=deleted_messages.c.whole.type),
    ).where(messages.c.id.in_(bindparam("ids", expanding=True))),
)
"""The database copies the rows itself: an EXPUNGE of many stays one statement more for each chunk."""

SELECT_DELETED = (
    select(*_ROW, deleted_messages.c.account_id, deleted_messages.c.deleted_at)
    .where(
        deleted_messages.c.id.in_(bindparam("ids", expanding=True)),
        deleted_messages.c.account_id == bindparam("account_id"),
    )
    .order_by(deleted_messages.c.id)
)
SELECT_PAGE = (
    select(*_ROW, deleted_messages.c.account_id, deleted_messages.c.deleted_at)
    .where(
        deleted_messages.c.account_id == bindparam("account_id"),
        (deleted_messages.c.deleted_at < bindparam("before"))
        | (
            (deleted_messages.c.deleted_at == bindparam("before"))
            & (deleted_messages.c.id < bindparam("before_id"))
        ),
    )
    .order_by(deleted_messages.c.deleted_at.desc(), deleted_messages.c.id.desc())
    .limit(bindparam("count"))
)
SELECT_SINCE = (
    select(deleted_messages.c.id, deleted_messages.c.mailbox_id)
    .where(
        deleted_messages.c.account_id == bindparam("account_id"),
        deleted_messages.c.deleted_at >= bindparam("since"),
        deleted_messages.c.id > bindparam("after"),
    )
    .order_by(deleted_messages.c.id)
    .limit(bindparam("count"))
)
SELECT_OF_MAILBOX = (
    select(deleted_messages.c.id)
    .where(
        deleted_messages.c.mailbox_id == bindparam("mailbox_id"),
        deleted_messages.c.account_id == bindparam("account_id"),
        deleted_messages.c.whole == 1,
    )
    .order_by(deleted_messages.c.id)
    .limit(bindparam("count"))
)
SELECT_PLACES = select(deleted_messages.c.id, deleted_messages.c.mailbox_id).where(
    deleted_messages.c.id.in_(bindparam("ids", expanding=True)),
    deleted_messages.c.account_id == bindparam("account_id"),
)
SELECT_TOTAL_OF = select(
    func.count(), func.coalesce(func.sum(deleted_messages.c.size), 0), func.min(deleted_messages.c.deleted_at)
).where(deleted_messages.c.account_id == bindparam("account_id"))
SELECT_ACCOUNTS = (
    select(deleted_messages.c.account_id)
    .where(deleted_messages.c.account_id > bindparam("after"))
    .order_by(deleted_messages.c.account_id)
    .limit(1)
)
SELECT_OLDEST = (
    select(deleted_messages.c.id, deleted_messages.c.size)
    .where(deleted_messages.c.account_id == bindparam("account_id"))
    .order_by(deleted_messages.c.deleted_at, deleted_messages.c.id)
    .limit(bindparam("count"))
)
_VERIFIED = (deleted_messages.c.id, deleted_messages.c.account_id, deleted_messages.c.mailbox_id)
SELECT_AFTER = (
    select(
        *_VERIFIED,
        deleted_messages.c.size,
        deleted_messages.c.prefix_size,
        deleted_messages.c.body,
        deleted_messages.c.prefix,
    )
    .where(deleted_messages.c.id > bindparam("after"), deleted_messages.c.id <= bindparam("last"))
    .order_by(deleted_messages.c.id)
    .limit(bindparam("count"))
)
SELECT_DELETED_WITH = (
    select(*_VERIFIED)
    .where(deleted_messages.c.body == bindparam("of_body"))
    .order_by(deleted_messages.c.id)
    .limit(bindparam("count"))
)
SELECT_EXPIRED = (
    select(deleted_messages.c.id)
    .where(deleted_messages.c.deleted_at < bindparam("before"))
    .order_by(deleted_messages.c.deleted_at)
    .limit(bindparam("count"))
)
DELETE_DELETED = delete(deleted_messages).where(deleted_messages.c.id.in_(bindparam("ids", expanding=True)))
SELECT_DELETED_REFERRED = (
    select(deleted_messages.c.body)
    .distinct()
    .where(deleted_messages.c.body.in_(bindparam("digests", expanding=True)))
)
COUNT_OF_MAILBOX = (
    select(deleted_messages.c.mailbox_id, func.count(), func.coalesce(func.sum(deleted_messages.c.size), 0))
    .where(deleted_messages.c.mailbox_id.in_(bindparam("ids", expanding=True)), deleted_messages.c.whole == 1)
    .group_by(deleted_messages.c.mailbox_id)
)

INSERT_MAILBOX = insert(deleted_mailboxes).values(
    {column.name: bindparam(column.name) for column in deleted_mailboxes.c}
)
_MAILBOX = (
    deleted_mailboxes.c.mailbox_id,
    deleted_mailboxes.c.account_id,
    deleted_mailboxes.c.name,
    deleted_mailboxes.c.special_use,
    deleted_mailboxes.c.deleted_at,
    deleted_mailboxes.c.restored,
)
SELECT_KEPT_MAILBOX = select(*_MAILBOX).where(deleted_mailboxes.c.mailbox_id == bindparam("of_id"))
SELECT_KEPT_MAILBOXES = (
    select(*_MAILBOX)
    .where(deleted_mailboxes.c.account_id == bindparam("account_id"))
    .order_by(deleted_mailboxes.c.deleted_at.desc(), deleted_mailboxes.c.mailbox_id.desc())
)
SET_RESTORED = (
    update(deleted_mailboxes).where(deleted_mailboxes.c.mailbox_id == bindparam("of_id")).values(restored=1)
)
DELETE_KEPT_MAILBOX = delete(deleted_mailboxes).where(deleted_mailboxes.c.mailbox_id == bindparam("of_id"))
DELETE_KEPT_MAILBOXES = delete(deleted_mailboxes).where(
    deleted_mailboxes.c.account_id == bindparam("account_id")
)
SELECT_EXPIRED_MAILBOXES = (
    select(deleted_mailboxes.c.mailbox_id)
    .where(
        deleted_mailboxes.c.deleted_at < bindparam("before"),
        ~select(literal_column("1")).where(mailboxes.c.id == deleted_mailboxes.c.mailbox_id).exists(),
    )
    .order_by(deleted_mailboxes.c.mailbox_id)
    .limit(bindparam("count"))
)
SELECT_NAMES_OF = select(mailboxes.c.id, mailboxes.c.name).where(
    mailboxes.c.account_id == bindparam("account_id"),
    mailboxes.c.id.in_(bindparam("ids", expanding=True)),
)
