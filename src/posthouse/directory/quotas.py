"""What accounts may hold, and how far their owners were warned. Functions are ops; sizes in bytes, 0 = no limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import quota_records as records
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.versions import DIRECTORY, bump

MAX_MESSAGES = 2**53


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits that hold for an account. ``quota`` and ``messages`` are the account's own; ``message`` is the largest
    message, by account or domain; ``domain`` is what all accounts of the domain may hold together."""

    quota: int = 0
    messages: int = 0
    message: int = 0
    domain_id: int = 0
    domain: int = 0

    @property
    def any(self) -> bool:
        """Whether what is there already has to be looked at."""
        return bool(self.quota or self.messages or self.domain)


@dataclass(frozen=True, slots=True)
class Limited:
    """An active account with a quota, by size or number."""

    id: int
    address: str
    quota: int
    messages: int


def read(tx: Transaction, account_id: int) -> Limits:
    """The limits of an account; none for one that is not there."""
    rows = tx.execute(records.SELECT_LIMITS, {"of_account": account_id})
    if not rows:
        return Limits()
    quota, own, messages, domain_id, domain, common = rows[0]
    each = [int(limit) for limit in (own, common) if limit]
    return Limits(int(quota), int(messages or 0), min(each, default=0), int(domain_id), int(domain))


def max_messages_of(tx: Transaction, ids: Sequence[int]) -> dict[int, int]:
    """How many messages these accounts may hold, where that is limited."""
    rows = tx.execute(records.SELECT_MAX_MESSAGES, {"ids": ids}) if ids else []
    return {int(row[0]): int(row[1]) for row in rows}


def set_max_messages(tx: Transaction, account: Account, most: int, *, feed: Feed | None = None) -> None:
    """Set how many messages an account may hold, 0 = any number. What is over it stays. Raises DirectoryError."""
    if not 0 <= most <= MAX_MESSAGES:
        raise DirectoryError(f"{most} messages are not possible", "give a number, or 0 for no limit")
    if most:
        tx.upsert(records.account_limits, {"account_id": account.id}, {"max_messages": most})
    else:
        tx.execute(records.DELETE_LIMITS, {"of_account": account.id})
    bump(tx, DIRECTORY, feed)


def limited(tx: Transaction, after: int, count: int) -> list[Limited]:
    """The next active accounts with a quota, by id."""
    rows = tx.execute(records.SELECT_LIMITED, {"after": after, "count": count})
    return [Limited(int(row[0]), row[1], int(row[2]), int(row[3] or 0)) for row in rows]


def levels_of(tx: Transaction, ids: Sequence[int]) -> dict[int, int]:
    """The levels (per cent) that these accounts were warned of, where they were."""
    rows = tx.execute(records.SELECT_LEVELS, {"ids": ids}) if ids else []
    return {int(row[0]): int(row[1]) for row in rows}


def set_level(tx: Transaction, account_id: int, level: int, now: int) -> None:
    """Remember what an account was warned of; 0: it is below every level again."""
    if level:
        tx.upsert(records.quota_warnings, {"account_id": account_id}, {"level": level, "warned_at": now})
    else:
        tx.execute(records.DELETE_WARNING, {"of_account": account_id})


def fullest(tx: Transaction, count: int) -> list[tuple[int, str, int, int, int]]:
    """(id, address, quota, level, warned at) of accounts that were warned, the fullest first."""
    return [tuple(row) for row in tx.execute(records.SELECT_FULLEST, {"count": count})]


def forget_account(tx: Transaction, account_id: int) -> None:
    """Drop what is kept of an account that is removed for good."""
    tx.execute(records.DELETE_LIMITS, {"of_account": account_id})
    tx.execute(records.DELETE_WARNING, {"of_account": account_id})
