"""Giving away what waits for a route: when its host asks for it, or when the route is changed or goes."""

from __future__ import annotations

from functools import partial

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.queue import etrn_records as records
from posthouse.queue.contract import HOLD_ROUTE
from posthouse.queue.service import OLDER, TOPIC


def release(
    tx: Transaction, destination: str, after: int, count: int, now: float, *, feed: Feed | None = None
) -> tuple[int, int]:
    """Make up to ``count`` rows of a destination due now, those above row ``after``: held by their route or waiting
    for another try. Rows that an administrator holds, that are to be sent later or are being tried stay as they are.
    How many changed, and the row to go on after (0: all were seen)."""
    wanted = {"of_destination": destination, "after": after, "count": count}
    rows = tx.execute(records.SELECT_OF_DESTINATION, wanted)
    ready = [
        {"of_id": row_id, "now": now}
        for row_id, lease_token, hold, not_before in rows
        if hold in ("", HOLD_ROUTE) and not_before <= now and not lease_token
    ]
    changed = sum(tx.change(records.RELEASE, each) for each in ready)
    if changed and feed is not None:
        tx.after_commit(partial(feed.publish, TOPIC, OLDER, 0))
    return changed, int(rows[-1][0]) if len(rows) == count else 0
