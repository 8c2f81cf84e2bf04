"""\\Seen for each reader, in mailboxes that keep it so (``Mailbox.own_seen``); all other flags stay shared.

A reader's mark counts before the message's own flag. Setting one takes the mailbox's next modseq, and the message takes
it too: so CONDSTORE and QRESYNC are right for every session of the reader without a reckoning of their own. The price
is that sessions of other readers hear of a change that is none for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.boxes import CHUNK, LockedBox, lock_box
from posthouse.store.contract import SEEN, Mailbox
from posthouse.store.records import UID_BITS, message_id
from posthouse.store.sharing_records import (
    DELETE_MARKS,
    DELETE_MARKS_OF_ACCOUNT,
    DELETE_MARKS_RANGE,
    DELETE_MARKS_SOME,
    INSERT_MARK,
    SELECT_LEFT_MARKS,
    SELECT_MARKED,
    SELECT_MARKS,
    SELECT_MARKS_RANGE,
    SET_MODSEQ,
    SET_OWN_SEEN,
    SUM_MARKS,
)

_LAST_UID = (1 << UID_BITS) - 1


def marks_of(tx: Transaction, account_id: int, ids: Sequence[int]) -> dict[int, bool]:
    """What a reader has marked of these messages (by the ids of their rows)."""
    found: dict[int, bool] = {}
    for start in range(0, len(ids), CHUNK):
        part = ids[start : start + CHUNK]
        rows = tx.execute(SELECT_MARKS, {"account_id": account_id, "ids": part})
        found.update((row[0], bool(row[1])) for row in rows)
    return found


def marks_in(tx: Transaction, account_id: int, mailbox_id: int) -> dict[int, bool]:
    """All that a reader has marked in a mailbox."""
    rows = tx.execute(SELECT_MARKS_RANGE, {"account_id": account_id, **_span(mailbox_id)})
    return {row[0]: bool(row[1]) for row in rows}


def flags_for(flags: int, mark: bool | None) -> int:
    """A message's flags as a reader sees them."""
    if mark is None:
        return flags
    return flags | SEEN if mark else flags & ~SEEN


def set_marks(tx: Transaction, account_id: int, ids: Sequence[int], seen: bool) -> None:
    """Mark messages for a reader."""
    tx.execute(DELETE_MARKS, {"of_account": account_id, "ids": list(ids)})
    rows = [{"account_id": account_id, "message_id": number, "seen": int(seen)} for number in ids]
    if rows:
        tx.execute_many(INSERT_MARK, rows)


def touch(tx: Transaction, box: LockedBox, ids: Iterable[int]) -> None:
    """Give messages the box's next modseq; the caller saves the box."""
    tx.execute(SET_MODSEQ, {"ids": list(ids), "to_modseq": box.modseq})


def set_own_seen(tx: Transaction, mailbox_id: int, own: bool, feed: Feed) -> None:
    """Keep \\Seen for each reader from now on, or in common. What everybody has read stays read; what single readers
    have marked is forgotten when it is kept in common again. Sessions notice when they open the mailbox next."""
    box = lock_box(tx, mailbox_id)
    if box.mailbox.own_seen == own:
        return
    if not own:
        rows = tx.execute(SELECT_MARKED, _span(mailbox_id))
        for start in range(0, len(rows), CHUNK):
            touch(tx, box, [row[0] for row in rows[start : start + CHUNK]])
        forget_mailbox(tx, mailbox_id)
    tx.execute(SET_OWN_SEEN, {"of_id": mailbox_id, "to_own_seen": int(own)})
    box.save(tx, feed)


def unseen_for(tx: Transaction, mailbox: Mailbox, account_id: int) -> int:
    """How many messages a reader has not read."""
    marked, flagged = tx.execute(SUM_MARKS, {"account_id": account_id, **_span(mailbox.id)})[0]
    return mailbox.unseen + int(flagged) - int(marked)


def forget_account(tx: Transaction, account_id: int) -> None:
    """A reader is gone."""
    tx.change(DELETE_MARKS_OF_ACCOUNT, {"of_account": account_id})


def forget_mailbox(tx: Transaction, mailbox_id: int) -> None:
    """A mailbox is gone, or keeps \\Seen in common from now on."""
    tx.change(DELETE_MARKS_RANGE, _span(mailbox_id))


def sweep(tx: Transaction) -> bool:
    """Remove some marks of messages that are gone; whether there may be more of them."""
    ids = [row[0] for row in tx.execute(SELECT_LEFT_MARKS, {"count": CHUNK})]
    if ids:
        tx.change(DELETE_MARKS_SOME, {"ids": ids})
    return len(ids) == CHUNK


def _span(mailbox_id: int) -> dict[str, int]:
    return {"after": message_id(mailbox_id, 0), "last": message_id(mailbox_id, _LAST_UID)}
