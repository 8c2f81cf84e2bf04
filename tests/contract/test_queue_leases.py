"""Leases of one destination, looks at what is due, and what is remembered of destinations: the same on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
import pytest_asyncio

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.queue import destinations, lookout
from posthouse.queue.contract import HOLD_ROUTE, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

NOW = 2000.5


@pytest_asyncio.fixture
async def queue() -> QueueService:
    return QueueService(CurrentSettings(), LocalFeed())


async def _put(
    database: Database,
    queue: QueueService,
    *rows: str,
    sender: str = "a@here.test",
    due: float = 0.0,
    **more: Any,
) -> int:
    """Each row is written ``name destination``."""
    message = QueuedMessage("t", "ab" * 32, 1, sender, 1000.0, **more)
    pairs = [each.split() for each in rows]
    return await database.run(
        queue.put, message, [QueuedRecipient(f"{name}@x.test", place, due_at=due) for name, place in pairs]
    )


async def _lease(
    database: Database, queue: QueueService, destination: str, limit: int, **more: Any
) -> list[Lease]:
    return await database.run(queue.lease, NOW, limit, 60.0, "here/1", destination=destination, **more)


def _names(leases: list[Lease]) -> list[str]:
    return [lease.recipient.recipient.partition("@")[0] for lease in leases]


async def test_only_of_that_destination_by_priority(database: Database, queue: QueueService) -> None:
    """Highest first, then oldest; what is due later or leads elsewhere is left alone."""
    for name, priority in (("low", -9), ("mid", 0), ("top", 9), ("mid2", 0)):
        await _put(database, queue, f"{name} mx:one.test", f"{name}-other mx:two.test", priority=priority)
    await _put(database, queue, "later mx:one.test", due=NOW + 1, priority=9)
    assert _names(await _lease(database, queue, "mx:one.test", 1)) == ["top"]
    assert sorted(_names(await _lease(database, queue, "mx:one.test", 2))) == ["mid", "mid2"]
    assert await database.read(queue.next_due, None, "mx:one.test") == 0.0
    assert _names(await _lease(database, queue, "mx:one.test", 9)) == ["low"]
    assert await database.read(queue.next_due, None, "mx:one.test") == NOW + 1
    assert await database.read(queue.next_due, None, "mx:none.test") is None
    assert await _lease(database, queue, "mx:one.test", 9) == []


async def test_rows_of_one_message_stand_together(database: Database, queue: QueueService) -> None:
    """So many messages, all of their rows to this destination, up to so many rows."""
    for n in range(3):
        rows = [f"m{n}r{m} mx:one.test" for m in range(4)]
        await _put(database, queue, *rows, f"m{n} mx:two.test", sender=f"s{n}@here.test")
    leases = await _lease(database, queue, "mx:one.test", 100, most=2)
    ids = [lease.message_id for lease in leases]
    assert len(leases) == 8
    assert ids[:4] == [ids[0]] * 4
    assert ids[4:] == [ids[4]] * 4
    assert len(await _lease(database, queue, "mx:one.test", 3, most=2)) == 3


async def test_senders_take_turns(database: Database, queue: QueueService) -> None:
    """Two hundred messages that came before do not keep another sender's waiting; none has more than its share."""
    for _ in range(4):
        await asyncio.gather(
            *(_put(database, queue, "x mx:one.test", sender="mass@here.test") for _ in range(50))
        )
    for name in ("b", "c", "d"):
        await _put(database, queue, f"{name} mx:one.test", sender=f"{name}@here.test")
    assert sorted(_names(await _lease(database, queue, "mx:one.test", 4))) == ["b", "c", "d", "x"]
    assert _names(await _lease(database, queue, "mx:one.test", 9, each=3)) == ["x"] * 3
    busy = {"mass@here.test": 2}
    assert _names(await _lease(database, queue, "mx:one.test", 9, each=3, busy=busy)) == ["x"]
    busy = {"mass@here.test": 3}
    assert await _lease(database, queue, "mx:one.test", 9, each=3, busy=busy) == []


async def test_two_workers_share_a_destination(database: Database, queue: QueueService) -> None:
    """At the same moment, again and again: every row once, none forgotten."""
    for n in range(30):
        await _put(database, queue, f"r{n} mx:one.test", f"s{n} mx:one.test", sender=f"s{n % 3}@here.test")

    async def work(owner: str) -> list[int]:
        ids: list[int] = []
        idle = 0
        while idle < 3:
            found = await database.run(queue.lease, NOW, 6, 60.0, owner, destination="mx:one.test", most=3)
            idle = 0 if found else idle + 1
            for lease in found:
                assert await database.run(queue.settle, lease, "relayed")
            ids += [lease.id for lease in found]
        return ids

    done = [
        each for ids in await asyncio.gather(work("here/1"), work("here/2"), work("here/3")) for each in ids
    ]
    assert len(done) == len(set(done)) == 60
    assert await database.read(queue.next_due, None, "mx:one.test") is None


async def test_a_single_row_is_taken_whether_it_is_due_or_not(
    database: Database, queue: QueueService
) -> None:
    """Unless somebody has it."""
    await _put(database, queue, "a mx:one.test", due=NOW + 500)
    (row,) = await database.read(lookout.by_expiry, (0.0, 0), 1e12, 10)
    lease = await database.run(queue.lease_row, row.id, row.token, NOW, 60.0, "here/1")
    assert lease is not None
    assert await database.run(queue.lease_row, row.id, row.token, NOW, 60.0, "here/2") is None
    (row,) = await database.read(lookout.by_expiry, (0.0, 0), 1e12, 10)
    assert await database.run(queue.lease_row, row.id, row.token, NOW + 59, 60.0, "here/2") is None
    assert await database.run(queue.lease_row, row.id, row.token, NOW + 60, 60.0, "here/2") is not None
    assert not await database.run(queue.fail, lease, "too late")


async def test_a_look_finds_each_destination_once(database: Database, queue: QueueService) -> None:
    """With the time of its first row; without paused ones and other classes, and knowing which are down."""
    for n in range(60):
        await _put(database, queue, f"a mx:d{n:02}.test", f"b mx:d{n:02}.test", "c route:7", due=float(n))
    await _put(database, queue, "l local", "w webhook:1", "x webhook:2", "y zzz:9")
    await database.run(destinations.pause, "mx:d01.test", "admin", NOW)
    await database.run(destinations.note_down, "mx:d02.test", NOW, "away", first=60.0, most=600.0)
    found: list[lookout.Due] = []
    after, units = "", 0
    while after or not units:
        part = await database.scan(lookout.stretch, after, {"mx", "route", "local"})
        found, after, units = found + part.found, part.after, units + 1
    assert units == 2
    assert [each.destination for each in found] == [
        "local",
        *(f"mx:d{n:02}.test" for n in range(60) if n != 1),
        "route:7",
    ]
    by_name = {each.destination: each for each in found}
    assert by_name["mx:d30.test"].at == 30.0
    assert by_name["route:7"].at == 0.0
    assert NOW + 60 <= by_name["mx:d02.test"].until <= NOW + 63


async def test_new_rows_are_found_by_their_id(database: Database, queue: QueueService) -> None:
    """Held ones and other classes do not count, but for the next id."""
    await _put(database, queue, "a mx:one.test")
    newest = await database.read(lookout.newest)
    assert await database.read(lookout.new_rows, newest, {"mx"}) == ({}, newest, False)
    await _put(database, queue, "b mx:two.test", "c mx:two.test", "h webhook:1", due=50.0)
    held = QueuedRecipient("u@x.test", "mx:three.test", hold="admin")
    await database.run(queue.put, QueuedMessage("t", "ab" * 32, 1, "", 1000.0), [held])
    firsts, now_newest, more = await database.read(lookout.new_rows, newest, {"mx"})
    assert (firsts, more) == ({"mx:two.test": 50.0}, False)
    assert now_newest == await database.read(lookout.newest) > newest


async def test_what_expires_is_found_in_its_order(database: Database, queue: QueueService) -> None:
    """Piece by piece, rows with the same time too; DELIVERBY with mode R ends it earlier."""
    for n in range(5):
        await _put(database, queue, f"a{n} mx:one.test", f"b{n} mx:one.test")
    await _put(database, queue, "r mx:one.test", deliver_by=1500.0, by_mode="R")
    await _put(database, queue, "n mx:one.test", deliver_by=1600.0, by_mode="NT")
    held = QueuedRecipient("u@x.test", "route:1", hold=HOLD_ROUTE)
    await database.run(queue.put, QueuedMessage("t", "ab" * 32, 1, "", 1000.0), [held])
    seen: list[lookout.Waiting] = []
    after = (-1.0, 0)
    while part := await database.scan(lookout.by_expiry, after, 1e9, 4):
        seen += part
        after = (part[-1].expires_at, part[-1].id)
    assert len(seen) == len({each.id for each in seen}) == 12
    assert seen[0].expires_at == 1500.0
    assert {each.expires_at for each in seen[1:]} == {1000.0 + 432000}
    (waiting,) = await database.scan(lookout.by_expiry, (-1.0, 0), 1e9, 4, held=True)
    assert waiting.hold == HOLD_ROUTE
    assert await database.run(lookout.release_expired, waiting.id, NOW)
    assert not await database.run(lookout.release_expired, waiting.id, NOW)
    found = await database.scan(lookout.by_deadline, 0.0, 1599.0, 10)
    assert [(each.deliver_by, each.by_mode) for each in found] == [(1500.0, "R")]
    found = await database.scan(lookout.by_deadline, 1500.0, 1600.0, 10)
    assert [(each.deliver_by, each.by_mode) for each in found] == [(1600.0, "NT")]


async def test_a_destination_is_paused_by_one_and_down_for_all(database: Database) -> None:
    """Failures make longer waits, what another worker found out stands, and success clears it; a pause stays."""
    name = "mx:one.test"
    assert await database.run(destinations.pause, name, "admin", 5.0)
    assert not await database.run(destinations.pause, name, "other", 6.0)
    down = {"first": 60.0, "most": 100.0}
    state = await database.run(destinations.note_down, name, NOW, "away\0", **down)
    assert (state.failures, state.reason, state.paused_by, state.paused_at) == (1, "away\ufffd", "admin", 5.0)
    assert await database.run(destinations.note_down, name, NOW + 1, "again", **down) == state
    for failures in (2, 3):
        state = await database.run(destinations.note_down, name, state.down_until, "again", **down)
        assert state.failures == failures
        assert 100 <= state.down_until - state.tried_at <= 105
    assert await database.run(destinations.wake, name)
    assert (await database.read(destinations.state, name)).down_until == 0.0
    state = await database.run(destinations.note_down, name, 5000.0, "busy", retry_after=7.0, **down)
    assert (state.failures, state.down_until) == (4, 5007.0)
    assert await database.run(destinations.note_well, name, 6000.0)
    assert not await database.run(destinations.note_well, name, 6001.0)
    state = await database.read(destinations.state, name)
    assert (state.failures, state.worked_at, state.paused) == (0, 6000.0, True)
    assert await database.read(destinations.paused) == {name}
    assert [each.destination for each in await database.read(destinations.page)] == [name]
    assert await database.run(destinations.remove_old, 1e9) == 0
    assert await database.run(destinations.resume, name)
    assert not await database.run(destinations.resume, name)
    assert await database.run(destinations.remove_old, 1e9) == 1
    assert await database.read(destinations.state, name) == destinations.DestinationState(name)


async def test_pauses_at_the_same_moment(database: Database) -> None:
    """One of them is first; nothing breaks on the unique key."""
    calls = [database.run(destinations.pause, "*", f"admin{n}", 1.0) for n in range(6)]
    done = await asyncio.gather(*calls)
    assert any(done)
    assert (await database.read(destinations.state, "*")).paused


async def test_a_lease_is_renewed_by_who_holds_it(database: Database, queue: QueueService) -> None:
    """Nobody else gets it meanwhile, its token stays; who lost it renews nothing."""
    await _put(database, queue, "a mx:one.test", "b mx:one.test")
    first, second = await _lease(database, queue, "mx:one.test", 2)
    assert await database.run(queue.renew, [first], NOW + 600.0) == 1
    (taken,) = await database.run(queue.lease, NOW + 100, 9, 60.0, "there/1", destination="mx:one.test")
    assert taken.id == second.id
    assert await database.run(queue.renew, [first, second], NOW + 700.0) == 1
    assert await database.run(queue.lease, NOW + 650, 9, 60.0, "there/1", destination="mx:one.test") != []
    assert await database.run(queue.settle, first, "done")
    assert await database.run(queue.renew, [first, second], NOW + 800.0) == 0


class Granted:
    """Room with a scheduler (``queue.contract.Grant``)."""

    def __init__(self, *, firm: bool = False) -> None:
        self.firm = firm
        self.owner, self.until = "here/1", NOW + 60
        self.begun: list[Lease] = []

    def begin(self, leases: Sequence[Lease]) -> None:
        self.begun += leases


async def test_rows_are_put_as_leased_where_there_is_room(database: Database, queue: QueueService) -> None:
    """The leases are as good as any: nobody else gets the rows, they are settled, freed or run out."""
    grant = Granted()
    message = QueuedMessage("t", "ab" * 32, 1, "a@here.test", 1000.0, priority=2)
    rows = [
        QueuedRecipient(f"{name}@x.test", f"mx:{place}.test", orcpt="rfc822;o", reason="r")
        for name, place in (("a", "one"), ("b", "two"), ("c", "one"), ("d", "one"))
    ]
    queue_id = await database.run(queue.put, message, rows, grants={"mx:one.test": grant})
    assert _names(grant.begun) == ["a", "c", "d"]
    assert await _lease(database, queue, "mx:one.test", 9) == []
    assert _names(await _lease(database, queue, "mx:two.test", 9)) == ["b"]
    settled, failed, left = grant.begun
    assert (settled.message_id, settled.message, settled.attempts) == (queue_id, message, 1)
    assert await database.run(queue.settle, settled, "delivered")
    assert await database.run(queue.fail, failed, "refused")
    assert not await database.run(queue.settle, failed, "twice")
    assert await database.run(queue.free, "here/1", NOW) == 2  # the other destination's, too
    (again,) = await _lease(database, queue, "mx:one.test", 9)
    assert again.recipient == left.recipient
    assert (again.id, again.message, again.attempts) == (left.id, left.message, 2)
    assert again.expires_at == left.expires_at


async def test_what_is_put_as_leased_begins_only_when_it_is_durable(
    database: Database, queue: QueueService
) -> None:
    """Not where the unit fails, and not where the destination, or everything, is paused or known to be down."""
    grant = Granted()
    message = QueuedMessage("t", "ab" * 32, 1, "a@here.test", 1000.0)
    row = [QueuedRecipient("a@x.test", "mx:one.test")]

    def breaks(tx: Transaction) -> None:
        queue.put(tx, message, row, grants={"mx:one.test": grant})
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError):
        await database.run(breaks)
    await database.run(destinations.note_down, "mx:one.test", NOW, "away", first=60.0, most=600.0)
    await database.run(queue.put, message, row, grants={"mx:one.test": grant})
    await database.run(destinations.note_well, "mx:one.test", NOW)
    await database.run(destinations.pause, destinations.EVERYTHING, "admin", NOW)
    await database.run(queue.put, message, row, grants={"mx:one.test": grant})
    assert grant.begun == []
    assert len(await _lease(database, queue, "mx:one.test", 9)) == 2
