"""When passwords expire, and whose owners have to be told. All functions are ops."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.directory import expiry_records as records
from posthouse.directory import limits
from posthouse.settings.contract import Settings


@dataclass(frozen=True, slots=True)
class Due:
    """An active account whose owner is to be told. ``since``: when its password was set; ``language`` "" for none."""

    id: int
    address: str
    language: str
    since: float


def expires_at(tx: Transaction, account_id: int, settings: Settings) -> float:
    """When the password of an account expires, in seconds since 1970; 0 for never, and where it is kept outside."""
    rows = tx.execute(records.SELECT_SINCE, {"of_account": account_id})
    if not rows or rows[0][1]:
        return 0.0
    return limits.expires_at(float(rows[0][0]), settings)


def due(tx: Transaction, before: float, after: int, count: int) -> list[Due]:
    """The next accounts, by id, whose password was set before a moment and whose owner was not told of its expiry."""
    rows = tx.execute(records.SELECT_DUE, {"before": before, "after": after, "count": count})
    return [Due(int(row[0]), row[1], row[2], float(row[3])) for row in rows]


def told(tx: Transaction, account_id: int, since: float) -> None:
    """The owner is told of the expiry of the password set then."""
    tx.upsert(records.expiry_warnings, {"account_id": account_id}, {"changed_at": since})


def forget_account(tx: Transaction, account_id: int) -> None:
    """Forget an account that goes for good."""
    tx.change(records.DELETE, {"of_account": account_id})


def sweep(tx: Transaction) -> None:
    """Forget accounts that are gone."""
    tx.change(records.SWEEP)
