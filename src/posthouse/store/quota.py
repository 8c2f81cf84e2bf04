"""What an account uses, from its mailboxes' counters: no counter of its own that could drift or be fought
over."""

from __future__ import annotations

from collections.abc import Sequence

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


def check_room(tx: Transaction, account_id: int, limit: int, more: int) -> None:
    """Raise StoreRefusal OVERQUOTA when ``more`` bytes would pass ``limit`` (0: none)."""
    if limit and more and used_in(tx, account_id)[0] + more > limit:
        raise StoreRefusal("OVERQUOTA", "The account's quota is used up")
