"""Mailbox space promised to messages in flight, so that a mailbox is not promised twice."""

from __future__ import annotations


class Reservations:
    """Bytes promised by transaction (its trace id) and account."""

    def __init__(self) -> None:
        self._by_trace: dict[str, dict[int, int]] = {}
        self._by_account: dict[int, int] = {}

    def promised(self, account_id: int, *, apart_from: str) -> int:
        """Bytes promised on this account to other transactions."""
        own = self._by_trace.get(apart_from, {}).get(account_id, 0)
        return self._by_account.get(account_id, 0) - own

    def promise(self, trace: str, account_id: int, size: int) -> None:
        """Promise ``size`` bytes; one transaction holds one promise per account, as it leaves one copy
        there."""
        held = self._by_trace.setdefault(trace, {})
        change = size - held.get(account_id, 0)
        held[account_id] = size
        self._by_account[account_id] = self._by_account.get(account_id, 0) + change

    def release(self, trace: str) -> None:
        """Drop all promises of a transaction."""
        for account_id, size in self._by_trace.pop(trace, {}).items():
            left = self._by_account.get(account_id, 0) - size
            if left:
                self._by_account[account_id] = left
            else:  # also when others still hold promises of 0 bytes (mail of unknown size)
                self._by_account.pop(account_id, None)

    def __len__(self) -> int:
        return len(self._by_trace)
