"""An attempt holds its rows for as long as it lasts, and sends nothing once it does not."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace

import pytest
import pytest_asyncio
from failing import FailingDatabase

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver.remote.keeper import LeaseKeeper
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

SHORT = 3.0
PLACE = "mx:there.test"


class Scene:
    def __init__(self, database: Database) -> None:
        self.database = FailingDatabase(database)
        self.queue = QueueService(CurrentSettings(), LocalFeed())

    async def lease(self, seconds: float = SHORT) -> list[Lease]:
        message = QueuedMessage("t1", "ab" * 32, 1, "a@here.test", time.time())
        rows = [QueuedRecipient("b@there.test", PLACE), QueuedRecipient("c@there.test", PLACE)]
        await self.database.run(self.queue.put, message, rows)
        return await self.taken(0.0, seconds)

    async def taken(self, later: float, seconds: float = SHORT) -> list[Lease]:
        """What another worker gets so many seconds from now."""
        return await self.database.run(
            self.queue.lease, time.time() + later, 10, seconds, "other/1", destination=PLACE
        )

    def keep(self, leases: list[Lease]) -> LeaseKeeper:
        return LeaseKeeper(leases, database=self.database, queue=self.queue, clock=time.time)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> Scene:
    return Scene(sqlite_database)


async def test_an_answer_that_takes_longer_than_the_lease(scene: Scene) -> None:
    """The lease is renewed and nobody else gets the rows; what is in hand still settles them. Then it is enough."""
    leases = await scene.lease()
    ends = leases[0].lease_until
    async with scene.keep(leases) as keeper:
        with pytest.raises(TimeoutError):
            await dialogue(scene, keeper, leases, ends + 0.5)
    assert len(await scene.taken(2 * SHORT)) == 1


async def dialogue(scene: Scene, keeper: LeaseKeeper, leases: list[Lease], until: float) -> None:
    async with keeper.deadline:
        keeper.sent()
        while time.time() < until:
            assert await scene.taken(0.0) == []
            assert keeper.holds()
            await asyncio.sleep(0.1)
        assert await scene.database.run(scene.queue.settle, leases[0], "relayed")
        keeper.answered()
        await asyncio.Event().wait()


async def test_rows_that_others_took(scene: Scene) -> None:
    """Nothing is sent any more, and the dialogue is broken off before its time."""
    leases = await scene.lease(600.0)
    assert len(await scene.taken(601.0)) == 2
    keeper = scene.keep([replace(each, lease_until=time.time() + SHORT) for each in leases])
    with pytest.raises(TimeoutError):
        async with keeper, keeper.deadline:
            await asyncio.Event().wait()
    assert not keeper.holds()


async def test_rows_that_others_took_while_an_answer_is_awaited(scene: Scene) -> None:
    """To know the answer does no harm."""
    leases = await scene.lease(600.0)
    assert len(await scene.taken(601.0)) == 2
    keeper = scene.keep([replace(each, lease_until=time.time() + SHORT) for each in leases])
    async with keeper, keeper.deadline:
        keeper.sent()
        while keeper.holds():
            await asyncio.sleep(0.05)
        await asyncio.sleep(SHORT)


async def test_a_database_that_is_away(scene: Scene) -> None:
    """Rows that cannot be kept are not sent once others may have them; they are kept again when it is back."""
    leases = await scene.lease()
    scene.database.fail()
    with pytest.raises(TimeoutError):
        async with scene.keep(leases) as keeper, keeper.deadline:
            await asyncio.Event().wait()
    assert not keeper.holds()
    async with scene.keep(leases) as keeper, keeper.deadline:
        keeper.sent()
        scene.database.mend()
        while not keeper.holds():
            await asyncio.sleep(0.05)
    assert await scene.taken(0.0) == []
