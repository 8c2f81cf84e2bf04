"""EXPUNGE of one chunk, as a unit. Every expunged UID leaves a tombstone with its modseq (RFC 7162)."""

from __future__ import annotations

from collections.abc import Sequence

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.store.boxes import CHUNK, LockedBox, lock_box
from posthouse.store.contract import DELETED
from posthouse.store.kept import keep_in
from posthouse.store.records import (
    DELETE_SOME,
    INSERT_TOMBSTONE,
    SELECT_SOME,
    SELECT_UIDS_FLAGGED,
    message_id,
)

_UID = 0xFFFFFFFF


def expunge_in(
    tx: Transaction,
    mailbox_id: int,
    uids: Sequence[int],
    mask: int,
    feed: Feed,
    side: SideRecord | None,
    keep: int = 0,
) -> list[int]:
    """Expunge those of at most CHUNK UIDs that carry a flag of ``mask`` (0: all of them). They
    are kept to be restored, as deleted at ``keep`` (seconds since 1970; 0: not kept)."""
    box = lock_box(tx, mailbox_id)
    rows = tx.execute(SELECT_SOME, {"ids": [message_id(mailbox_id, uid) for uid in uids]})
    if mask:
        rows = [row for row in rows if row[2] & mask]
    return _expunge(tx, box, rows, feed, side, keep)


def expunge_next(
    tx: Transaction, mailbox_id: int, after: int, feed: Feed, side: SideRecord | None, keep: int = 0
) -> tuple[list[int], int]:
    """Expunge the next messages with \\Deleted above UID ``after``; also the UID to go on after (0: that was
    all)."""
    box = lock_box(tx, mailbox_id)
    if not box.mailbox.deleted:
        return [], 0
    found = tx.execute(
        SELECT_UIDS_FLAGGED,
        {
            "after": message_id(mailbox_id, after),
            "last": message_id(mailbox_id, box.uidnext),
            "mask": DELETED,
            "count": CHUNK,
        },
    )
    if not found:
        return [], 0
    rows = tx.execute(SELECT_SOME, {"ids": [row[0] for row in found]})
    uids = _expunge(tx, box, rows, feed, side, keep)
    return uids, uids[-1] if len(found) == CHUNK else 0


def remove_rows(tx: Transaction, box: LockedBox, rows: list[Row], side: SideRecord | None) -> list[int]:
    """Delete the rows and leave tombstones; the caller saves the box."""
    tx.execute(DELETE_SOME, {"ids": [row[0] for row in rows]})
    uids = [row[0] & _UID for row in rows]
    mailbox_id, modseq = box.mailbox.id, box.modseq
    tx.execute_many(
        INSERT_TOMBSTONE, [{"mailbox_id": mailbox_id, "modseq": modseq, "uid": uid} for uid in uids]
    )
    for row in rows:
        box.count(row[2], row[6], -1)
    if side is not None:
        tx.after_commit(lambda: side.note({"t": "expunge", "m": mailbox_id, "q": modseq, "u": uids}))
    return uids


def _expunge(
    tx: Transaction, box: LockedBox, rows: list[Row], feed: Feed, side: SideRecord | None, keep: int
) -> list[int]:
    if not rows:
        return []
    if keep:
        keep_in(tx, box.mailbox.account_id, [row[0] for row in rows], keep)
    uids = remove_rows(tx, box, rows, side)
    box.save(tx, feed)
    return uids
