"""Mailboxes in memory that follow the fate of the transaction, and refuse on demand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from posthouse.database.contract import Transaction
from posthouse.store.contract import Appended, NewMessage, StoreRefusal


@dataclass
class Kept:
    """One copy in a mailbox."""

    mailbox_id: int
    uid: int
    message: NewMessage


class MemoryAppender:
    """Stands for ``store.append``: the inbox of account n has id 1000 + n. ``refusing`` and ``failing`` hold
    mailbox ids that decline, or break, once per entry of their count. ``used`` is what accounts use, in
    bytes."""

    def __init__(self) -> None:
        self.kept: list[Kept] = []
        self.refusing: dict[int, int] = {}
        self.failing: dict[int, int] = {}
        self.used: dict[int, int] = {}
        self._uid = 0

    def append_in(self, tx: Transaction, mailbox_id: int, messages: Sequence[NewMessage]) -> list[Appended]:
        if self.refusing.get(mailbox_id, 0):
            self.refusing[mailbox_id] -= 1
            raise StoreRefusal("LIMIT", "told to refuse")
        if self.failing.get(mailbox_id, 0):
            self.failing[mailbox_id] -= 1
            raise RuntimeError("told to fail")
        done = []
        for message in messages:
            self._uid += 1
            tx.after_commit(partial(self.kept.append, Kept(mailbox_id, self._uid, message)))
            done.append(Appended(mailbox_id, 1, self._uid, 1, 5000 + self._uid))
        return done

    def inbox_in(self, tx: Transaction, account_id: int) -> int:
        return 1000 + account_id

    def mailbox_in(self, tx: Transaction, account_id: int, name: str) -> int | None:
        return 1000 + account_id if name == "INBOX" else None

    def used_in(self, tx: Transaction, account_id: int) -> int:
        return self.used.get(account_id, 0)

    def of(self, account_id: int) -> list[NewMessage]:
        """The copies in an account's inbox."""
        return [kept.message for kept in self.kept if kept.mailbox_id == 1000 + account_id]
