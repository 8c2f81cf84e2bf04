"""Messages put back from a backup: with the flags, dates and ids they had, and their UIDs where those are still
free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from posthouse.bodies.contract import Bodies
from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.append import copy_line
from posthouse.store.boxes import MAX_UID, lock_box
from posthouse.store.contract import Facts
from posthouse.store.facts import encode
from posthouse.store.keywords import ensure_keywords
from posthouse.store.naming import mailbox_line
from posthouse.store.records import INSERT_MESSAGE, facts, mailboxes, message_id, messages

_FLAGS = 31


@dataclass(frozen=True, slots=True)
class Kept:
    """A message as it was. ``digest`` and ``size`` are its body's; ``facts`` None: somebody else's row has them."""

    uid: int
    flags: int
    keywords: tuple[str, ...]
    zone: int
    internal_date: int
    save_date: int
    thread: bytes
    email: bytes
    prefix: bytes
    digest: str
    size: int
    facts: Facts | None


def note_rows(tx: Transaction, side: SideRecord, table: str, rows: Sequence[dict[str, Any]]) -> None:
    """Once the unit is durable, tell the side record of rows of ``mailboxes`` or ``messages`` that were put in as they
    were; nothing for other tables."""
    if table == mailboxes.name:
        lines = [
            mailbox_line(row["id"], row["account_id"], row["name"], row["uidvalidity"], row["special_use"])
            for row in rows
        ]
    elif table == messages.name:
        lines = [copy_line(row["mailbox_id"], row) for row in rows]
    else:
        return
    tx.after_commit(lambda: side.notes(lines))


def put_back_in(
    tx: Transaction,
    bodies: Bodies,
    feed: Feed,
    side: SideRecord | None,
    mailbox_id: int,
    kept: Sequence[Kept],
) -> list[int]:
    """Add messages (in the order of their UIDs, at most CHUNK) to a mailbox; their bodies are kept already. Returns
    their UIDs now.

    A UID below UIDNEXT was given to some message once and is not given again, were it to the same message: mail
    programs would not look there. Above, a message gets the UID it had.
    """
    box = lock_box(tx, mailbox_id)
    names = {name for message in kept for name in message.keywords}
    ensure_keywords(tx, mailbox_id, sorted(names))
    rows, uids = [], []
    for message in kept:
        digest = bytes.fromhex(message.digest)
        bodies.claim(tx, message.digest, message.size)
        if message.facts is not None:
            tx.insert_ignore(facts, {"body": digest, "data": encode(message.facts)})
        if box.uidnext < message.uid < MAX_UID:
            box.uidnext = message.uid
        uid = box.take_uid()
        size = len(message.prefix) + message.size
        flags = message.flags & _FLAGS
        box.count(flags, size, 1)
        rows.append(
            {
                "id": message_id(mailbox_id, uid),
                "mailbox_id": mailbox_id,
                "modseq": box.modseq,
                "flags": flags,
                "zone": message.zone,
                "internal_date": message.internal_date,
                "save_date": message.save_date,
                "size": size,
                "prefix_size": len(message.prefix),
                "thread": message.thread,
                "body": digest,
                "email": message.email,
                "keywords": " ".join(ensure_keywords(tx, mailbox_id, message.keywords)),
                "prefix": message.prefix,
            }
        )
        uids.append(uid)
    tx.execute_many(INSERT_MESSAGE, rows)
    box.save(tx, feed)
    if side is not None:
        tx.after_commit(lambda: side.notes(copy_line(mailbox_id, row) for row in rows))
    return uids
