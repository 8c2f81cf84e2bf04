"""Mail that is to be sent later: what an account has waiting, and taking it back."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import time

from posthouse.database.contract import Transaction
from posthouse.queue import records, traces
from posthouse.queue import scheduled_records as statements

MOST = 1000
"""Recipients that are listed at once."""


@dataclass(slots=True)
class Scheduled:
    """A message that waits for its time (``at``, seconds since 1970)."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    at: float
    recipients: list[str] = field(default_factory=list)


def of_account(tx: Transaction, account_id: int, now: float) -> list[Scheduled]:
    """What an account has waiting, in the order in which it was handed in."""
    found: dict[int, Scheduled] = {}
    given = {"of_account": account_id, "now": now, "count": MOST}
    for row in tx.execute(statements.SELECT_SCHEDULED, given):
        one = found.setdefault(
            int(row[0]), Scheduled(int(row[0]), row[1], row[2], int(row[3]), row[4], row[6])
        )
        one.recipients.append(row[5])
    return list(found.values())


def cancel(tx: Transaction, account_id: int, queue_id: int, now: float) -> tuple[str, list[str]]:
    """Take a waiting message of an account back; its trace id, and who does not get it: nobody when there is no such
    message, or its time has come."""
    tx.lock(records.LOCK_MESSAGE, {"of_id": queue_id})
    given = {"of_message": queue_id, "of_account": account_id, "now": now}
    trace, gone = "", []
    for row_id, recipient, of_trace in tx.execute(statements.SELECT_SCHEDULED_OF, given):
        if tx.change(statements.DELETE_SCHEDULED, {"of_id": row_id, "now": now}):
            trace = of_trace
            gone.append(recipient)
    if gone:
        tx.change(statements.DELETE_EMPTY, {"of_message": queue_id})
        entries = [("queue", f"<{recipient}> taken back by its sender") for recipient in gone]
        traces.write(tx, [traces.TraceRow(trace, time(), entries, queue_id)])
    return trace, gone
