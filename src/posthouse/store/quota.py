"""What an account uses, from its mailboxes' counters: no counter of its own that could drift or be fought
over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from posthouse.database.contract import Transaction
from posthouse.store.contract import StoreRefusal
from posthouse.store.records import SELECT_TOTAL, SELECT_USAGE_OF, SELECT_USED


def used_in(tx: Transaction, account_id: int) -> tuple[int, int]:
    """(bytes, messages) of an account."""
    size, messages = tx.execute(SELECT_USED, {"account_id": account_id})[0]
    return int(size), int(messages)


def total_in(tx: Transaction) -> tuple[int, int]:
    """(bytes, messages) of all accounts together."""
    size, messages = tx.execute(SELECT_TOTAL)[0]
    return int(size or 0), int(messages or 0)


def usage_of_in(tx: Transaction, accounts: Sequence[int]) -> dict[int, tuple[int, int]]:
    """(bytes, messages) of these accounts, as far as they have mailboxes."""
    if not accounts:
        return {}
    rows = tx.execute(SELECT_USAGE_OF, {"accounts": accounts})
    return {account: (int(size), int(messages)) for account, size, messages in rows}


Check = Callable[[Transaction, int, int], None]
"""Raises StoreRefusal OVERQUOTA, within a unit, when so many bytes and messages more do not fit."""

QuotaLimit = Callable[[int], Awaitable[int]]
"""The quota of an account in bytes, 0 for none."""


class Rooms(Protocol):
    """How much accounts may hold."""

    async def limits(self, account_id: int) -> tuple[int, int]:
        """The account's quota in (bytes, messages), 0 for none. Raises DatabaseUnavailable."""

    async def room(self, account_id: int) -> Check | None:
        """What tells whether there is room for more; None when there is no limit at all."""


class QuotaRooms:
    """Rooms with nothing but a quota in bytes."""

    def __init__(self, limit: QuotaLimit) -> None:
        self._limit = limit

    async def limits(self, account_id: int) -> tuple[int, int]:
        return await self._limit(account_id), 0

    async def room(self, account_id: int) -> Check | None:
        limit = await self._limit(account_id)
        if not limit:
            return None
        return lambda tx, size, messages: check_room(tx, account_id, limit, size)


def check_room(
    tx: Transaction, account_id: int, limit: int, more: int, most: int = 0, count: int = 0
) -> None:
    """Raise StoreRefusal OVERQUOTA when ``more`` bytes would pass ``limit``, or ``count`` messages more ``most`` (0:
    none)."""
    if not (limit and more) and not (most and count):
        return
    used, messages = used_in(tx, account_id)
    if limit and more and used + more > limit:
        raise StoreRefusal("OVERQUOTA", "The account's quota is used up")
    if most and count and messages + count > most:
        raise StoreRefusal("OVERQUOTA", "The account has as many messages as it may have")
