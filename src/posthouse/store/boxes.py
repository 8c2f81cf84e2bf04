"""A mailbox's row under its lock: the next UID, the next modseq, the counters.

Whoever changes anything in a mailbox locks its row first; units that change several lock them in id order.
"""

from __future__ import annotations

from collections.abc import Callable

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.store.contract import DELETED, SEEN, Mailbox, StoreRefusal
from posthouse.store.records import MOVE_COUNTERS, SELECT_MAILBOX, UID_BITS
from posthouse.store.rows import mailbox_from

MAX_UID = (1 << UID_BITS) - 1
CHUNK = 500
"""Rows one unit may change."""


class LockedBox:
    """A locked mailbox and what the unit will add to its counters; :meth:`save` writes them."""

    __slots__ = ("added", "deleted", "deleted_size", "mailbox", "modseq", "size", "uidnext", "unseen")

    def __init__(self, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.modseq = mailbox.highest_modseq + 1
        self.uidnext = mailbox.uidnext
        self.added = 0
        self.unseen = 0
        self.deleted = 0
        self.deleted_size = 0
        self.size = 0

    def take_uid(self) -> int:
        """The next UID."""
        uid = self.uidnext
        if uid >= MAX_UID:
            raise StoreRefusal("LIMIT", "The mailbox has no UIDs left")
        self.uidnext = uid + 1
        return uid

    def count(self, flags: int, size: int, sign: int) -> None:
        """A message of these flags and this size comes (sign 1) or goes (-1)."""
        self.added += sign
        self.size += sign * size
        if not flags & SEEN:
            self.unseen += sign
        if flags & DELETED:
            self.deleted += sign
            self.deleted_size += sign * size

    def recount(self, old: int, new: int, size: int) -> None:
        """A message's flags change."""
        self.unseen += (old & SEEN) - (new & SEEN)
        if (old ^ new) & DELETED:
            sign = 1 if new & DELETED else -1
            self.deleted += sign
            self.deleted_size += sign * size

    def save(self, tx: Transaction, feed: Feed) -> None:
        """Write counters, uidnext and modseq; publish the change after the commit."""
        box = self.mailbox
        tx.execute(
            MOVE_COUNTERS,
            {
                "of_id": box.id,
                "to_uidnext": self.uidnext,
                "to_modseq": self.modseq,
                "add_messages": self.added,
                "add_unseen": self.unseen,
                "add_deleted": self.deleted,
                "add_deleted_size": self.deleted_size,
                "add_size": self.size,
            },
        )
        tx.after_commit(_publishing(feed, box.id, self.modseq))


def _publishing(feed: Feed, mailbox_id: int, modseq: int) -> Callable[[], None]:
    return lambda: feed.publish("mailbox", mailbox_id, modseq)


def lock_row(tx: Transaction, mailbox_id: int) -> Row:
    """The locked row. Raises StoreRefusal NONEXISTENT."""
    rows = tx.lock(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not rows or rows[0][1] < 0:
        raise StoreRefusal("NONEXISTENT", "The mailbox does not exist")
    return rows[0]


def lock_box(tx: Transaction, mailbox_id: int) -> LockedBox:
    """Lock one mailbox. Raises StoreRefusal NONEXISTENT."""
    return LockedBox(mailbox_from(lock_row(tx, mailbox_id)))


def lock_boxes(tx: Transaction, one: int, other: int) -> tuple[LockedBox, LockedBox]:
    """Lock two mailboxes in id order; the same one twice is one object."""
    if one == other:
        box = lock_box(tx, one)
        return box, box
    first = lock_box(tx, min(one, other))
    second = lock_box(tx, max(one, other))
    return (first, second) if one < other else (second, first)
