"""Version numbers of what is cached elsewhere, raised in the unit that makes the change."""

from __future__ import annotations

from functools import partial

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import records

DIRECTORY = "directory"
SETTINGS = "settings"


def version(tx: Transaction, topic: str) -> int:
    """The version of a topic; 0 before its first change."""
    rows = tx.execute(records.SELECT_VERSION, {"topic": topic})
    return int(rows[0][0]) if rows else 0


def bump(tx: Transaction, topic: str, feed: Feed | None) -> int:
    """Raise a topic's version and tell the feed after the commit. Without a feed (no server runs) the
    caches of other processes notice within a second by asking."""
    if tx.change(records.BUMP_VERSION, {"of_topic": topic}) == 0:
        tx.insert_ignore(records.versions, {"topic": topic, "version": 0})
        tx.change(records.BUMP_VERSION, {"of_topic": topic})
    now = version(tx, topic)
    if feed is not None:
        tx.after_commit(partial(feed.publish, topic, 0, now))
    return now
