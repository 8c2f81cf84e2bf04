"""Copies for journals that could not be delivered. An op."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.queue.journal_records import COUNT_HELD

COUNTED = 1000
"""Counted no further than this."""


def held(tx: Transaction) -> int:
    """How many are held."""
    return int(tx.execute(COUNT_HELD, {"count": COUNTED})[0][0])
