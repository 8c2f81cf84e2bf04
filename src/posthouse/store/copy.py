"""COPY and MOVE of one chunk, as a unit.

A copy refers to the body its source refers to; the source's mailbox is locked meanwhile, so the body cannot
go away.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.store import seen
from posthouse.store.append import copy_line
from posthouse.store.boxes import LockedBox, lock_boxes
from posthouse.store.contract import SEEN, CopyOutcome, StoreRefusal
from posthouse.store.expunge import remove_rows
from posthouse.store.keywords import ensure_keywords
from posthouse.store.quota import Check
from posthouse.store.records import INSERT_MESSAGE, SELECT_MAILBOX, SELECT_WHOLE, message_id
from posthouse.store.rows import whole_row

_UID = 0xFFFFFFFF
_KEYWORDS = 32


def copy_in(
    tx: Transaction,
    source_id: int,
    uids: Sequence[int],
    target_id: int,
    fits: Check | None,
    feed: Feed,
    side: SideRecord | None,
    *,
    moving: bool = False,
    reader: int = 0,
    mask: int = 63,
) -> CopyOutcome:
    """Copy (or move) at most CHUNK messages. ``fits`` tells whether the target account has room (None: no limit);
    ``reader``: whose \\Seen is copied, and set, where each reader has their own; ``mask``: which
    flags are copied, as in FlagChange."""
    try:
        source, target = lock_boxes(tx, source_id, target_id)
    except StoreRefusal as refusal:
        raise _whose(tx, refusal, source_id) from None
    rows = tx.execute(SELECT_WHOLE, {"ids": [message_id(source_id, uid) for uid in uids]})
    if fits is not None and (not moving or source.mailbox.account_id != target.mailbox.account_id):
        fits(tx, sum(row[6] for row in rows), len(rows))
    if not rows:
        return CopyOutcome(target.mailbox.uidvalidity, (), (), source.mailbox.highest_modseq)
    own = reader if source.mailbox.own_seen else 0
    marks = seen.marks_of(tx, own, [row[0] for row in rows]) if own else {}
    copies = _copies(tx, rows, target, marks, mask)
    read = _set_apart(target, copies) if reader and target.mailbox.own_seen else []
    tx.execute_many(INSERT_MESSAGE, copies)
    if read:
        seen.set_marks(tx, reader, read, True)
    if moving:
        remove_rows(tx, source, rows, side)
        if source is not target:
            source.save(tx, feed)
    target.save(tx, feed)
    if side is not None:
        lines = [copy_line(target_id, copy) for copy in copies]
        tx.after_commit(lambda: side.notes(lines))
    return CopyOutcome(
        target.mailbox.uidvalidity,
        tuple(row[0] & _UID for row in rows),
        tuple(copy["id"] & _UID for copy in copies),
        source.modseq if moving else source.mailbox.highest_modseq,
    )


def _set_apart(target: LockedBox, copies: list[dict[str, Any]]) -> list[int]:
    """Take \\Seen from copies for a mailbox where it is each reader's own; the ids of those that had it."""
    read = [copy for copy in copies if copy["flags"] & SEEN]
    for copy in read:
        copy["flags"] &= ~SEEN
        target.unseen += 1
    return [copy["id"] for copy in read]


def _copies(
    tx: Transaction, rows: list[Row], target: LockedBox, marks: dict[int, bool], mask: int
) -> list[dict[str, Any]]:
    """The target's rows. SAVEDATE is when a message came into this mailbox (RFC 8514), so it is now."""
    texts = {row[11] for row in rows if row[11]} if mask & _KEYWORDS else set()
    ensure_keywords(tx, target.mailbox.id, [name for text in sorted(texts) for name in text.split(" ")])
    spellings = {text: " ".join(ensure_keywords(tx, target.mailbox.id, text.split(" "))) for text in texts}
    copies = []
    now = int(time.time())
    for row in rows:
        copy = whole_row(row)
        copy["flags"] = seen.flags_for(copy["flags"], marks.get(row[0])) & mask
        copy["keywords"] = spellings.get(copy["keywords"], "")
        copy["id"] = message_id(target.mailbox.id, target.take_uid())
        copy["mailbox_id"] = target.mailbox.id
        copy["modseq"] = target.modseq
        copy["save_date"] = now
        target.count(copy["flags"], copy["size"], 1)
        copies.append(copy)
    return copies


def _whose(tx: Transaction, refusal: StoreRefusal, source_id: int) -> StoreRefusal:
    """A missing target is TRYCREATE, a missing source NONEXISTENT."""
    rows = tx.execute(SELECT_MAILBOX, {"of_id": source_id})
    if refusal.code == "NONEXISTENT" and rows and rows[0][1] >= 0:
        return StoreRefusal("TRYCREATE", "The target mailbox does not exist")
    return refusal
