"""Mail that is just being accepted goes on at once where there is room; nothing is lost where that comes to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from test_dispatch import BODY, Scene, scene

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Room
from posthouse.deliver.dispatch import Dispatcher
from posthouse.queue import destinations
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.settings.contract import Settings

__all__ = ["scene"]

ONE = "mx:one.test"
SENDER = "a@here.test"


async def proven(scene: Scene) -> Dispatcher:
    """A running dispatcher that knows that one.test takes mail, and has nothing to do."""
    dispatcher = scene.start()
    await scene.gone(await scene.put("first@one.test"))
    await scene.until(lambda: not dispatcher._under_way.tasks)
    return dispatcher


async def accept(scene: Scene, rooms: Mapping[str, Room], *recipients: QueuedRecipient) -> int:
    message = QueuedMessage("t1", BODY.digest, BODY.size, SENDER, scene.clock.now)
    try:
        return await scene.database.run(scene.queue.put, message, recipients, grants=rooms)
    finally:
        for room in rooms.values():
            room.release()


def to(name: str, *, hold: str = "", not_before: float = 0.0) -> QueuedRecipient:
    return QueuedRecipient(name, f"mx:{name.rpartition('@')[2]}", hold=hold, not_before=not_before)


def wanted(dispatcher: Dispatcher, name: str = ONE) -> dict[str, Room]:
    room = dispatcher.express.room(name, SENDER)
    assert room is not None
    return {name: room}


def forbid_leasing(dispatcher: Dispatcher, monkeypatch: pytest.MonkeyPatch) -> None:
    def lease(*args: object) -> None:
        raise AssertionError("it was looked for in the queue")

    monkeypatch.setattr(dispatcher._desk, "lease", lease)


async def test_a_message_goes_on_without_being_looked_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Leased in the unit that puts it, delivered and settled like any other."""
    dispatcher = await proven(scene)
    forbid_leasing(dispatcher, monkeypatch)
    queue_id = await accept(scene, wanted(dispatcher), to("b@one.test"), to("c@one.test"))
    await scene.gone(queue_id)
    assert scene.remote.names == ["first@one.test", "b@one.test", "c@one.test"]
    assert [len(group) for group in scene.remote.groups] == [1, 2]
    place = dispatcher._places.get(ONE)
    assert place is not None
    await scene.until(lambda: not dispatcher._under_way.tasks)
    assert (place.running, dict(place.senders), dispatcher._under_way.running) == (0, {}, 0)


async def test_what_has_no_room_waits_for_its_turn(scene: Scene) -> None:
    """Other destinations of the message go the usual way, and so does what is held or to be sent later."""
    dispatcher = await proven(scene)
    scene.remote.gate.clear()
    later = to("later@one.test", not_before=scene.clock.now + 60)
    rooms = wanted(dispatcher)
    queue_id = await accept(
        scene, rooms, to("b@one.test"), to("c@two.test"), to("held@one.test", hold="admin"), later
    )
    await scene.until(lambda: len(scene.remote.names) == 3)
    scene.remote.gate.set()
    await scene.until(lambda: not dispatcher._under_way.tasks)
    left = {each.recipient: each.leased_until > 0 for each in await scene.rows(queue_id)}
    assert left == {"held@one.test": False, "later@one.test": False}
    assert sorted(scene.remote.names) == ["b@one.test", "c@two.test", "first@one.test"]


async def test_no_room_where_nothing_is_known_or_something_waits(scene: Scene) -> None:
    """Unknown destinations, full ones, senders with enough under way, rates, and a dispatcher that does not run."""
    idle = scene.make("here/2")
    assert idle.express.room(ONE, SENDER) is None
    dispatcher = await proven(scene)
    assert dispatcher.express.room("mx:unknown.test", SENDER) is None
    scene.settings.now = Settings({"queue.destination_most": 4, "queue.sender_most": 2})
    rooms = [dispatcher.express.room(ONE, SENDER) for _ in range(2)]
    assert None not in rooms
    assert dispatcher.express.room(ONE, SENDER) is None
    other = dispatcher.express.room(ONE, "other@here.test")
    assert other is not None
    assert dispatcher.express.room(ONE, "third@here.test") is None  # the window is 3 so far
    for room in (*rooms, other):
        assert room is not None
        room.release()
        room.release()  # twice does no harm
    assert dispatcher._under_way.running == 0
    scene.settings.now = Settings({"queue.destination_rate": 10})
    assert dispatcher.express.room(ONE, SENDER) is None
    scene.settings.now = Settings({})
    place = dispatcher._places.get(ONE)
    assert place is not None
    place.more = True
    assert dispatcher.express.room(ONE, SENDER) is None
    place.more = False
    dispatcher.stop()
    assert dispatcher.express.room(ONE, SENDER) is None


async def test_a_pause_holds_for_it(scene: Scene) -> None:
    """It is asked for in the unit: a pause that came a moment before counts."""
    dispatcher = await proven(scene)
    rooms = wanted(dispatcher)
    await scene.database.run(destinations.pause, ONE, "admin", scene.clock.now)
    queue_id = await accept(scene, rooms, to("b@one.test"))
    await scene.until(lambda: dispatcher._under_way.running == 0)
    await asyncio.sleep(0.05)
    (row,) = await scene.rows(queue_id)
    assert not row.leased_until
    assert scene.remote.names == ["first@one.test"]


async def test_a_unit_that_fails_leaves_the_room_to_others(scene: Scene) -> None:
    """What came meanwhile gets its turn."""
    dispatcher = await proven(scene)
    rooms = wanted(dispatcher)

    def op(tx: Transaction) -> None:
        message = QueuedMessage("t1", BODY.digest, BODY.size, SENDER, scene.clock.now)
        scene.queue.put(tx, message, [to("b@one.test")], grants=rooms)
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        await scene.database.run(op)
    assert dispatcher._under_way.running == 1
    for room in rooms.values():
        room.release()
    assert dispatcher._under_way.running == 0
    await scene.gone(await scene.put("c@one.test"))
    assert scene.remote.names == ["first@one.test", "c@one.test"]


async def test_a_worker_that_died_frees_what_was_handed_over(scene: Scene) -> None:
    """The row is durable and leased; the same worker frees it when it starts again."""
    dispatcher = await proven(scene)
    scene.remote.gate.clear()
    queue_id = await accept(scene, wanted(dispatcher), to("b@one.test"))
    await scene.until(lambda: len(scene.remote.names) == 2)
    ((died, task),) = scene.running
    scene.running.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert died.express.room(ONE, SENDER) is None
    (row,) = await scene.rows(queue_id)
    assert row.leased_until
    scene.remote.gate.set()
    scene.start()
    await scene.gone(queue_id)
    assert scene.remote.names == ["first@one.test", "b@one.test", "b@one.test"]


async def test_what_is_deferred_is_tried_again(scene: Scene) -> None:
    """The next attempt is found although nobody leased the first."""
    dispatcher = await proven(scene)
    scene.remote.dead.add(ONE)
    queue_id = await accept(scene, wanted(dispatcher), to("b@one.test"))
    await scene.until(lambda: len(scene.remote.names) == 2)
    await scene.until(lambda: not dispatcher._under_way.tasks)
    (row,) = await scene.rows(queue_id)
    assert row.attempts == 1
    assert not row.leased_until
    scene.remote.dead.clear()
    scene.later(3 * 86400.0 / 2)
    await scene.gone(queue_id)
