"""Mail that is just being accepted goes on at once where there is room; nothing is lost where that comes to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest
from test_dispatch import BODY, Scene, scene

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.contract import Room
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.passing import Passing
from posthouse.deliver.results import Feedback
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


async def wanted(dispatcher: Dispatcher, name: str = ONE) -> dict[str, Room]:
    room = await dispatcher.express.room(name, SENDER)
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
    queue_id = await accept(scene, await wanted(dispatcher), to("b@one.test"), to("c@one.test"))
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
    rooms = await wanted(dispatcher)
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
    assert await idle.express.room(ONE, SENDER) is None
    dispatcher = await proven(scene)
    assert await dispatcher.express.room("mx:unknown.test", SENDER) is None
    scene.settings.now = Settings({"queue.destination_most": 4, "queue.sender_most": 2})
    rooms = [await dispatcher.express.room(ONE, SENDER) for _ in range(2)]
    assert None not in rooms
    assert await dispatcher.express.room(ONE, SENDER) is None
    other = await dispatcher.express.room(ONE, "other@here.test")
    assert other is not None
    assert await dispatcher.express.room(ONE, "third@here.test") is None  # the window is 3 so far
    for room in (*rooms, other):
        assert room is not None
        room.release()
        room.release()  # twice does no harm
    assert dispatcher._under_way.running == 0
    scene.settings.now = Settings({"queue.destination_rate": 10})
    assert await dispatcher.express.room(ONE, SENDER) is None
    scene.settings.now = Settings({})
    place = dispatcher._places.get(ONE)
    assert place is not None
    place.more = True
    assert await dispatcher.express.room(ONE, SENDER) is None
    place.more = False
    dispatcher.stop()
    assert await dispatcher.express.room(ONE, SENDER) is None


async def test_a_pause_holds_for_it(scene: Scene) -> None:
    """It is asked for in the unit: a pause that came a moment before counts."""
    dispatcher = await proven(scene)
    rooms = await wanted(dispatcher)
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
    rooms = await wanted(dispatcher)

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
    queue_id = await accept(scene, await wanted(dispatcher), to("b@one.test"))
    await scene.until(lambda: len(scene.remote.names) == 2)
    ((died, task),) = scene.running
    scene.running.clear()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert await died.express.room(ONE, SENDER) is None
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
    queue_id = await accept(scene, await wanted(dispatcher), to("b@one.test"))
    await scene.until(lambda: len(scene.remote.names) == 2)
    await scene.until(lambda: not dispatcher._under_way.tasks)
    (row,) = await scene.rows(queue_id)
    assert row.attempts == 1
    assert not row.leased_until
    scene.remote.dead.clear()
    scene.later(3 * 86400.0 / 2)
    await scene.gone(queue_id)


# ---------------------------------------------------------------------- what passes through


async def quick(scene: Scene) -> Dispatcher:
    """The same, and it is known that one.test answers soon."""
    dispatcher = await proven(scene)
    place = dispatcher._places.get(ONE)
    assert place is not None
    place.took(0.001)
    return dispatcher


async def send(
    scene: Scene, dispatcher: Dispatcher, *recipients: QueuedRecipient
) -> tuple[Room, Passing, QueuedMessage]:
    (room,) = (await wanted(dispatcher)).values()
    assert room.quick
    message = QueuedMessage("t1", BODY.digest, BODY.size, SENDER, scene.clock.now)
    return room, room.send(message, recipients, scene.clock.now + 86400.0), message


async def at_rest(scene: Scene, dispatcher: Dispatcher) -> None:
    """Nothing is under way, and no room is lost."""
    await scene.until(lambda: not dispatcher._under_way.tasks)
    place = dispatcher._places.get(ONE)
    assert place is not None
    assert (place.running, dict(place.senders), dispatcher._under_way.running) == (0, {}, 0)
    assert not scene.register._known


async def test_what_is_taken_in_time_is_never_in_the_queue(scene: Scene) -> None:
    """The results are the next host's, for all recipients."""
    dispatcher = await quick(scene)
    room, passing, _ = await send(scene, dispatcher, to("b@one.test"), to("c@one.test"))
    results = await passing.results(5.0)
    assert results is not None
    assert [(each.state, each.lease.recipient.recipient) for each in results] == [
        ("relayed", "b@one.test"),
        ("relayed", "c@one.test"),
    ]
    room.release()
    await at_rest(scene, dispatcher)
    assert await scene.database.read(scene.queue.next_due) is None


async def test_what_takes_long_is_written_down_and_settled(scene: Scene) -> None:
    """The attempt goes on and settles the rows that were put meanwhile; nobody else takes them."""
    dispatcher = await quick(scene)
    scene.remote.gate.clear()
    room, passing, message = await send(scene, dispatcher, to("b@one.test"), to("c@one.test"))
    assert await passing.results(0.05) is None
    recipients = [to("b@one.test"), to("c@one.test")]
    queue_id = await scene.database.run(scene.queue.put, message, recipients, grants={ONE: room})
    await scene.until(lambda: all(lease.id > 0 for lease in passing.leases))
    assert all(row.leased_until for row in await scene.rows(queue_id))
    passing.give_up()  # what was adopted cannot be given up
    scene.remote.gate.set()
    await scene.gone(queue_id)
    await at_rest(scene, dispatcher)
    assert scene.remote.names == ["first@one.test", "b@one.test", "c@one.test"]


@pytest.mark.parametrize("paused", [False, True])
async def test_what_is_not_taken_is_written_down_first(scene: Scene, paused: bool) -> None:
    """Its rows get what the other said, and wait; also where the destination is paused by then: they are under way."""
    dispatcher = await quick(scene)
    scene.remote.dead.add(ONE)
    room, passing, message = await send(scene, dispatcher, to("b@one.test"))
    assert await passing.results(5.0) is None
    assert not passing.ended
    if paused:
        await scene.database.run(destinations.pause, ONE, "admin", scene.clock.now)
    queue_id = await scene.database.run(scene.queue.put, message, [to("b@one.test")], grants={ONE: room})
    await scene.until(lambda: not dispatcher._under_way.tasks)
    (row,) = await scene.rows(queue_id)
    assert (row.attempts, bool(row.leased_until)) == (1, False)
    assert "connection refused" in row.reason
    assert scene.remote.names == ["first@one.test", "b@one.test"]


async def test_what_is_not_accepted_is_not_sent(scene: Scene) -> None:
    """Where the unit fails, the attempt ends; what it would have written is nobody's."""
    dispatcher = await quick(scene)
    scene.remote.gate.clear()
    _, passing, _ = await send(scene, dispatcher, to("b@one.test"))
    assert await passing.results(0.05) is None
    passing.give_up()
    await at_rest(scene, dispatcher)
    scene.remote.gate.set()
    assert await scene.database.read(scene.queue.next_due) is None


async def test_an_attempt_that_comes_too_late_is_nobodys(scene: Scene) -> None:
    """Given up in the moment of the answer: it is not written down, and not waited for."""
    dispatcher = await quick(scene)
    _, passing, _ = await send(scene, dispatcher, to("b@one.test"))
    passing._cancel = lambda: None  # it cannot be ended any more
    assert await passing.results(0.0) is None
    await scene.until(lambda: passing.taken)  # so acceptance can tell that it arrived, whatever its unit did
    passing.give_up()
    await at_rest(scene, dispatcher)
    assert await passing.results(1.0) is None


async def test_who_hangs_up_meanwhile(scene: Scene) -> None:
    """The acceptance that is cancelled ends the attempt."""
    dispatcher = await quick(scene)
    scene.remote.gate.clear()
    _, passing, _ = await send(scene, dispatcher, to("b@one.test"))
    waiting = asyncio.create_task(passing.results(30.0))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await at_rest(scene, dispatcher)


async def test_an_attempt_that_was_none(scene: Scene) -> None:
    """A deliverer that settles nothing (the way leads elsewhere by now): it is written down as any other message."""
    dispatcher = await quick(scene)
    deliver = scene.remote.deliver

    async def nothing(*args: object) -> Feedback:
        return Feedback(well=True)

    scene.remote.deliver = nothing  # type: ignore[method-assign, assignment]
    _, passing, message = await send(scene, dispatcher, to("b@one.test"))
    assert await passing.results(5.0) is None
    assert passing.ended
    scene.remote.deliver = deliver  # type: ignore[method-assign]
    await scene.gone(await scene.database.run(scene.queue.put, message, [to("b@one.test")]))
    assert scene.remote.names == ["first@one.test", "b@one.test"]


@pytest.mark.parametrize("late", [False, True])
async def test_what_an_attempt_leaves_is_due_at_once(scene: Scene, late: bool) -> None:
    """Rows were put for it, and it settled none of them; ``late``: it was over before they were put."""
    dispatcher = await quick(scene)
    deliver, go = scene.remote.deliver, asyncio.Event()

    async def nothing(*args: object) -> Feedback:
        await go.wait()
        return Feedback(well=True)

    scene.remote.deliver = nothing  # type: ignore[method-assign, assignment]
    room, passing, message = await send(scene, dispatcher, to("b@one.test"))
    assert await passing.results(0.05) is None
    if late:
        go.set()
        await scene.until(lambda: passing.ended)
    queue_id = await scene.database.run(scene.queue.put, message, [to("b@one.test")], grants={ONE: room})
    scene.remote.deliver = deliver  # type: ignore[method-assign]
    go.set()
    await scene.gone(queue_id)
    assert scene.remote.names == ["first@one.test", "b@one.test"]


async def test_nobody_waits_again_for_what_takes_long(scene: Scene) -> None:
    """One message waited in vain behind the queue; for a while the others go there at once."""
    dispatcher = await quick(scene)
    scene.settings.now = Settings({"queue.pass_through": 0.1})
    place = dispatcher._places.get(ONE)
    assert place is not None
    place.more = True
    first = asyncio.create_task(dispatcher.express.room(ONE, SENDER, wait=True))
    await asyncio.sleep(0.05)
    second = asyncio.create_task(dispatcher.express.room(ONE, SENDER, wait=True))
    assert await asyncio.wait_for(first, 5) is None
    assert await asyncio.wait_for(second, 5) is None
    scene.settings.now = Settings({"queue.pass_through": 5.0})
    begun = asyncio.get_running_loop().time()
    assert await dispatcher.express.room(ONE, SENDER, wait=True) is None
    assert asyncio.get_running_loop().time() - begun < 4
    place.more = False


async def test_waiting_for_room_in_turn(scene: Scene) -> None:
    """Where only others that pass through have all room, the next ones wait for theirs, and a sender with enough under
    way holds up nobody else."""
    dispatcher = await quick(scene)
    scene.settings.now = Settings({"queue.destination_most": 2, "queue.sender_most": 1})
    first = await dispatcher.express.room(ONE, SENDER, wait=True)
    assert first is not None
    again = asyncio.create_task(dispatcher.express.room(ONE, SENDER, wait=True))
    await asyncio.sleep(0.01)
    other = await asyncio.wait_for(dispatcher.express.room(ONE, "other@here.test", wait=True), 5)
    assert other is not None
    third = asyncio.create_task(dispatcher.express.room(ONE, "third@here.test", wait=True))
    await asyncio.sleep(0.01)
    assert not again.done()
    other.release()
    assert (await asyncio.wait_for(third, 5)) is not None
    assert not again.done()
    first.release()
    assert (await asyncio.wait_for(again, 5)) is not None
    assert not dispatcher.express._waiting


async def test_waiting_for_room_ends(scene: Scene) -> None:
    """By the clock, when the destination breaks, and when nobody waits any more."""
    dispatcher = await quick(scene)
    scene.settings.now = Settings({"queue.destination_most": 1, "queue.pass_through": 0.05})
    kept = await dispatcher.express.room(ONE, SENDER, wait=True)
    assert kept is not None
    assert await asyncio.wait_for(dispatcher.express.room(ONE, SENDER, wait=True), 5) is None
    scene.settings.now = Settings({"queue.destination_most": 1, "queue.pass_through": 5.0})
    known = dispatcher._places.get(ONE)
    assert known is not None
    known.vain_until = 0.0
    gone = asyncio.create_task(dispatcher.express.room(ONE, SENDER, wait=True))
    waits = asyncio.create_task(dispatcher.express.room(ONE, SENDER, wait=True))
    await asyncio.sleep(0.01)
    gone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await gone
    place = dispatcher._places.get(ONE)
    assert place is not None
    place.failures = 1
    kept.release()
    assert await asyncio.wait_for(waits, 5) is None
    place.failures = 0
    scene.settings.now = Settings({"queue.destination_most": 1, "queue.pass_through": 0.0})
    kept = await dispatcher.express.room(ONE, SENDER, wait=True)
    assert kept is not None
    assert not kept.quick
    assert await dispatcher.express.room(ONE, SENDER, wait=True) is None
    kept.release()
    assert not dispatcher.express._waiting
