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
from posthouse.store.append import copy_line
from posthouse.store.boxes import LockedBox, lock_boxes
from posthouse.store.contract import CopyOutcome, StoreRefusal
from posthouse.store.expunge import remove_rows
from posthouse.store.keywords import ensure_keywords
from posthouse.store.quota import check_room
from posthouse.store.records import INSERT_MESSAGE, SELECT_MAILBOX, SELECT_WHOLE, message_id
from posthouse.store.rows import whole_row

_UID = 0xFFFFFFFF


def copy_in(
    tx: Transaction,
    source_id: int,
    uids: Sequence[int],
    target_id: int,
    limit: int,
    feed: Feed,
    side: SideRecord | None,
    *,
    moving: bool = False,
) -> CopyOutcome:
    """Copy (or move) at most CHUNK messages. ``limit`` is the target account's quota in bytes, 0 for none."""
    try:
        source, target = lock_boxes(tx, source_id, target_id)
    except StoreRefusal as refusal:
        raise _whose(tx, refusal, source_id) from None
    rows = tx.execute(SELECT_WHOLE, {"ids": [message_id(source_id, uid) for uid in uids]})
    if not moving or source.mailbox.account_id != target.mailbox.account_id:
        check_room(tx, target.mailbox.account_id, limit, sum(row[6] for row in rows))
    if not rows:
        return CopyOutcome(target.mailbox.uidvalidity, (), (), source.mailbox.highest_modseq)
    copies = _copies(tx, rows, target)
    tx.execute_many(INSERT_MESSAGE, copies)
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


def _copies(tx: Transaction, rows: list[Row], target: LockedBox) -> list[dict[str, Any]]:
    """The target's rows. SAVEDATE is when a message came into this mailbox (RFC 8514), so it is now."""
    texts = {row[11] for row in rows if row[11]}
    ensure_keywords(tx, target.mailbox.id, [name for text in sorted(texts) for name in text.split(" ")])
    spellings = {text: " ".join(ensure_keywords(tx, target.mailbox.id, text.split(" "))) for text in texts}
    copies = []
    now = int(time.time())
    for row in rows:
        copy = whole_row(row)
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
