"""What is in the queue when a domain gets another name."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.queue import rename_records as records


def rename_domain(tx: Transaction, old: str, new: str, *, keep: bool) -> None:
    """As an op: what waits for an address of a domain of ours goes on to its new one. Where the old name is given up
    (``keep`` false), notices about what is under way find its senders by the new one, too."""
    values = {"ending": f"%@{old}", "old_at": f"@{old}", "new_at": f"@{new}"}
    tx.change(records.RENAME_RECIPIENTS, values)
    if not keep:
        tx.change(records.RENAME_SENDERS, values)
