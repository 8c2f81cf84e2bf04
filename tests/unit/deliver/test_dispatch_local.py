"""The dispatcher and delivery into mailboxes: once, by the schedule, and asleep when there is nothing to do."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from failing import FailingDatabase
from hashing import CountingHasher
from mailboxes import MemoryAppender
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from people import credentials, people
from remote_world import PlainNotices

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver import dispatch as dispatch_module
from posthouse.deliver import local as local_module
from posthouse.deliver import under_way as under_way_module
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.settlement import SettlementDesk
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.queue import traces, view
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.store.facts import compute

BODY = MemoryBody(b"Subject: queued\r\n\r\nhello\r\n")


class Clock:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    database: FailingDatabase
    appender: MemoryAppender
    bodies: MemoryBodies
    feed: LocalFeed
    clock: Clock
    settings: CurrentSettings
    queue: QueueService
    service: DirectoryService
    notices: PlainNotices
    local: LocalDelivery
    worker: Dispatcher
    people: dict[str, Account]

    async def put(self, *recipients: str, body: str = BODY.digest, due_at: float = 0.0) -> int:
        message = QueuedMessage("trace1", body, BODY.size, "j@there.test", self.clock.now)
        rows = [QueuedRecipient(each, "local", due_at=due_at) for each in recipients]
        return await self.database.run(self.queue.put, message, rows)

    async def until(self, condition: object, seconds: float = 5.0) -> None:
        assert callable(condition)
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def rows(self, queue_id: int) -> list[view.QueueRecipient]:
        detail = await self.database.read(view.show_queue, queue_id)
        return detail.recipients if detail is not None else []


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database)
    database, feed, clock = FailingDatabase(sqlite_database), LocalFeed(), Clock()
    settings = CurrentSettings(Settings({"queue.local_retry_schedule": "60 300"}))
    appender, bodies = MemoryAppender(), MemoryBodies()
    bodies.kept[BODY.digest] = BODY.data
    queue = QueueService(settings, feed)
    service = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    durability, notices = MemoryDurability(database, bodies), PlainNotices()
    settlement = SettlementDesk(
        durability=durability, queue=queue, bodies=bodies, notices=notices, settings=settings, clock=clock
    )
    local = LocalDelivery(
        durability=durability,
        appender=appender,
        queue=queue,
        settlement=settlement,
        router=Router(service),
        bodies=bodies,
        facts=compute,
    )
    worker = Dispatcher(
        database=database,
        queue=queue,
        deliverers={"local": local},
        settlement=settlement,
        settings=settings,
        feed=feed,
        owner="here/1",
        clock=clock,
    )
    scene = Scene(
        database, appender, bodies, feed, clock, settings, queue, service, notices, local, worker, made
    )
    yield scene
    service.close()


@pytest_asyncio.fixture
async def running(scene: Scene) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(scene.worker.run())
    await asyncio.sleep(0.01)
    yield task
    scene.worker.stop()
    await asyncio.wait_for(task, 5)


async def test_what_is_queued_is_delivered_at_once(scene: Scene, running: asyncio.Task[None]) -> None:
    """The feed wakes the worker; copy, settlement and trace are there together, and the message is gone."""
    queue_id = await scene.put("alice@ours.test", "team@ours.test", "bob@ours.test")
    await scene.until(lambda: len(scene.appender.kept) == 3, 2.0)
    (copy,) = scene.appender.of(scene.people["bob"].id)
    assert copy.prefix == b"Return-Path: <j@there.test>\r\nDelivered-To: bob@ours.test\r\n"
    assert (copy.body.digest, copy.internal_date) == (BODY.digest, 5000)
    assert bytes(copy.body.buffer()) == BODY.data
    await asyncio.sleep(0.05)
    assert await scene.rows(queue_id) == []
    story = await scene.database.read(traces.read, "trace1")
    assert sum("delivered to INBOX of" in entry.text for entry in story) == 3
    assert await scene.database.read(traces.of_message, 5001) == ["trace1"]


async def test_a_failure_is_tried_again_by_the_schedule(scene: Scene, running: asyncio.Task[None]) -> None:
    """60 seconds later, then 300, and then it arrives: once."""
    inbox = 1000 + scene.people["alice"].id
    scene.appender.refusing[inbox] = 1
    scene.appender.failing[inbox] = 1
    queue_id = await scene.put("alice@ours.test")
    for attempts, wait, words in ((1, 60, "told to refuse"), (2, 300, "internal error (RuntimeError)")):
        async with asyncio.timeout(5):
            while not (rows := await scene.rows(queue_id)) or words not in rows[0].reason:
                await asyncio.sleep(0.01)
        (row,) = rows
        assert (row.attempts, row.held) == (attempts, False)
        assert wait <= row.due_at - scene.clock.now <= wait * 1.05
        scene.clock.now = row.due_at
        scene.feed.publish("queue", 0, 0)
    await scene.until(lambda: scene.appender.kept)
    await asyncio.sleep(0.05)
    assert len(scene.appender.kept) == 1
    assert await scene.rows(queue_id) == []


async def test_what_leads_nowhere_until_its_time_is_over_goes_back(
    scene: Scene, running: asyncio.Task[None]
) -> None:
    """An administrator may mend the directory until then; the last attempt is at that time, and the sender is told."""
    queue_id = await scene.put("late@ours.test", "later@ours.test")
    async with asyncio.timeout(5):
        while not all("leads to no mailbox (unknown)" in row.reason for row in await scene.rows(queue_id)):
            await asyncio.sleep(0.01)
    await scene.database.run(admin.add_account, "late@ours.test", credentials(), feed=scene.feed)
    await asyncio.sleep(0.02)
    scene.clock.now += 432000
    scene.feed.publish("queue", 0, 0)
    await scene.until(lambda: scene.appender.kept and scene.notices.composed)
    await asyncio.sleep(0.05)
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == [("failed", ["later@ours.test"])]
    assert len(scene.appender.kept) == 1


async def test_what_is_no_address_goes_back_at_once(scene: Scene, running: asyncio.Task[None]) -> None:
    """No attempt could ever end otherwise."""
    queue_id = await scene.put("no address")
    await scene.until(lambda: scene.notices.composed)
    await asyncio.sleep(0.05)
    assert await scene.rows(queue_id) == []


async def test_a_missing_body_is_a_reason_not_a_crash(scene: Scene, running: asyncio.Task[None]) -> None:
    """The row stays with its reason, for whoever restores the file."""
    queue_id = await scene.put("alice@ours.test", body="00" * 32)
    async with asyncio.timeout(5):
        while not (rows := await scene.rows(queue_id)) or "content is missing" not in rows[0].reason:
            await asyncio.sleep(0.01)
    assert scene.appender.kept == []


async def test_a_lost_lease_takes_the_delivery_back(scene: Scene) -> None:
    """The copy and the settlement are one unit: who lost the row leaves no second copy."""
    await scene.put("alice@ours.test")
    (first,) = await scene.database.run(scene.queue.lease, scene.clock.now, 1, 60.0, "slow/1")
    (second,) = await scene.database.run(scene.queue.lease, scene.clock.now + 60, 1, 60.0, "fast/1")
    await scene.local.deliver([first])
    assert scene.appender.kept == []
    await scene.local.deliver([second])
    assert len(scene.appender.kept) == 1


async def test_a_worker_that_died_takes_up_its_rows_when_it_starts(scene: Scene) -> None:
    """Without waiting for the lease to run out; the rows of others are left alone."""
    await scene.put("alice@ours.test", "bob@ours.test")
    await scene.database.run(scene.queue.lease, scene.clock.now, 1, 60.0, "here/1")
    await scene.database.run(scene.queue.lease, scene.clock.now, 1, 60.0, "here/2")
    task = asyncio.create_task(scene.worker.run())
    await scene.until(lambda: scene.appender.kept)
    await asyncio.sleep(0.05)
    assert len(scene.appender.of(scene.people["alice"].id)) == 1
    assert scene.appender.of(scene.people["bob"].id) == []
    scene.worker.stop()
    await task


async def test_an_idle_worker_asks_for_nothing(scene: Scene, running: asyncio.Task[None]) -> None:
    """No polling while nothing is due, even with a row for later."""
    await scene.put("alice@ours.test", due_at=scene.clock.now + 3600)
    await asyncio.sleep(1.6)  # it looks once more after its first notice
    before = scene.database.calls
    await asyncio.sleep(0.3)
    assert scene.database.calls == before


async def test_a_database_that_is_away_is_waited_for(
    scene: Scene, running: asyncio.Task[None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The worker survives and delivers when it is back."""
    for module in (dispatch_module, under_way_module):
        monkeypatch.setattr(module, "PAUSE", 0.02)
    await scene.put("alice@ours.test", due_at=scene.clock.now + 1)
    scene.database.fail()
    scene.clock.now += 1
    scene.feed.publish("queue", 0, 0)
    await asyncio.sleep(0.1)
    assert not running.done()
    scene.database.mend()
    scene.clock.now += 1  # a lease that was asked for meanwhile makes the destination rest
    await scene.until(lambda: scene.appender.kept)


async def test_stopping_finishes_what_is_leased(scene: Scene) -> None:
    """A clean stop leaves no lease behind."""
    queue_id = await scene.put(*(f"{name}@ours.test" for name in ("alice", "bob", "sales", "team")))
    task = asyncio.create_task(scene.worker.run())
    await scene.until(lambda: scene.appender.kept)
    scene.worker.stop()
    await asyncio.wait_for(task, 5)
    assert [row.leased_until for row in await scene.rows(queue_id)] == []
    assert len(scene.appender.kept) == 4


async def test_the_steps_are_reached_in_order(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The crash tests kill the server at each of them."""
    seen: list[str] = []
    for module in (dispatch_module, under_way_module, local_module):
        monkeypatch.setattr(module, "step", seen.append)
    await scene.put("alice@ours.test")
    task = asyncio.create_task(scene.worker.run())
    await scene.until(lambda: "queue.delivered" in seen)
    assert seen == ["queue.leased", "queue.delivered"]
    scene.worker.stop()
    await task
