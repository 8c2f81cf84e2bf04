"""The INBOX as one session sees it: numbered at sign-in, with marks for deletion."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import cast

from posthouse.directory.contract import Account
from posthouse.store.contract import Mailbox, Message, Store, StoreRefusal


class Maildrop:
    """Messages numbered from 1 in the order of their UIDs; the numbers never move."""

    __slots__ = ("_deleted", "_mailbox_id", "_messages", "_uidvalidity")

    def __init__(self, mailbox: Mailbox, messages: Sequence[Message]) -> None:
        self._mailbox_id = mailbox.id
        self._uidvalidity = mailbox.uidvalidity
        self._messages = messages
        self._deleted: set[int] = set()

    @classmethod
    async def open(cls, store: Store, account: Account) -> Maildrop:
        """Take the snapshot. Raises StoreRefusal or DatabaseUnavailable."""
        mailbox = await store.find(account.id, "INBOX")
        if mailbox is None:
            await store.provision(account.id)
            mailbox = await store.find(account.id, "INBOX")
        if mailbox is None:
            raise StoreRefusal("NONEXISTENT", "There is no INBOX")
        view = await store.examine(mailbox.id)
        try:
            # None is missing from a view that was opened just now.
            return cls(view.mailbox, cast("Sequence[Message]", view.snapshot()))
        finally:
            view.close()

    def get(self, number: int) -> Message | None:
        """The message of a number; None when there is none or it is marked as deleted."""
        if 1 <= number <= len(self._messages) and number not in self._deleted:
            return self._messages[number - 1]
        return None

    def totals(self) -> tuple[int, int]:
        """How many messages are not marked, and their octets."""
        sizes = [message.size for _, message in self._left()]
        return len(sizes), sum(sizes)

    def sizes(self) -> Iterator[str]:
        """LIST's lines."""
        return (f"{number} {message.size}" for number, message in self._left())

    def unique_ids(self) -> Iterator[str]:
        """UIDL's lines."""
        return (f"{number} {self._uidvalidity}.{message.uid}" for number, message in self._left())

    def unique_id(self, message: Message) -> str:
        """A message's unique-id (RFC 1939 7: up to 70 printable characters)."""
        return f"{self._uidvalidity}.{message.uid}"

    def delete(self, number: int) -> None:
        """Mark a message."""
        self._deleted.add(number)

    def reset(self) -> None:
        """Drop all marks."""
        self._deleted.clear()

    async def update(self, store: Store) -> int:
        """Remove the marked messages as one durable unit; how many were marked. Those that went meanwhile do
        not matter. Raises StoreRefusal or DatabaseUnavailable."""
        uids = [self._messages[number - 1].uid for number in sorted(self._deleted)]
        if uids:
            await store.expunge_any(self._mailbox_id, uids)
        return len(uids)

    def _left(self) -> Iterator[tuple[int, Message]]:
        if not self._deleted:
            return enumerate(self._messages, 1)
        return (pair for pair in enumerate(self._messages, 1) if pair[0] not in self._deleted)
