"""How far a post to a distribution list came, and what a moderator decided. All functions are ops.

What is noted goes with the row of the queue it is about: the queue removes it wherever it removes such a row.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from posthouse.database.contract import Transaction
from posthouse.queue import post_records as records

MAX_WORDS = 1000


def progress(tx: Transaction, row_id: int) -> tuple[str, str, str]:
    """How far a post came (everybody up to this address has it), what a moderator decided, and said."""
    rows = tx.execute(records.SELECT, {"of_row": row_id})
    return (rows[0][0], rows[0][1], rows[0][2]) if rows else ("", "", "")


def reach(tx: Transaction, row_id: int, list_id: int, reached: str) -> None:
    """Note how far a post came."""
    kept = {"reached": reached, "list_id": list_id}
    if tx.execute(records.SELECT, {"of_row": row_id}):
        tx.change(records.UPDATE_REACHED, {"of_row": row_id, "new_reached": reached})
    else:
        tx.execute(records.INSERT, {"row_id": row_id, **kept, "verdict": "", "words": ""})


def judge(
    tx: Transaction, row_id: int, list_id: int, verdict: Literal["approved", "rejected"], words: str = ""
) -> None:
    """Note what a moderator decided."""
    tx.upsert(
        records.list_progress,
        {"row_id": row_id},
        {"list_id": list_id, "reached": "", "verdict": verdict, "words": words[:MAX_WORDS]},
    )


def forget(tx: Transaction, rows: Sequence[int]) -> None:
    """These rows of the queue (some hundreds at most) are gone."""
    if rows:
        tx.change(records.DELETE, {"rows": list(rows)})
