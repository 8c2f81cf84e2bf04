"""The tables of the mail store and their statements. Times are seconds since 1970, sizes bytes.

A message's ``id`` is its mailbox's id and its UID in one number (:func:`message_id`): neither is ever used
again, so neither is the id; the rows of a mailbox lie side by side, and a UID range is an id range.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, UniqueConstraint, bindparam, delete, func, insert, select, update

from posthouse.database import schema

mailboxes = schema.table(
    "mailboxes",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("name", schema.key_text(512), nullable=False),
    Column("object_id", schema.ascii_text(40), nullable=False),
    Column("uidvalidity", schema.big(), nullable=False),
    Column("uidnext", schema.big(), nullable=False),
    Column("highest_modseq", schema.big(), nullable=False),
    Column("tombstones_from", schema.big(), nullable=False),
    Column("special_use", schema.ascii_text(32), nullable=False),
    Column("messages", schema.big(), nullable=False),
    Column("unseen", schema.big(), nullable=False),
    Column("deleted", schema.big(), nullable=False),
    Column("deleted_size", schema.big(), nullable=False),
    Column("size", schema.big(), nullable=False),
    Column("recent_from", schema.big(), nullable=False),
    schema.since("0004", Column("own_seen", schema.small(), nullable=False, server_default="0")),
    UniqueConstraint("account_id", "name"),
    sqlite_autoincrement=True,
)
"""``account_id`` is below zero (``-1 - account``) for a deleted mailbox whose messages are being removed.
``tombstones_from``: expunges up to this modseq are no longer told apart (their tombstones were pruned)."""

messages = schema.table(
    "messages",
    Column("id", schema.ident(), primary_key=True, autoincrement=False),
    Column("mailbox_id", schema.big(), nullable=False),
    Column("modseq", schema.big(), nullable=False),
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
    Index(None, "mailbox_id", "modseq"),
    Index(None, "body"),
)
"""One row for each copy. ``keywords`` are separated by blanks. ``email`` and ``thread`` become RFC 8474's
ids."""

facts = schema.table(
    "facts",
    Column("id", schema.ident(), primary_key=True),
    Column("body", schema.digest(), nullable=False, unique=True),
    Column("data", schema.blob(), nullable=False),
)
"""What a body looks like (``store.facts`` encodes it); one row for each body, made at its first append."""

tombstones = schema.table(
    "tombstones",
    Column("mailbox_id", schema.big(), primary_key=True, autoincrement=False),
    Column("modseq", schema.big(), primary_key=True, autoincrement=False),
    Column("uid", schema.big(), primary_key=True, autoincrement=False),
    sqlite_with_rowid=False,
)

keywords = schema.table(
    "keywords",
    Column("mailbox_id", schema.big(), primary_key=True, autoincrement=False),
    Column("folded", schema.key_text(100), primary_key=True),
    Column("name", schema.key_text(100), nullable=False),
    sqlite_with_rowid=False,
)
"""The keywords of a mailbox; ``folded`` is lower case, ``name`` the spelling first used."""

subscriptions = schema.table(
    "subscriptions",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("name", schema.key_text(512), primary_key=True),
    sqlite_with_rowid=False,
)

counters = schema.table(
    "counters",
    Column("name", schema.ascii_text(32), primary_key=True),
    Column("value", schema.big(), nullable=False),
    sqlite_with_rowid=False,
)
"""Numbers that only grow: ``uidvalidity`` is the last one given to any mailbox."""

UID_BITS = 32
UID_MASK = (1 << UID_BITS) - 1


def message_id(mailbox_id: int, uid: int) -> int:
    """The id of a message's row."""
    return mailbox_id << UID_BITS | uid


# counters
SELECT_COUNTER = select(counters.c.value).where(counters.c.name == bindparam("name"))
UPDATE_COUNTER = update(counters).where(counters.c.name == bindparam("of_name")).values(value=bindparam("to"))

# mailboxes
_MAILBOX = (
    mailboxes.c.id,
    mailboxes.c.account_id,
    mailboxes.c.name,
    mailboxes.c.object_id,
    mailboxes.c.uidvalidity,
    mailboxes.c.uidnext,
    mailboxes.c.highest_modseq,
    mailboxes.c.special_use,
    mailboxes.c.messages,
    mailboxes.c.unseen,
    mailboxes.c.deleted,
    mailboxes.c.deleted_size,
    mailboxes.c.size,
    mailboxes.c.recent_from,
    mailboxes.c.tombstones_from,
    mailboxes.c.own_seen,
)
SELECT_MAILBOX = select(*_MAILBOX).where(mailboxes.c.id == bindparam("of_id"))
SELECT_MAILBOX_NAMED = select(*_MAILBOX).where(
    mailboxes.c.account_id == bindparam("account_id"), mailboxes.c.name == bindparam("name")
)
SELECT_MAILBOXES = (
    select(*_MAILBOX).where(mailboxes.c.account_id == bindparam("account_id")).order_by(mailboxes.c.name)
)
SELECT_MAILBOXES_BY_ID = select(*_MAILBOX).where(mailboxes.c.id.in_(bindparam("ids", expanding=True)))
SELECT_NAMES = (
    select(mailboxes.c.id, mailboxes.c.name, mailboxes.c.special_use)
    .where(mailboxes.c.account_id == bindparam("account_id"))
    .order_by(mailboxes.c.id)
)
SELECT_MAILBOX_ID = select(mailboxes.c.id).where(
    mailboxes.c.account_id == bindparam("account_id"), mailboxes.c.name == bindparam("name")
)
SELECT_ALL_IDS = (
    select(mailboxes.c.id)
    .where(mailboxes.c.id > bindparam("after"))
    .order_by(mailboxes.c.id)
    .limit(bindparam("count"))
)
INSERT_MAILBOX = insert(mailboxes).values(
    {
        column.name: bindparam(column.name)
        for column in mailboxes.c
        if column.name != "id" and "since" not in column.info
    }
)
DETACH_MAILBOX = (
    update(mailboxes)
    .where(mailboxes.c.id == bindparam("of_id"))
    .values(account_id=bindparam("to_account"), name=mailboxes.c.object_id, special_use="")
)
SELECT_DETACHED = (
    select(mailboxes.c.id)
    .where(mailboxes.c.account_id < 0)
    .order_by(mailboxes.c.id)
    .limit(bindparam("count"))
)
SELECT_TOTAL = select(func.sum(mailboxes.c.size), func.sum(mailboxes.c.messages)).where(
    mailboxes.c.account_id >= 0
)
SELECT_USAGE_OF = (
    select(mailboxes.c.account_id, func.sum(mailboxes.c.size), func.sum(mailboxes.c.messages))
    .where(mailboxes.c.account_id.in_(bindparam("accounts", expanding=True)))
    .group_by(mailboxes.c.account_id)
)
DELETE_MAILBOX = delete(mailboxes).where(mailboxes.c.id == bindparam("of_id"))
RENAME_MAILBOX = update(mailboxes).where(mailboxes.c.id == bindparam("of_id")).values(name=bindparam("to"))
SET_RECENT = update(mailboxes).where(mailboxes.c.id == bindparam("of_id")).values(recent_from=bindparam("to"))
MOVE_COUNTERS = (
    update(mailboxes)
    .where(mailboxes.c.id == bindparam("of_id"))
    .values(
        uidnext=bindparam("to_uidnext"),
        highest_modseq=bindparam("to_modseq"),
        messages=mailboxes.c.messages + bindparam("add_messages"),
        unseen=mailboxes.c.unseen + bindparam("add_unseen"),
        deleted=mailboxes.c.deleted + bindparam("add_deleted"),
        deleted_size=mailboxes.c.deleted_size + bindparam("add_deleted_size"),
        size=mailboxes.c.size + bindparam("add_size"),
    )
)
SELECT_USED = select(
    func.coalesce(func.sum(mailboxes.c.size), 0), func.coalesce(func.sum(mailboxes.c.messages), 0)
).where(mailboxes.c.account_id == bindparam("account_id"))
SET_TOMBSTONES_FROM = (
    update(mailboxes).where(mailboxes.c.id == bindparam("of_id")).values(tombstones_from=bindparam("to"))
)

# messages
_MESSAGE = (
    messages.c.id,
    messages.c.modseq,
    messages.c.flags,
    messages.c.zone,
    messages.c.internal_date,
    messages.c.save_date,
    messages.c.size,
    messages.c.prefix_size,
    messages.c.thread,
    messages.c.body,
    messages.c.email,
    messages.c.keywords,
)
INSERT_MESSAGE = insert(messages).values({column.name: bindparam(column.name) for column in messages.c})
SELECT_RANGE = (
    select(*_MESSAGE)
    .where(messages.c.id > bindparam("after"), messages.c.id <= bindparam("last"))
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
SELECT_CHANGED = (
    select(*_MESSAGE)
    .where(messages.c.mailbox_id == bindparam("mailbox_id"), messages.c.modseq > bindparam("since"))
    .order_by(messages.c.modseq, messages.c.id)
    .limit(bindparam("count"))
)
SELECT_SOME = (
    select(*_MESSAGE).where(messages.c.id.in_(bindparam("ids", expanding=True))).order_by(messages.c.id)
)
SELECT_WHOLE = (
    select(*_MESSAGE, messages.c.prefix)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .order_by(messages.c.id)
)
SELECT_PREFIX = select(messages.c.prefix).where(messages.c.id == bindparam("of_id"))
SELECT_UIDS_FLAGGED = (
    select(messages.c.id)
    .where(
        messages.c.id > bindparam("after"),
        messages.c.id <= bindparam("last"),
        messages.c.flags.bitwise_and(bindparam("mask")) != 0,
    )
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
SELECT_IDS = (
    select(messages.c.id)
    .where(messages.c.id > bindparam("after"), messages.c.id <= bindparam("last"))
    .order_by(messages.c.id)
    .limit(bindparam("count"))
)
SELECT_KEYWORDS_IN_USE = select(messages.c.keywords).where(
    messages.c.id > bindparam("after"),
    messages.c.id <= bindparam("last"),
    messages.c.keywords != bindparam("none"),
)
SET_FLAGS = (
    update(messages)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .values(flags=bindparam("to_flags"), keywords=bindparam("to_keywords"), modseq=bindparam("to_modseq"))
)
DELETE_SOME = delete(messages).where(messages.c.id.in_(bindparam("ids", expanding=True)))
SELECT_REFERRED = (
    select(messages.c.body).distinct().where(messages.c.body.in_(bindparam("digests", expanding=True)))
)
SELECT_HELD = (
    select(messages.c.id)
    .join(mailboxes, mailboxes.c.id == messages.c.mailbox_id)
    .where(messages.c.body == bindparam("of_body"), mailboxes.c.account_id == bindparam("of_account"))
    .limit(1)
)

# facts
SELECT_FACTS = select(facts.c.body, facts.c.data).where(
    facts.c.body.in_(bindparam("digests", expanding=True))
)
DELETE_FACTS = delete(facts).where(facts.c.body == bindparam("digest"))

# tombstones
INSERT_TOMBSTONE = insert(tombstones).values({column.name: bindparam(column.name) for column in tombstones.c})
SELECT_TOMBSTONES = (
    select(tombstones.c.uid, tombstones.c.modseq)
    .where(tombstones.c.mailbox_id == bindparam("mailbox_id"), tombstones.c.modseq > bindparam("since"))
    .order_by(tombstones.c.modseq, tombstones.c.uid)
)
COUNT_TOMBSTONES = select(func.count()).where(tombstones.c.mailbox_id == bindparam("mailbox_id"))
SELECT_TOMBSTONE_MODSEQ = (
    select(tombstones.c.modseq)
    .where(tombstones.c.mailbox_id == bindparam("mailbox_id"))
    .order_by(tombstones.c.modseq)
    .limit(1)
    .offset(bindparam("skip"))
)
DELETE_TOMBSTONES = delete(tombstones).where(
    tombstones.c.mailbox_id == bindparam("mailbox_id"), tombstones.c.modseq <= bindparam("upto")
)
DELETE_ALL_TOMBSTONES = delete(tombstones).where(tombstones.c.mailbox_id == bindparam("mailbox_id"))

# keywords
SELECT_KEYWORDS = select(keywords.c.folded, keywords.c.name).where(
    keywords.c.mailbox_id == bindparam("mailbox_id")
)
INSERT_KEYWORD = insert(keywords).values({column.name: bindparam(column.name) for column in keywords.c})
DELETE_KEYWORD = delete(keywords).where(
    keywords.c.mailbox_id == bindparam("mailbox_id"), keywords.c.folded == bindparam("folded")
)
DELETE_ALL_KEYWORDS = delete(keywords).where(keywords.c.mailbox_id == bindparam("mailbox_id"))

# subscriptions
SELECT_SUBSCRIPTIONS = (
    select(subscriptions.c.name)
    .where(subscriptions.c.account_id == bindparam("account_id"))
    .order_by(subscriptions.c.name)
)
SELECT_SUBSCRIPTIONS_LIKE = select(subscriptions.c.account_id, subscriptions.c.name).where(
    subscriptions.c.name.like(bindparam("like"))
)
DELETE_SUBSCRIPTIONS = delete(subscriptions).where(subscriptions.c.account_id == bindparam("account_id"))
DELETE_SUBSCRIPTION = delete(subscriptions).where(
    subscriptions.c.account_id == bindparam("account_id"), subscriptions.c.name == bindparam("name")
)
