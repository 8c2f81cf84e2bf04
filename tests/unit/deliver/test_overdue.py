"""The part that ends what waits too long, by itself."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from memory_bodies import MemoryBody

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.overdue import Overdue
from posthouse.deliver.results import Result
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

BODY = MemoryBody(b"Subject: old\r\n\r\n")
NOW = 100_000.0


class Broken:
    """A settlement that breaks at one message."""

    def __init__(self, error: Exception) -> None:
        self.error = error
        self.ended: list[str] = []

    async def settle(self, results: Sequence[Result], *, tries: int = 0, minutes: int = 0) -> None:
        names = [each.lease.recipient.recipient for each in results]
        if "poison@there.test" in names:
            raise self.error
        self.ended += names


async def made(database: Database, settlement: Broken) -> Overdue:
    settings = CurrentSettings()
    queue = QueueService(settings, LocalFeed())
    for name in ("poison", "b", "c"):
        message = QueuedMessage("t1", BODY.digest, BODY.size, "a@here.test", NOW)
        given_up = [QueuedRecipient(f"{name}@there.test", "mx:there.test")]
        await database.run(queue.put, message, given_up, -NOW)
    return Overdue(
        database=database,
        queue=queue,
        settlement=settlement,
        settings=settings,
        classes=("mx",),
        owner="here/1",
        clock=lambda: NOW,
    )


async def test_one_that_cannot_be_ended_does_not_hold_up_the_others(sqlite_database: Database) -> None:
    """It stands in front of them at every look."""
    settlement = Broken(ValueError("a fault of ours"))
    await (await made(sqlite_database, settlement)).once()
    assert settlement.ended == ["b@there.test", "c@there.test"]


async def test_without_the_database_nothing_goes_on(sqlite_database: Database) -> None:
    settlement = Broken(DatabaseUnavailable("away"))
    overdue = await made(sqlite_database, settlement)
    with pytest.raises(DatabaseUnavailable):
        await overdue.once()
    assert settlement.ended == []
