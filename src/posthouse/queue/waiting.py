"""What waits for a mailbox of ours."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.queue.waiting_records import SELECT_WAITING


def waits(tx: Transaction, digest: str, account_id: int) -> bool:
    """Whether a message with this body waits to be put into a mailbox of the account."""
    return bool(tx.execute(SELECT_WAITING, {"body": bytes.fromhex(digest), "of_account": account_id}))
