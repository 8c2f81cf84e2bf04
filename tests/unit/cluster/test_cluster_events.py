"""Events: written with what they tell of, read in order, thinned from the old end."""

from __future__ import annotations

import asyncio
import time

import pytest

from posthouse.cluster import event_records as records
from posthouse.cluster import events
from posthouse.cluster.events import Fact, Gathered, of_address
from posthouse.database.contract import Database, Transaction
from posthouse.mail.encoded import decode_words

NOW = 1_800_000_000.0


def put(tx: Transaction, ident: int, at: float) -> None:
    """A row with an id of its own, as a server database may show it before a lower one."""
    values = {"id": ident, "at": at, "kind": "k", "domain": "", "account": "", "data": "{}"}
    tx.execute(records.events.insert(), values)


def ids(tx: Transaction, after: int = 0, limit: int = 100) -> list[int]:
    """What a reader gets."""
    return [event.id for event in events.read_after(tx, after, limit, NOW)]


async def test_an_event_is_there_with_its_unit_or_not_at_all(sqlite_database: Database) -> None:
    """A unit that fails takes its event with it, its id too; the feed hears of durable ones only."""
    told: list[bool] = []

    def fails(tx: Transaction) -> None:
        events.write(tx, [Fact("account.changed", {})])
        raise ValueError("no")

    events.told = lambda: told.append(True)
    try:
        with pytest.raises(ValueError, match="no"):
            await sqlite_database.run(fails)
        assert told == []
        fact = of_address("message.received", "anna@own.example", {"uid": 1, "text": "a\0b"})
        await sqlite_database.run(events.write, [fact, Fact("backup.done", {})])
        assert told
    finally:
        events.told = None
    one, two = await sqlite_database.read(events.read_after, 0, 10, time.time())
    assert (one.id, two.id) == (1, 2)
    assert (one.kind, one.domain, one.account) == ("message.received", "own.example", "anna@own.example")
    assert one.data == {"uid": 1, "text": "a\0b"}
    assert [each.id for each in await sqlite_database.read(events.read_before, 2**62, 10)] == [2, 1]


async def test_what_no_engine_can_store_costs_no_unit(sqlite_database: Database) -> None:
    """A login with NUL, a subject with half a surrogate pair: the event tells it in other characters. In JSON NUL is
    escaped."""
    data = {"subject": decode_words(b"=?utf-7?Q?a+2AA-b?="), "deep": [{"x\udc00": ("\ud800", 1, None)}]}
    assert not data["subject"].isprintable()
    fact = of_address("session.failed", "a\0b\ud800@own.example\0", data)
    await sqlite_database.run(events.write, [fact])
    (one,) = await sqlite_database.read(events.read_after, 0, 10, time.time())
    assert (one.account, one.domain) == ("a\ufffdb?@own.example\ufffd", "own.example\ufffd")
    assert one.data == {"subject": "a?b", "deep": [{"x?": ["?", 1, None]}]}


async def test_an_event_that_cannot_be_written_ends_nobody(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that ends is the end of its worker, and strangers choose what these events hold."""
    monkeypatch.setattr(events, "FLUSH_SECONDS", 0.0)
    gathered = Gathered()
    running = asyncio.create_task(gathered.run(sqlite_database))
    await asyncio.sleep(0)
    gathered.note(Fact("session.failed", {"odd": object()}))
    async with asyncio.timeout(20):
        while gathered._waiting:
            await asyncio.sleep(0.001)
        gathered.note(Fact("session.failed", {"odd": "no"}))
        while not await sqlite_database.read(events.newest):
            await asyncio.sleep(0.001)
    gathered.note(Fact("session.failed", {"odd": object()}))
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_reader_waits_for_ids_that_may_still_come(sqlite_database: Database) -> None:
    """A young gap may be a unit that has not committed yet; an old one never will be filled, and before the oldest
    row there is none: that was thinned."""

    def op(tx: Transaction) -> None:
        for ident, at in ((5, NOW - 100), (6, NOW - 100), (8, NOW - 50), (9, NOW - 1), (11, NOW)):
            put(tx, ident, at)

    await sqlite_database.run(op)
    assert await sqlite_database.read(ids) == [5, 6, 8, 9]
    assert await sqlite_database.read(ids, 9) == []
    await sqlite_database.run(put, 10, NOW)
    assert await sqlite_database.read(ids, 9) == [10, 11]
    assert await sqlite_database.read(events.newest) == 11
    assert await sqlite_database.read(events.oldest) == 5


async def test_a_clock_that_was_wrong_holds_up_no_reader(sqlite_database: Database) -> None:
    """Events written while the clock was a year ahead are read now, gap or not."""

    def op(tx: Transaction) -> None:
        for ident, at in ((1, NOW), (3, NOW + 3e7), (4, NOW + 3e7), (6, NOW)):
            put(tx, ident, at)

    await sqlite_database.run(op)
    assert await sqlite_database.read(ids) == [1, 3, 4]


async def test_old_events_go_and_young_ones_stay(sqlite_database: Database) -> None:
    """Thinning goes in small units from the oldest on; no id is given again."""

    def op(tx: Transaction) -> None:
        for ident in range(1, 304):
            put(tx, ident, NOW - 1000 if ident <= 302 else NOW)

    await sqlite_database.run(op)
    assert [await sqlite_database.run(events.remove_old, NOW - 10) for _ in range(3)] == [200, 102, 0]
    assert await sqlite_database.read(ids) == [303]
    assert await sqlite_database.run(events.remove_old, NOW + 10) == 1
    await sqlite_database.run(events.write, [Fact("k", {})])
    assert await sqlite_database.read(events.newest) == 304


async def test_what_strangers_cause_is_bounded(sqlite_database: Database) -> None:
    """The same thing counts once a minute, no kind without end, and nothing while nobody writes it down."""
    now = NOW - NOW % 60
    gathered = Gathered(clock=lambda: now)
    gathered.note(Fact("session.failed", {}))
    gathered._open = True
    for _ in range(10):
        gathered.note(Fact("session.failed", {"reason": "x" * 1000}), "anna 192.0.2.1")
    await gathered.flush(sqlite_database)
    (one,) = await sqlite_database.read(events.read_after, 0, 10, now)
    assert len(one.data["reason"]) == 300
    for number in range(events.MOST_A_MINUTE + 50):
        gathered.note(Fact("message.refused", {}), str(number))
    gathered.note(Fact("session.failed", {}), "bert 192.0.2.1")
    await gathered.flush(sqlite_database)
    kinds = [event.kind for event in await sqlite_database.read(events.read_after, 0, 1000, now)]
    assert kinds.count("message.refused") == events.MOST_A_MINUTE
    assert kinds.count("session.failed") == 2
    now += 61
    gathered.note(Fact("session.failed", {}), "anna 192.0.2.1")
    gathered.note(Fact("message.refused", {}))
    await gathered.flush(sqlite_database)
    assert await sqlite_database.read(events.newest) == events.MOST_A_MINUTE + 4
