"""The copy of a message in the sent mail of a shared mailbox, as part of the unit that accepts it."""

from __future__ import annotations

from posthouse.bodies.contract import Body
from posthouse.database.contract import Transaction
from posthouse.store import seen
from posthouse.store.contract import SEEN, Appended, Appender, Facts, NewMessage, StoreRefusal
from posthouse.store.records import SELECT_MAILBOXES
from posthouse.store.rows import mailbox_from

SENT = "\\Sent"


def sent_folder_in(tx: Transaction, account_id: int) -> tuple[int, bool]:
    """The folder for sent mail of an account, by its special use or else its name, and whether everybody has their own
    read marks there. Raises StoreRefusal where there is none."""
    boxes = [mailbox_from(row) for row in tx.execute(SELECT_MAILBOXES, {"account_id": account_id})]
    for box in boxes:
        if box.special_use == SENT:
            return box.id, box.own_seen
    for box in boxes:
        if box.name == "Sent":
            return box.id, box.own_seen
    raise StoreRefusal("NONEXISTENT", "It has no folder for sent mail")


def keep_in(
    tx: Transaction,
    appender: Appender,
    mailbox_id: int,
    body: Body,
    facts: Facts,
    at: int,
    reader: int | None,
) -> Appended:
    """Append what ``reader`` sent: read for them where everybody has their own read marks (``reader`` None: where
    marks are common, read for all)."""
    flags = SEEN if reader is None else 0
    (appended,) = appender.append_in(
        tx, mailbox_id, [NewMessage(body, flags=flags, internal_date=at, facts=facts)]
    )
    if reader is not None:
        seen.set_marks(tx, reader, [appended.message_id], True)
    return appended
