"""A small directory to test against: one domain of ours with the usual kinds of address."""

from __future__ import annotations

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Credentials, scram_keys

PASSWORD = "wrong pony glue"


def credentials(password: str = PASSWORD) -> Credentials:
    """Credentials as ``hashing.CountingHasher`` makes them, with cheap SCRAM keys."""
    return Credentials("plain$" + password, scram_keys(password, b"salt" * 4, 10))


def _add(tx: Transaction, quota: int) -> dict[str, Account]:
    admin.add_domain(tx, "ours.test")
    names = ("alice", "bob")
    people = {name: admin.add_account(tx, f"{name}@ours.test", credentials(), quota) for name in names}
    admin.add_alias(tx, "sales@ours.test", "alice@ours.test")
    admin.add_alias(tx, "team@ours.test", "sales@ours.test")
    admin.add_alias(tx, "away@ours.test", "someone@elsewhere.test")
    admin.add_alias(tx, "far@ours.test", "away@ours.test")
    admin.add_alias(tx, "round@ours.test", "about@ours.test")
    admin.add_alias(tx, "about@ours.test", "round@ours.test")
    admin.add_alias(tx, "dead@ours.test", "nobody@ours.test")
    return people


async def people(database: Database, *, quota: int = 0, feed: Feed | None = None) -> dict[str, Account]:
    """Alice, Bob and their aliases at ours.test."""
    made = await database.run(_add, quota)
    if feed is not None:
        feed.publish("directory", 0, 1)
    return made
