"""Doing a thing once although it is asked for twice: the answer to a request is kept under a key that the client
chose, for a day.

What is guaranteed: of all requests under one key at most one is carried out, also when they come at the same moment and
also across a crash. A crash (or a power cut) between the change and the keeping of its answer leaves a key whose
outcome nobody knows; asking again then says so (``lost``) and does nothing.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.manage import idempotency_records as records
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError

KEPT_SECONDS = 86400.0
CLEARED_AT_ONCE = 50
"""Old answers that each new key removes."""


@dataclass(frozen=True, slots=True)
class Claim:
    """``new``: carry it out, then ``keep`` or ``forget``. ``done``: ``answer`` is the one of before. ``other``: the key
    was used for another request. ``running``: the first one has not ended. ``lost``: the server stopped in the middle
    of it."""

    state: Literal["new", "done", "other", "running", "lost"]
    answer: bytes = b""


async def claim(context: Context, name: bytes, request: bytes) -> Claim:
    """Take a key for a request (both SHA-256). Raises ManageError when the database cannot be asked."""
    now = time.time()

    def op(tx: Transaction) -> Claim:
        rows = tx.lock(records.SELECT_ONE, {"b_name": name})
        if rows and rows[0][1] >= now - KEPT_SECONDS:
            return _found(*rows[0], request=request, started_at=context.started_at)
        if rows:
            tx.execute(records.DELETE_ONE, {"b_name": name})
        for (old,) in tx.execute(
            records.SELECT_OLD, {"b_before": now - KEPT_SECONDS, "b_count": CLEARED_AT_ONCE}
        ):
            tx.execute(records.DELETE_ONE, {"b_name": old})
        tx.execute(records.idempotency.insert(), {"name": name, "request": request, "at": now, "answer": b""})
        return Claim("new")

    try:
        return await context.database.run(op)
    except DatabaseUnavailable:
        raise ManageError(
            "unavailable", "The database cannot be reached.", "Check it and try again."
        ) from None


def _found(kept: bytes, at: float, answer: bytes, *, request: bytes, started_at: float) -> Claim:
    if bytes(kept) != request:
        return Claim("other")
    if answer:
        return Claim("done", bytes(answer))
    return Claim("running" if at >= started_at else "lost")


async def keep(context: Context, name: bytes, answer: bytes) -> None:
    """Keep the answer for those who ask again."""

    def op(tx: Transaction) -> None:
        tx.execute(records.SET_ANSWER, {"b_name": name, "b_answer": answer})

    await context.database.run(op)


async def forget(context: Context, name: bytes) -> None:
    """Nothing was done: the key may be used again."""

    def op(tx: Transaction) -> None:
        tx.execute(records.DELETE_ONE, {"b_name": name})

    await context.database.run(op)
