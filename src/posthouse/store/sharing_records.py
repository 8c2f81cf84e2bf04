"""Who may do what in whose folders, what each reader has read, and notes on mailboxes: tables and statements."""

from __future__ import annotations

from sqlalchemy import Column, Index, and_, bindparam, delete, func, insert, select, update

from posthouse.database import schema
from posthouse.store.records import mailboxes, messages

folder_acl = schema.table(
    "folder_acl",
    Column("mailbox_id", schema.big(), primary_key=True, autoincrement=False),
    Column("identifier", schema.ascii_text(255), primary_key=True),
    Column("rights", schema.ascii_text(16), nullable=False),
    Index(None, "identifier"),
    sqlite_with_rowid=False,
)
"""``identifier`` is ``u`` and an account's id, ``g`` and a group's, ``anyone``, or ``@`` and the percent-encoded
address of nobody yet; with ``-`` before it the rights are taken away. The owner of a mailbox has no entry: all
rights are theirs."""

seen_marks = schema.table(
    "seen_marks",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("message_id", schema.big(), primary_key=True, autoincrement=False),
    Column("seen", schema.small(), nullable=False),
    Index(None, "message_id"),
    sqlite_with_rowid=False,
)
"""Where a mailbox keeps \\Seen for each reader: what this reader has marked. A message without a mark of a reader is
for them as its own row says."""

folder_notes = schema.table(
    "folder_notes",
    Column("mailbox_id", schema.big(), primary_key=True, autoincrement=False),
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("entry", schema.key_text(255), primary_key=True),
    Column("value", schema.blob(), nullable=False),
    sqlite_with_rowid=False,
)
"""Notes of METADATA (RFC 5464). ``mailbox_id`` 0 is the server; ``account_id`` 0 are the shared notes. ``entry`` is in
lower case, without ``/private`` or ``/shared``."""

shared_mailboxes = schema.table(
    "shared_mailboxes",
    Column("account_id", schema.big(), primary_key=True, autoincrement=False),
    Column("created_at", schema.real(), nullable=False),
    Column("keep_sent", schema.small(), nullable=False, server_default="1"),
    sqlite_with_rowid=False,
)
"""Accounts that are nobody's own: their members work with their folders, and nobody signs in to them. ``keep_sent``:
what members send in their name is kept in their folder for sent mail."""

# rights
SELECT_ACL = (
    select(folder_acl.c.identifier, folder_acl.c.rights)
    .where(folder_acl.c.mailbox_id == bindparam("mailbox_id"))
    .order_by(folder_acl.c.identifier)
)
SELECT_GRANTS = (
    select(
        mailboxes.c.id, mailboxes.c.account_id, mailboxes.c.name, folder_acl.c.identifier, folder_acl.c.rights
    )
    .join(mailboxes, mailboxes.c.id == folder_acl.c.mailbox_id)
    .where(folder_acl.c.identifier.in_(bindparam("identifiers", expanding=True)), mailboxes.c.account_id >= 0)
)
SELECT_SHARED_OF = (
    select(mailboxes.c.id, mailboxes.c.name, folder_acl.c.identifier, folder_acl.c.rights)
    .join(folder_acl, mailboxes.c.id == folder_acl.c.mailbox_id)
    .where(mailboxes.c.account_id == bindparam("account_id"))
    .order_by(mailboxes.c.name, folder_acl.c.identifier)
)
SELECT_ENTRIES_LIKE = select(folder_acl.c.mailbox_id, folder_acl.c.identifier, folder_acl.c.rights).where(
    folder_acl.c.identifier.like(bindparam("like"))
)
DELETE_ENTRY = delete(folder_acl).where(
    folder_acl.c.mailbox_id == bindparam("of_mailbox"), folder_acl.c.identifier == bindparam("of_identifier")
)
DELETE_ACL = delete(folder_acl).where(folder_acl.c.mailbox_id == bindparam("of_mailbox"))
DELETE_IDENTIFIER = delete(folder_acl).where(
    folder_acl.c.identifier.in_(bindparam("identifiers", expanding=True))
)
SET_OWN_SEEN = (
    update(mailboxes).where(mailboxes.c.id == bindparam("of_id")).values(own_seen=bindparam("to_own_seen"))
)

SELECT_SHARED_MAILBOXES = select(shared_mailboxes.c.account_id)
SELECT_SHARED_MAILBOX = select(shared_mailboxes.c.keep_sent).where(
    shared_mailboxes.c.account_id == bindparam("account_id")
)
SET_KEEP_SENT = (
    update(shared_mailboxes)
    .where(shared_mailboxes.c.account_id == bindparam("of_account"))
    .values(keep_sent=bindparam("to_keep_sent"))
)
DELETE_SHARED_MAILBOX = delete(shared_mailboxes).where(
    shared_mailboxes.c.account_id == bindparam("of_account")
)

# what readers have read
SELECT_MARKS = select(seen_marks.c.message_id, seen_marks.c.seen).where(
    seen_marks.c.account_id == bindparam("account_id"),
    seen_marks.c.message_id.in_(bindparam("ids", expanding=True)),
)
SELECT_MARKS_RANGE = select(seen_marks.c.message_id, seen_marks.c.seen).where(
    seen_marks.c.account_id == bindparam("account_id"),
    seen_marks.c.message_id > bindparam("after"),
    seen_marks.c.message_id <= bindparam("last"),
)
SUM_MARKS = (
    select(
        func.coalesce(func.sum(seen_marks.c.seen), 0),
        func.coalesce(func.sum(messages.c.flags.bitwise_and(1)), 0),
    )
    .select_from(seen_marks)
    .join(messages, messages.c.id == seen_marks.c.message_id)
    .where(
        seen_marks.c.account_id == bindparam("account_id"),
        seen_marks.c.message_id > bindparam("after"),
        seen_marks.c.message_id <= bindparam("last"),
    )
)
"""How many of a reader's marks say \\Seen, and how many of the same messages say so themselves."""
DELETE_MARKS = delete(seen_marks).where(
    seen_marks.c.account_id == bindparam("of_account"),
    seen_marks.c.message_id.in_(bindparam("ids", expanding=True)),
)
INSERT_MARK = insert(seen_marks).values({column.name: bindparam(column.name) for column in seen_marks.c})
DELETE_MARKS_OF_ACCOUNT = delete(seen_marks).where(seen_marks.c.account_id == bindparam("of_account"))
DELETE_MARKS_RANGE = delete(seen_marks).where(
    seen_marks.c.message_id > bindparam("after"), seen_marks.c.message_id <= bindparam("last")
)
SELECT_MARKED = (
    select(seen_marks.c.message_id)
    .where(seen_marks.c.message_id > bindparam("after"), seen_marks.c.message_id <= bindparam("last"))
    .distinct()
)
SELECT_LEFT_MARKS = (
    select(seen_marks.c.message_id)
    .select_from(seen_marks.outerjoin(messages, messages.c.id == seen_marks.c.message_id))
    .where(messages.c.id.is_(None))
    .distinct()
    .order_by(seen_marks.c.message_id)
    .limit(bindparam("count"))
)
DELETE_MARKS_SOME = delete(seen_marks).where(seen_marks.c.message_id.in_(bindparam("ids", expanding=True)))
SET_MODSEQ = (
    update(messages)
    .where(messages.c.id.in_(bindparam("ids", expanding=True)))
    .values(modseq=bindparam("to_modseq"))
)

# notes
_ANNOTATION = and_(
    folder_notes.c.mailbox_id == bindparam("mailbox_id"), folder_notes.c.account_id == bindparam("account_id")
)
SELECT_ANNOTATIONS = (
    select(folder_notes.c.entry, folder_notes.c.value).where(_ANNOTATION).order_by(folder_notes.c.entry)
)
DELETE_ANNOTATION = delete(folder_notes).where(
    folder_notes.c.mailbox_id == bindparam("of_mailbox"),
    folder_notes.c.account_id == bindparam("of_account"),
    folder_notes.c.entry == bindparam("of_entry"),
)
DELETE_ANNOTATIONS = delete(folder_notes).where(folder_notes.c.mailbox_id == bindparam("of_mailbox"))
DELETE_ANNOTATIONS_OF_ACCOUNT = delete(folder_notes).where(
    folder_notes.c.account_id == bindparam("of_account"), folder_notes.c.account_id != 0
)
