"""Mail of one account that is held because it sent too much at once; ``control`` lets it go."""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.queue import burst_records as records

COUNTED = 10_001
"""Counted no further than this."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One recipient of a held message; ``body`` names its content."""

    message_id: int
    trace: str
    body: str
    sender: str
    size: int
    received_at: float
    recipient: str


def held(tx: Transaction, account_id: int, after: int, count: int) -> list[int]:
    """Rows of the account that are held, behind the row ``after``."""
    given = {"of_account": account_id, "after": after, "count": count}
    return [int(row[0]) for row in tx.execute(records.SELECT_HELD, given)]


def count(tx: Transaction, account_id: int) -> int:
    """How many recipients' mail is held."""
    return int(tx.execute(records.COUNT_HELD, {"of_account": account_id, "count": COUNTED})[0][0])


def samples(tx: Transaction, account_id: int, limit: int) -> list[Sample]:
    """The first that were held."""
    rows = tx.execute(records.SELECT_SAMPLES, {"of_account": account_id, "count": limit})
    return [
        Sample(int(row[0]), row[1], bytes(row[2]).hex(), row[3], int(row[4]), float(row[5]), row[6])
        for row in rows
    ]
