"""The scheduler of the queue: fair to destinations and senders, patient with the dead, in time with what expires."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from failing import FailingDatabase
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from remote_world import PlainNotices

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver import lookout as lookout_module
from posthouse.deliver import overdue as overdue_module
from posthouse.deliver.contract import unnoticed
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.passing import PassingRegister
from posthouse.deliver.results import Feedback, Result, Said
from posthouse.deliver.settlement import SettlementDesk
from posthouse.queue import destinations, traces, view
from posthouse.queue.contract import HOLD_ROUTE, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings, Settings

BODY = MemoryBody(b"Subject: away\r\n\r\nhello\r\n")
OK = Said(250, "2.0.0", "OK")
AWAY = Said(0, "4.4.1", "connection refused", "mx.dead.test")
HOUR = 3600.0


class Clock:
    now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Remote:
    """A deliverer that takes everything but for ``dead`` and ``slow`` destinations, and waits while ``gate`` is shut.
    ``most`` tells how many messages were with it at a time, by destination."""

    settlement: SettlementDesk
    dead: set[str] = field(default_factory=set)
    slow: set[str] = field(default_factory=set)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    groups: list[list[Lease]] = field(default_factory=list)
    now: Counter[str] = field(default_factory=Counter)
    senders: Counter[tuple[str, str]] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    wrong: Exception | None = None
    settling: asyncio.Event | None = None

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        name, sender = leases[0].recipient.destination, leases[0].message.sender
        self.groups.append(list(leases))
        for counter, key in ((self.now, name), (self.senders, (name, sender))):
            counter[key] += 1  # type: ignore[index]
        self.most[name] = max(self.most[name], self.now[name])
        key = f"{name} {sender}"
        self.most[key] = max(self.most[key], self.senders[name, sender])
        try:
            if self.wrong is not None:
                raise self.wrong
            await self.gate.wait()
            await asyncio.sleep(0.001)
            if name in self.dead:
                await self.settlement.settle([Result(each, "deferred", AWAY) for each in leases])
                return Feedback(down=True, said=AWAY)
            if self.settling is not None:
                answered()
                await self.settling.wait()
            await self.settlement.settle([Result(each, "relayed", OK) for each in leases])
            return Feedback(well=name not in self.slow, slow=name in self.slow)
        finally:
            self.now[name] -= 1
            self.senders[name, sender] -= 1

    @property
    def names(self) -> list[str]:
        """Recipients in the order in which they were tried."""
        return [each.recipient.recipient for group in self.groups for each in group]


@dataclass
class Scene:
    database: FailingDatabase
    feed: LocalFeed
    clock: Clock
    settings: CurrentSettings
    queue: QueueService
    notices: PlainNotices
    remote: Remote
    make: Callable[[str], Dispatcher]
    register: PassingRegister
    running: list[tuple[Dispatcher, asyncio.Task[None]]] = field(default_factory=list)

    async def put(
        self,
        *recipients: str | QueuedRecipient,
        sender: str = "a@here.test",
        lifetime: float | None = None,
        **more: Any,
    ) -> int:
        message = QueuedMessage(
            more.pop("trace", "t1"), BODY.digest, BODY.size, sender, self.clock.now, **more
        )
        rows = [
            each
            if isinstance(each, QueuedRecipient)
            else QueuedRecipient(each, f"mx:{each.rpartition('@')[2]}")
            for each in recipients
        ]
        return await self.database.run(self.queue.put, message, rows, lifetime)

    def start(self, owner: str = "here/1") -> Dispatcher:
        dispatcher = self.make(owner)
        self.running.append((dispatcher, asyncio.create_task(dispatcher.run())))
        return dispatcher

    async def stop(self) -> None:
        for dispatcher, task in self.running:
            dispatcher.stop()
            await asyncio.wait_for(task, 15)
        self.running.clear()

    def later(self, seconds: float) -> None:
        """Time passes, and the dispatcher looks."""
        self.clock.now += seconds
        self.feed.publish(destinations.TOPIC, 0, 0)

    async def until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        async with asyncio.timeout(seconds):
            while not condition():
                await asyncio.sleep(0.01)

    async def rows(self, queue_id: int) -> list[view.QueueRecipient]:
        detail = await self.database.read(view.show_queue, queue_id)
        return detail.recipients if detail is not None else []

    async def state(self, destination: str) -> destinations.DestinationState:
        return await self.database.read(destinations.state, destination)

    async def gone(self, queue_id: int) -> None:
        async with asyncio.timeout(60):
            while await self.rows(queue_id):
                await asyncio.sleep(0.01)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    monkeypatch.setattr(overdue_module, "GAP", 0.01)
    monkeypatch.setattr(lookout_module, "PAUSE_SECONDS", 0.05)
    database, feed, clock = FailingDatabase(sqlite_database), LocalFeed(), Clock()
    settings = CurrentSettings(Settings({"queue.destination_first": 2, "queue.destination_most": 4}))
    bodies, notices, queue = MemoryBodies(), PlainNotices(), QueueService(settings, feed)
    bodies.kept[BODY.digest] = BODY.data
    register = PassingRegister()
    settlement = SettlementDesk(
        durability=MemoryDurability(database, bodies),
        queue=queue,
        bodies=bodies,
        notices=notices,
        settings=settings,
        clock=clock,
        register=register,
    )
    remote = Remote(settlement)
    remote.gate.set()

    def make(owner: str) -> Dispatcher:
        return Dispatcher(
            database=database,
            queue=queue,
            deliverers={"mx": remote, "route": remote},
            settlement=settlement,
            settings=settings,
            feed=feed,
            owner=owner,
            clock=clock,
            register=register,
        )

    scene = Scene(database, feed, clock, settings, queue, notices, remote, make, register)
    yield scene
    remote.gate.set()
    await scene.stop()


# ---------------------------------------------------------------------- going out


async def test_rows_of_one_message_to_one_destination_go_together(scene: Scene) -> None:
    """Another destination of the same message is another delivery; a class nobody delivers to waits."""
    elsewhere = QueuedRecipient("hook", "webhook:1")
    queue_id = await scene.put("a@one.test", "b@one.test", "c@two.test", elsewhere)
    scene.start()
    await scene.until(lambda: len(scene.remote.names) == 3)
    groups = sorted(sorted(each.recipient.recipient for each in group) for group in scene.remote.groups)
    assert groups == [["a@one.test", "b@one.test"], ["c@two.test"]]
    await asyncio.sleep(0.1)
    assert [row.recipient for row in await scene.rows(queue_id)] == ["hook"]


async def test_a_backlog_of_many_destinations_is_worked_off(scene: Scene) -> None:
    """More destinations than one look finds at a time, more messages than one lease takes."""
    for n in range(120):
        await scene.put(f"x@d{n:03}.test", f"y@d{n:03}.test", "z@big.test")
    scene.start()
    await scene.until(lambda: len(scene.remote.names) == 360, 20)
    assert len({each.id for group in scene.remote.groups for each in group}) == 360
    assert scene.remote.most["mx:big.test"] == 4


async def test_the_number_under_way_grows_with_success_and_shrinks_when_asked(scene: Scene) -> None:
    """Two at first, four at most; a destination that asks for less gets one at a time."""
    scene.remote.slow.add("mx:slow.test")
    scene.remote.gate.clear()
    for n in range(12):
        await scene.put(f"u{n}@well.test", f"u{n}@slow.test")
    scene.start()
    await scene.until(lambda: len(scene.remote.groups) == 4)
    await asyncio.sleep(0.05)
    assert scene.remote.most["mx:well.test"] == scene.remote.most["mx:slow.test"] == 2
    scene.remote.gate.set()
    await scene.until(lambda: scene.remote.names.count("u11@well.test") == 1)
    assert scene.remote.most["mx:well.test"] == 4
    assert scene.remote.most["mx:slow.test"] == 2
    await asyncio.sleep(0.1)
    assert (await scene.state("mx:slow.test")).failures == 1  # at one at a time it still asked for less
    assert sum("slow" in name for name in scene.remote.names) < 12


async def test_what_is_only_being_written_down_takes_no_room(scene: Scene) -> None:
    """The remote answered: the next message goes there, and each goes once."""
    scene.remote.settling = asyncio.Event()
    queue_ids = [await scene.put(f"x{n}@one.test") for n in range(10)]
    scene.start()
    await scene.until(lambda: len(scene.remote.groups) == 10)
    assert all([await scene.rows(queue_id) for queue_id in queue_ids])
    scene.remote.settling.set()
    for queue_id in queue_ids:
        await scene.gone(queue_id)
    assert len({each.id for group in scene.remote.groups for each in group}) == len(scene.remote.groups) == 10


async def test_a_higher_priority_goes_first(scene: Scene) -> None:
    """However many were there before."""
    scene.settings.now = scene.settings.now.over({"queue.destination_first": 1, "queue.destination_most": 1})
    for n in range(6):
        await scene.put(f"u{n}@one.test", priority=-3 if n % 2 else 0)
    await scene.put("urgent@one.test", priority=7)
    scene.start()
    await scene.until(lambda: len(scene.remote.names) == 7)
    order = [name.partition("@")[0] for name in scene.remote.names]
    assert order[0] == "urgent"
    assert set(order[1:4]) == {"u0", "u2", "u4"}


async def test_senders_take_turns_and_none_has_all_the_room(scene: Scene) -> None:
    """A mass mailing that came first neither holds up another sender nor takes every place."""
    scene.settings.now = scene.settings.now.over({"queue.sender_most": 2, "queue.destination_first": 3})
    scene.remote.gate.clear()
    for n in range(150):
        await scene.put(f"u{n}@one.test", sender="mass@here.test")
    await scene.put("alone@one.test", sender="single@here.test")
    scene.start()
    await scene.until(lambda: "alone@one.test" in scene.remote.names)
    assert len(scene.remote.names) <= 3
    scene.remote.gate.set()
    await scene.until(lambda: len(scene.remote.names) == 151)
    assert scene.remote.most["mx:one.test mass@here.test"] == 2


async def test_a_rate_is_kept(scene: Scene) -> None:
    """Six messages a minute: one each ten seconds of the clock, for this destination only."""
    scene.settings.now = scene.settings.now.over({"queue.rates": "one.test=6"})
    for n in range(3):
        await scene.put(f"u{n}@one.test", f"u{n}@two.test")
    scene.start()
    await scene.until(lambda: sum("two" in name for name in scene.remote.names) == 3)
    for count in (1, 2, 3):
        await scene.until(lambda count=count: sum("one" in name for name in scene.remote.names) == count)  # type: ignore[misc]
        scene.later(9.0)
        await asyncio.sleep(0.1)
        assert sum("one" in name for name in scene.remote.names) == count
        scene.later(1.0)


async def test_dead_destinations_do_not_take_all_the_room(scene: Scene) -> None:
    """Those of which nothing is known get half of it; what took mail recently goes on."""
    scene.settings.now = scene.settings.now.over({"queue.transactions": 6})
    await scene.put("first@live.test")
    scene.start()
    await scene.until(lambda: scene.remote.names)
    await asyncio.sleep(0.05)
    scene.remote.gate.clear()
    for n in range(20):
        await scene.put(f"x@dead{n}.test")
    await asyncio.sleep(0.1)
    assert sum(scene.remote.now.values()) == 3
    for n in range(3):
        await scene.put(f"u{n}@live.test")
    await scene.until(lambda: scene.remote.now["mx:live.test"] == 3)
    assert sum(scene.remote.now.values()) == 6


# ---------------------------------------------------------------------- dead and paused


async def test_a_dead_destination_is_left_alone_for_longer_and_longer(scene: Scene) -> None:
    """One message is tried each time; the rows behind it wait untouched, and a new process knows of it."""
    scene.remote.dead.add("mx:dead.test")
    ids = [await scene.put(f"u{n}@dead.test") for n in range(10)]
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    tried = len(scene.remote.groups)
    assert tried <= 2
    state = await scene.state("mx:dead.test")
    assert (state.failures, state.reason) == (1, str(AWAY))
    assert 60 <= state.down_until - scene.clock.now <= 63
    await scene.stop()
    scene.start()
    scene.later(59)
    await asyncio.sleep(0.1)
    assert len(scene.remote.groups) == tried
    waits = []
    for count in range(1, 4):
        scene.later(max((await scene.state("mx:dead.test")).down_until - scene.clock.now, 0))
        await scene.until(lambda count=count: len(scene.remote.groups) == tried + count)  # type: ignore[misc]
        await asyncio.sleep(0.1)
        waits.append((await scene.state("mx:dead.test")).down_until - scene.clock.now)
    assert [120 <= waits[0] <= 126, 240 <= waits[1] <= 252, 480 <= waits[2] <= 504] == [True] * 3
    assert len(scene.remote.groups) == tried + 3
    untouched = [row for each in ids for row in await scene.rows(each) if not row.attempts]
    assert len(untouched) == 10 - len(set(scene.remote.names))


async def test_when_it_works_again_all_goes_out(scene: Scene) -> None:
    """The message that was tried opens the way for the others."""
    scene.remote.dead.add("mx:dead.test")
    for n in range(10):
        await scene.put(f"u{n}@dead.test")
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    scene.remote.dead.clear()
    scene.later(HOUR)
    await scene.until(lambda: len(set(scene.remote.names)) == 10)
    await asyncio.sleep(0.1)
    state = await scene.state("mx:dead.test")
    assert (state.failures, state.down_until, state.worked_at) == (0, 0.0, scene.clock.now)


async def test_it_is_tried_at_once_when_somebody_wishes(scene: Scene) -> None:
    """Waking a destination ends its rest."""
    scene.remote.dead.add("mx:dead.test")
    for n in range(4):
        await scene.put(f"u{n}@dead.test")
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    tried = len(scene.remote.groups)
    scene.remote.dead.clear()
    await scene.database.run(destinations.wake, "mx:dead.test", feed=scene.feed)
    await scene.until(lambda: len(scene.remote.groups) >= tried + 2)


@pytest.mark.parametrize("what", ["mx:one.test", destinations.EVERYTHING])
@pytest.mark.parametrize("told", [True, False])
async def test_a_pause_is_obeyed_and_ended(scene: Scene, what: str, told: bool) -> None:
    """From the next lease on, whether the feed tells of it or not; the others go on unless all is paused."""
    feed = scene.feed if told else None
    scene.start()
    await scene.put("before@one.test")
    await scene.until(lambda: scene.remote.names)
    assert await scene.database.run(destinations.pause, what, "admin", scene.clock.now, feed=feed)
    assert not await scene.database.run(destinations.pause, what, "admin", scene.clock.now, feed=feed)
    await scene.put("paused@one.test", "other@two.test")
    await asyncio.sleep(0.2)
    assert "paused@one.test" not in scene.remote.names
    assert ("other@two.test" in scene.remote.names) == (what != destinations.EVERYTHING)
    assert (await scene.state(what)).paused_by == "admin"
    assert await scene.database.run(destinations.resume, what, feed=feed)
    await scene.until(lambda: {"paused@one.test", "other@two.test"} <= set(scene.remote.names))


# ---------------------------------------------------------------------- too long


async def test_what_was_given_up_fails_at_once_with_its_last_reason(scene: Scene) -> None:
    """An administrator's word holds for a dead destination, a paused one, and one that works."""
    scene.remote.dead.add("mx:dead.test")
    await scene.database.run(destinations.pause, "mx:paused.test", "admin", scene.clock.now)
    ids = [await scene.put(f"u@{name}.test") for name in ("dead", "paused")]
    later = scene.clock.now + 100
    ids.append(await scene.put(QueuedRecipient("u@well.test", "mx:well.test", due_at=later)))
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    for each in ids:
        await scene.database.run(_give_up, each)
    scene.later(0)
    for each in ids:
        await scene.gone(each)
    assert scene.remote.names == ["u@dead.test"]
    assert sorted(scene.notices.composed) == [("failed", [f"u@{n}.test"]) for n in ("dead", "paused", "well")]
    story = [entry.text for entry in await scene.database.read(traces.read, "t1")]
    assert any(
        "an administrator of this server gave up" in text and "connection refused" in text for text in story
    )


async def test_rows_of_a_dead_destination_expire_in_time(scene: Scene) -> None:
    """Without an attempt of their own, by the reason of the destination; those with time left stay."""
    scene.remote.dead.add("mx:dead.test")
    scene.settings.now = scene.settings.now.over({"queue.down_first": 86400, "queue.down_most": 86400})
    first = await scene.put("probe@dead.test")
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    short, long = await scene.put("u@dead.test", lifetime=HOUR), await scene.put("v@dead.test")
    scene.later(HOUR)
    await scene.gone(short)
    assert len(scene.remote.groups) == 1
    assert ("failed", ["u@dead.test"]) in scene.notices.composed
    assert len(await scene.rows(long)) == len(await scene.rows(first)) == 1
    story = [entry.text for entry in await scene.database.read(traces.read, "t1")]
    assert any("<u@dead.test> failed" in text and "connection refused" in text for text in story)


async def test_what_expired_gets_its_last_attempt_where_it_can(scene: Scene) -> None:
    """A server that was off for a week tries once more before it gives up; a pause only postpones that."""
    await scene.database.run(destinations.pause, "mx:paused.test", "admin", scene.clock.now)
    paused, well = await scene.put("u@paused.test"), await scene.put("u@well.test")
    scene.clock.now += 7 * 86400
    scene.start()
    await scene.gone(well)
    await asyncio.sleep(0.2)
    assert len(await scene.rows(paused)) == 1
    assert ("failed", ["u@paused.test"]) not in scene.notices.composed
    await scene.database.run(destinations.resume, "mx:paused.test", feed=scene.feed)
    await scene.gone(paused)
    assert scene.remote.names == ["u@well.test", "u@paused.test"]
    assert not [kind for kind, _ in scene.notices.composed if kind == "failed"]


async def test_senders_hear_of_a_delay_though_nothing_is_tried(scene: Scene) -> None:
    """Once, and only those who want to; the rows wait on."""
    scene.remote.dead.add("mx:dead.test")
    scene.settings.now = scene.settings.now.over({"queue.down_first": 86400, "queue.down_most": 86400})
    ids = [await scene.put("u@dead.test"), await scene.put("v@dead.test"), await scene.put("w@dead.test")]
    ids.append(await scene.put(QueuedRecipient("silent@dead.test", "mx:dead.test", notify="NEVER")))
    ids.append(await scene.put("null@dead.test", sender=""))
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    for _ in range(2):
        scene.later(4 * HOUR)
        await scene.until(lambda: len(scene.notices.composed) >= 3)
        await asyncio.sleep(0.1)
    told = sorted(name for _, (name,) in scene.notices.composed)
    assert told == ["u@dead.test", "v@dead.test", "w@dead.test"]
    rows = [row for each in ids for row in await scene.rows(each)]
    assert sum(row.attempts for row in rows) == len(scene.remote.names)
    assert len(rows) == 5


async def test_deliver_by(scene: Scene) -> None:
    """RFC 2852: with mode R it goes back when its time is up, with mode N its sender is told and it goes on."""
    scene.remote.dead.add("mx:dead.test")
    by = scene.clock.now + 600
    await scene.put("probe@dead.test")
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    back = await scene.put("r@dead.test", deliver_by=by, by_mode="R")
    on = await scene.put("n@dead.test", deliver_by=by, by_mode="N")
    scene.settings.now = scene.settings.now.over({"queue.down_first": 86400, "queue.down_most": 86400})
    scene.later(100)
    await asyncio.sleep(0.1)
    assert scene.notices.composed == []
    scene.later(500)
    await scene.gone(back)
    await scene.until(lambda: len(scene.notices.composed) == 2)
    assert sorted(scene.notices.composed) == [("delayed", ["n@dead.test"]), ("failed", ["r@dead.test"])]
    assert len(await scene.rows(on)) == 1


async def test_what_waits_for_etrn_goes_back_when_its_time_is_over(scene: Scene) -> None:
    """It is not tried; what an administrator holds stays."""
    waiting = QueuedRecipient("u@one.test", "route:3", hold=HOLD_ROUTE)
    kept = QueuedRecipient("v@one.test", "route:3", hold="admin")
    first, second = await scene.put(waiting), await scene.put(kept)
    scene.clock.now += 6 * 86400
    scene.start()
    await scene.gone(first)
    await asyncio.sleep(0.1)
    assert len(await scene.rows(second)) == 1
    assert scene.remote.names == []


# ---------------------------------------------------------------------- workers


async def test_two_workers_deliver_everything_once(scene: Scene) -> None:
    """Whoever is faster; nobody gets a message twice."""
    for n in range(60):
        await scene.put(f"u{n}@one.test", f"u{n}@d{n % 7}.test")
    scene.start("here/1")
    scene.start("here/2")
    await scene.until(lambda: len(scene.remote.names) >= 120, 20)
    await asyncio.sleep(0.2)
    assert len(scene.remote.names) == len(set(scene.remote.names)) == 120


async def test_a_mistake_in_delivery_costs_one_attempt(scene: Scene) -> None:
    """It is logged, the row waits for its next one, and the others go on."""
    scene.remote.wrong = RuntimeError("broken")
    queue_id = await scene.put("u@one.test")
    scene.start()
    async with asyncio.timeout(5):
        while "internal error (RuntimeError)" not in (await scene.rows(queue_id))[0].reason:
            await asyncio.sleep(0.01)
    scene.remote.wrong = None
    scene.later(HOUR)
    await scene.gone(queue_id)


async def test_what_was_deferred_is_tried_when_it_is_due(scene: Scene) -> None:
    """At its time, though nobody tells: not when the lease would have ended, not at the next look."""
    scene.settings.now = Settings({"queue.retry_schedule": "1"})
    scene.remote.wrong = RuntimeError("a slip")
    queue_id = await scene.put("a@one.test")
    scene.start()
    await scene.until(lambda: len(scene.remote.groups) == 1)
    async with asyncio.timeout(60):
        while (await scene.rows(queue_id))[0].attempts != 1:
            await asyncio.sleep(0.01)
    scene.remote.wrong = None
    scene.clock.now += 2
    await scene.until(lambda: len(scene.remote.groups) == 2)
    await scene.gone(queue_id)


async def test_a_database_that_goes_away_during_delivery_leaves_the_row_leased(scene: Scene) -> None:
    """When the lease has run out it is tried again."""
    scene.remote.wrong = DatabaseUnavailable("gone")
    queue_id = await scene.put("u@one.test")
    scene.start()
    await scene.until(lambda: scene.remote.groups)
    await asyncio.sleep(0.1)
    assert (await scene.rows(queue_id))[0].leased_until == scene.clock.now + 900
    scene.remote.wrong = None
    scene.later(899)
    await asyncio.sleep(0.1)
    assert len(scene.remote.groups) == 1
    scene.later(1)
    await scene.gone(queue_id)


async def test_stopping_finishes_what_is_under_way_and_takes_no_more(scene: Scene) -> None:
    """A clean stop leaves no lease behind."""
    scene.remote.gate.clear()
    ids = [await scene.put(f"u{n}@one.test") for n in range(5)]
    dispatcher = scene.start()
    await scene.until(lambda: len(scene.remote.groups) == 2)
    dispatcher.stop()
    await asyncio.sleep(0.05)
    scene.remote.gate.set()
    await asyncio.wait_for(scene.running.pop()[1], 5)
    left = [row for each in ids for row in await scene.rows(each)]
    assert len(left) == 3
    assert all(row.leased_until == 0.0 and row.attempts == 0 for row in left)


def _give_up(tx: Any, queue_id: int) -> None:
    from sqlalchemy import update

    from posthouse.queue.records import queue_recipients

    rows = queue_recipients
    tx.execute(update(rows).where(rows.c.message_id == queue_id).values(expires_at=0.0))
