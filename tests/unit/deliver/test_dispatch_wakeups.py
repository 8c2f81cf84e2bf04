"""Nothing waits for no reason: what happens while the scheduler looks or leases is not lost on it.

Each of these is a matter of order, so the order is made: the clock stands still unless told, and a lease or a look is
held up until what is to fall into it has happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time
from typing import Any

import pytest
from sqlalchemy import delete, update
from test_dispatch import BODY, Scene, scene

from posthouse.database.contract import Transaction
from posthouse.deliver.contract import Room
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.lease_desk import Leased
from posthouse.deliver.lookout import AGAIN_SECONDS, Lookout
from posthouse.deliver.places import Limits, Place, Places
from posthouse.queue import control, destinations, etrn
from posthouse.queue.contract import HOLD_ROUTE, QueuedMessage, QueuedRecipient
from posthouse.queue.lookout import Stretch
from posthouse.queue.records import queue_messages, queue_recipients
from posthouse.queue.selection import Selection
from posthouse.queue.service import OLDER, TOPIC, QueueService

__all__ = ["scene"]

ONE = "mx:one.test"
SENDER = "a@here.test"
SOON = 30.0
"""Seconds: less than until the next look through all destinations, which finds everything at last."""


@dataclass
class Held:
    """Leases that find what ``which`` says are held up: they are done, and the scheduler hears of it only after
    ``go``."""

    which: Callable[[Leased], bool]
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    go: asyncio.Event = field(default_factory=asyncio.Event)


def hold_leases(scene: Scene, monkeypatch: pytest.MonkeyPatch, which: Callable[[Leased], bool]) -> Held:
    held, run = Held(which), scene.database.run

    async def running(op: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        found = await run(op, *args, **more)
        if isinstance(found, Leased) and held.which(found):
            held.reached.set()
            await held.go.wait()
        return found

    monkeypatch.setattr(scene.database, "run", running)
    return held


async def soon(scene: Scene, condition: Callable[[], object]) -> None:
    await scene.until(condition, SOON)


def place_of(dispatcher: Dispatcher, name: str = ONE) -> Place:
    place = dispatcher._places.get(name)
    assert place is not None
    return place


async def proven(scene: Scene, name: str = "one.test") -> Dispatcher:
    """A running dispatcher that knows that this destination takes mail, and has nothing to do."""
    dispatcher = scene.start()
    await scene.gone(await scene.put(f"first@{name}"))
    await scene.until(lambda: not dispatcher._under_way.tasks)
    return dispatcher


async def room_of(dispatcher: Dispatcher) -> Room:
    room = await dispatcher.express.room(ONE, SENDER)
    assert room is not None
    return room


async def test_a_sender_goes_on_when_its_messages_end_while_the_queue_is_asked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease finds nothing, as its sender has as much under way as it may; when it returns nothing is under way."""
    scene.settings.now = scene.settings.now.over({"queue.sender_most": 1, "queue.destination_first": 2})
    held = hold_leases(scene, monkeypatch, lambda found: not found.leases)
    scene.remote.gate.clear()
    first = await scene.put("u0@one.test")
    for n in (1, 2):
        await scene.put(f"u{n}@one.test")
    dispatcher = scene.start()
    await asyncio.wait_for(held.reached.wait(), SOON)
    scene.remote.gate.set()
    await scene.gone(first)
    await soon(scene, lambda: not place_of(dispatcher).running)
    held.go.set()
    await soon(scene, lambda: len(scene.remote.names) == 3)


async def test_what_comes_during_a_lease_is_not_forgotten_when_room_is_given_back(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lease came too late for one message and too early for another, and meanwhile an acceptance came to
    nothing."""
    dispatcher = await proven(scene)
    held = hold_leases(scene, monkeypatch, lambda found: True)
    lease = dispatcher._desk.lease

    def late(tx: Transaction, *args: Any) -> Leased:
        for table, column in ((queue_recipients, "message_id"), (queue_messages, "id")):
            tx.execute(delete(table).where(table.c[column] == gone))
        return lease(tx, *args)

    monkeypatch.setattr(dispatcher._desk, "lease", late)
    room = await room_of(dispatcher)
    gone = await scene.put("gone@one.test")
    await asyncio.wait_for(held.reached.wait(), SOON)
    await scene.put("next@one.test")
    await soon(scene, lambda: place_of(dispatcher).more)
    room.release()
    held.go.set()
    await soon(scene, lambda: "next@one.test" in scene.remote.names)
    assert "gone@one.test" not in scene.remote.names


async def test_what_was_deferred_is_planned_though_another_message_was_under_way(scene: Scene) -> None:
    """Whichever ends last asks when the rest is due; else it would be when the lease ends."""
    dispatcher = await proven(scene)
    room = await room_of(dispatcher)
    scene.remote.wrong = RuntimeError("a slip")
    queue_id = await scene.put("a@one.test")
    await soon(scene, lambda: len(scene.remote.groups) == 2 and not dispatcher._under_way.tasks)
    room.release()
    (row,) = await scene.rows(queue_id)
    assert (row.attempts, row.leased_until) == (1, 0.0)
    await soon(scene, lambda: place_of(dispatcher).at == row.due_at)
    scene.remote.wrong = None


async def test_room_that_is_given_back_goes_to_whoever_waits_for_it(scene: Scene) -> None:
    """At another destination too, and at once."""
    dispatcher = await proven(scene)
    await scene.gone(await scene.put("first@two.test"))
    await scene.until(lambda: not dispatcher._under_way.tasks)
    scene.settings.now = scene.settings.now.over({"queue.transactions": 1})
    awake, room = dispatcher._under_way.awake, await room_of(dispatcher)
    await scene.put("next@two.test")
    await soon(scene, lambda: place_of(dispatcher, "mx:two.test").ready and not awake.is_set())
    room.release()
    assert awake.is_set()
    await soon(scene, lambda: "next@two.test" in scene.remote.names)


@pytest.mark.parametrize("others", [False, True])
async def test_a_pause_that_ended_before_anybody_looked(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, others: bool
) -> None:
    """A lease met it; when it was asked what is paused it was over. Nobody told."""
    dispatcher, loop = await proven(scene, "first.test"), asyncio.get_running_loop()
    await soon(
        scene, lambda: dispatcher._lookout._look_at > loop.time() + SOON
    )  # that of the first notice is over
    if others:
        await scene.database.run(destinations.pause, "mx:other.test", "admin", scene.clock.now)
        await scene.put("b@other.test")
        await soon(scene, lambda: dispatcher._lookout._paused == frozenset({"mx:other.test"}))
    held = hold_leases(scene, monkeypatch, lambda found: found.paused)
    await scene.database.run(destinations.pause, ONE, "admin", scene.clock.now)
    await scene.put("a@one.test")
    await asyncio.wait_for(held.reached.wait(), SOON)
    await scene.database.run(destinations.resume, ONE)
    held.go.set()
    await soon(scene, lambda: len(scene.remote.names) == 2)
    assert scene.remote.names == ["first@first.test", "a@one.test"]


@pytest.mark.parametrize("told", [True, False])
async def test_a_wish_during_a_lease_counts(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """A destination that is left alone is tried at once when somebody wishes, though a lease that is under way saw
    that it is left alone; nobody wished, and it is left alone."""
    await scene.database.run(destinations.note_down, ONE, scene.clock.now, "away", first=3600.0, most=3600.0)
    await scene.put("a@one.test")
    held = hold_leases(scene, monkeypatch, lambda found: found.down_until > 0)
    dispatcher = scene.make("here/1")
    # it does not know yet that the destination is left alone: so it was when it last looked
    dispatcher._places.see(ONE, 0.0, dispatcher._desk.limits(), 0.0)
    scene.running.append((dispatcher, asyncio.create_task(dispatcher.run())))
    await asyncio.wait_for(held.reached.wait(), SOON)
    place = place_of(dispatcher)
    if told:
        await soon(scene, lambda: dispatcher._lookout._ended)
        place.failures, place.more = 1, False  # as it is where more than one look has been made
        await scene.database.run(destinations.wake, ONE, feed=scene.feed)
        await soon(scene, lambda: place.more)
    held.go.set()
    if told:
        await soon(scene, lambda: scene.remote.names == ["a@one.test"])
    else:
        await soon(scene, lambda: place.at == place.rest_until >= scene.clock.now + 3600)
        assert scene.remote.names == []


async def test_a_delivery_that_breaks_does_not_hold_up_those_behind_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows wait for the end of the lease; the destination goes on."""
    scene.settings.now = scene.settings.now.over({"queue.destination_first": 1, "queue.destination_most": 1})
    under_way_heed = Place.heed
    broken = [True]

    def heed(self: Place, *args: Any) -> bool:
        if broken:
            broken.clear()
            raise RuntimeError("a slip")
        return under_way_heed(self, *args)

    monkeypatch.setattr(Place, "heed", heed)
    for n in range(3):
        await scene.put(f"u{n}@one.test")
    scene.start()
    await soon(scene, lambda: len(scene.remote.names) == 3)


# ---------------------------------------------------------------------- looks


class Asked:
    """A database whose look through the destinations is overtaken by a wish."""

    inline = True

    def __init__(self) -> None:
        self.wish: Callable[[], object] = int
        self.looks = 0

    async def read(self, op: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        return 0 if not args else ({}, 0, False)

    async def scan(self, op: Callable[..., Any], /, *args: Any, **more: Any) -> Any:
        self.looks += 1
        self.wish()
        return Stretch([], "")


@pytest.mark.parametrize("notice", [(destinations.TOPIC, 0, 0), (TOPIC, OLDER, 0)])
async def test_a_wish_during_a_look_is_looked_for_again(notice: tuple[str, int, int]) -> None:
    """Soon, not with the next look of the minute."""
    database: Any = Asked()
    lookout = Lookout(database, Places(), ("mx",), lambda: Limits(2, 1, 1, 1), lambda: 0.0)
    database.wish = lambda: lookout.notice(*notice)
    await lookout.watch()
    database.wish = int
    assert await lookout.watch() <= AGAIN_SECONDS
    await asyncio.sleep(AGAIN_SECONDS)
    await lookout.watch()
    assert database.looks == 2
    assert await lookout.watch() > AGAIN_SECONDS


class Collecting:
    """A feed that keeps what is to be told."""

    def __init__(self) -> None:
        self.notices: list[tuple[str, int, int]] = []

    def publish(self, topic: str, key: int, version: int) -> None:
        self.notices.append((topic, key, version))


def _released(tx: Transaction, row: int, feed: Any, queue: QueueService, now: float) -> None:
    assert control.steer(tx, "release", Selection(), [row], now, "admin", feed=feed).rows


def _called_for(tx: Transaction, row: int, feed: Any, queue: QueueService, now: float) -> None:
    assert etrn.release(tx, ONE, 0, 100, now, feed=feed)[0] == 1


def _moved(tx: Transaction, row: int, feed: Any, queue: QueueService, now: float) -> None:
    tx.execute(update(queue_recipients).values(held=0, hold=""))
    (lease,) = queue.lease(tx, now, 10, 60.0, "there/1", destination=ONE)
    assert queue.move(tx, lease, "route:9")


@pytest.mark.parametrize("happens", [_released, _called_for, _moved])
async def test_what_was_there_before_is_found_though_something_new_is_told_with_it(
    scene: Scene, happens: Callable[..., None]
) -> None:
    """Of several notices with one key the feed tells the highest version only: that of a message that was just put."""
    scene.clock.now = time() + 10
    feed: Any = Collecting()
    queue = QueueService(scene.settings, feed)
    queue_id = await scene.put(QueuedRecipient("a@one.test", ONE, hold=HOLD_ROUTE))
    (row,) = await scene.rows(queue_id)
    dispatcher = await proven(scene, "other.test")
    await soon(scene, lambda: dispatcher._lookout._ended and dispatcher._lookout._told)
    await scene.database.run(happens, row.id, feed, queue, scene.clock.now)
    message = QueuedMessage("t1", BODY.digest, BODY.size, SENDER, scene.clock.now)
    await scene.database.run(queue.put, message, [QueuedRecipient("new@other.test", "mx:other.test")])
    assert len(feed.notices) == 2
    for notice in feed.notices:
        scene.feed.publish(*notice)
    await soon(scene, lambda: {"a@one.test", "new@other.test"} <= set(scene.remote.names))


def test_who_took_mail_just_now_waits_with_those_that_work() -> None:
    """Its turn had come while nothing was known of it, and all room for such is taken by dead ones."""
    places, limits = Places(), Limits(10, 2, 4, 0)
    for name in ("mx:dead.test", ONE):
        places.see(name, 0.0, limits)
    assert places.next(1.0, others=False) is None
    assert places.crowded
    place = places.get(ONE)
    assert place is not None
    place.proven_until = 100.0
    places.promote(place)
    places.promote(place)
    assert places.next(1.0, others=False) is place
    assert places.next(1.0, others=False) is None
    other = places.next(1.0)
    assert other is not None
    assert other.name == "mx:dead.test"
    assert not places.crowded
