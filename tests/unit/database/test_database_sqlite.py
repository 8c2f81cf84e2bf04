"""SQLite: group commit, steps, failing commits, several processes."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator

import apsw
import pytest
import pytest_asyncio
from failing import FailingDatabase
from sqlalchemy import bindparam, insert, select, update

from posthouse.database import sqlite
from posthouse.database.contract import DatabaseDamaged, DatabaseUnavailable, Transaction
from posthouse.database.open import open_database
from posthouse.database.sqlite import SqliteDatabase
from posthouse.database.urls import parse
from posthouse.observe import steps
from posthouse.store.records import counters

INSERT = insert(counters)
SELECT = select(counters.c.value).where(counters.c.name == bindparam("name"))
ADD = update(counters).where(counters.c.name == "n").values(value=counters.c.value + 1)


@pytest_asyncio.fixture
async def database(sqlite_database_url: str) -> AsyncIterator[SqliteDatabase]:
    opened = await open_database(sqlite_database_url, upgrade=False)
    assert isinstance(opened, SqliteDatabase)
    yield opened
    await opened.close()


def add(tx: Transaction, name: str) -> None:
    tx.execute(INSERT, {"name": name, "value": 1})


async def test_units_that_come_meanwhile_share_a_commit(
    database: SqliteDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first unit commits at once; those queued while it works share the next commits, at most 32 each."""
    seen: list[str] = []
    monkeypatch.setattr(steps, "step", seen.append)
    gate = threading.Event()

    def slow(tx: Transaction) -> None:
        add(tx, "slow")
        gate.wait(5)

    first = asyncio.ensure_future(database.run(slow))
    while not seen:
        await asyncio.sleep(0.001)
    rest = [asyncio.ensure_future(database.run(add, f"n{number}")) for number in range(70)]
    await asyncio.sleep(0)
    gate.set()
    await asyncio.gather(first, *rest)
    assert seen == ["unit.begun", "unit.applied", "unit.committed"] * 4  # 1 + 32 + 32 + 6


async def test_a_lone_unit_waits_for_nobody(database: SqliteDatabase) -> None:
    """No timer: a single unit is answered in far less than a tick of one."""
    await database.run(add, "warm")
    start = time.perf_counter()
    for number in range(20):
        await database.run(lambda tx, n=number: tx.execute(SELECT, {"name": f"{n}"}))
    assert time.perf_counter() - start < 30


async def test_a_cancelled_unit_that_has_not_begun_is_left_out(database: SqliteDatabase) -> None:
    """Whoever gave up before the unit began finds nothing done."""
    gate = threading.Event()
    first = asyncio.ensure_future(database.run(lambda tx: gate.wait(5)))
    second = asyncio.ensure_future(database.run(add, "never"))
    await asyncio.sleep(0.05)
    second.cancel()
    gate.set()
    await first
    with pytest.raises(asyncio.CancelledError):
        await second
    assert await database.read(lambda tx: tx.execute(SELECT, {"name": "never"})) == []


async def test_a_transaction_lost_under_a_unit_loses_no_other(database: SqliteDatabase) -> None:
    """An error with which SQLite rolls back the whole batch (disk full): the others run again, alone."""
    gate = threading.Event()
    first = asyncio.ensure_future(database.run(lambda tx: gate.wait(5)))

    def fatal(tx: Transaction) -> None:
        tx._connection.execute("ROLLBACK")  # type: ignore[attr-defined]
        raise apsw.FullError("database or disk is full")

    await asyncio.sleep(0.01)
    batch = [
        asyncio.ensure_future(each)
        for each in (database.run(add, "a"), database.run(fatal), database.run(add, "b"))
    ]
    await asyncio.sleep(0)
    gate.set()
    await first
    results = await asyncio.gather(*batch, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), DatabaseUnavailable, type(None)]
    for name in ("a", "b"):
        assert await database.read(lambda tx, n=name: tx.execute(SELECT, {"name": n})) == [(1,)]


async def test_a_full_disk_is_unavailable_and_heals(
    sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the size limit units fail as DatabaseUnavailable and leave nothing; small reads go on; room mends
    it."""
    opened = await open_database(sqlite_database_url, upgrade=False)
    assert isinstance(opened, SqliteDatabase)
    connection = opened._writer._connection
    pages = connection.pragma("page_count")
    connection.pragma("max_page_count", pages)
    big = "x" * 30

    def fill(tx: Transaction) -> None:
        for number in range(5000):
            tx.execute(INSERT, {"name": f"{big}{number}", "value": 1})

    with pytest.raises(DatabaseUnavailable, match="full"):
        await opened.run(fill)
    assert await opened.read(lambda tx: tx.execute(select(counters.c.name))) == []
    connection.pragma("max_page_count", 1 << 30)
    await opened.run(add, "room")
    await opened.close()


async def test_readers_cannot_write(database: SqliteDatabase) -> None:
    """A reading op that tries to write is refused."""
    with pytest.raises(DatabaseUnavailable, match="readonly"):
        await database.read(add, "x")


async def test_reads_are_done_in_the_calling_thread(database: SqliteDatabase) -> None:
    """read does not leave the loop's thread; scan and run do."""
    here = threading.get_ident()
    assert await database.read(lambda tx: threading.get_ident()) == here
    assert await database.scan(lambda tx: threading.get_ident()) != here
    assert await database.run(lambda tx: threading.get_ident()) != here


async def test_commits_are_fully_synchronous(database: SqliteDatabase) -> None:
    """The writer's pragmas are the ones a 250 relies on."""

    def pragmas(tx: Transaction) -> tuple[object, object]:
        connection = tx._connection  # type: ignore[attr-defined]
        return connection.pragma("journal_mode"), connection.pragma("synchronous")

    assert await database.run(pragmas) == ("wal", 2)


WORKER = """
import asyncio, sys
from sqlalchemy import update
from posthouse.database.open import open_database
from posthouse.store.records import counters
ADD = update(counters).where(counters.c.name == "n").values(value=counters.c.value + 1)
async def main():
    database = await open_database(sys.argv[1], upgrade=False)
    async def some():
        for _ in range(20):
            await database.run(lambda tx: tx.change(ADD))
    await asyncio.gather(*(some() for _ in range(5)))
    await database.close()
asyncio.run(main())
"""


async def test_worker_processes_share_the_file(database: SqliteDatabase, sqlite_database_url: str) -> None:
    """Two more processes write at once: nothing is lost, nobody is refused, and this one sees it all."""
    await database.run(lambda tx: tx.execute(INSERT, {"name": "n", "value": 0}))
    workers = [subprocess.Popen([sys.executable, "-c", WORKER, sqlite_database_url]) for _ in range(2)]
    for _ in range(50):
        await database.run(lambda tx: tx.change(ADD))
    for worker in workers:
        assert await asyncio.to_thread(worker.wait, 60) == 0
    assert await database.read(lambda tx: tx.execute(SELECT, {"name": "n"})) == [(250,)]


async def test_a_lock_held_too_long_is_unavailable(
    database: SqliteDatabase, sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that keeps the write lock: units fail as temporary, and work again after."""
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.1)
    other = apsw.Connection(parse(sqlite_database_url).database or "")
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseUnavailable, match="locked"):
        await database.run(add, "x")
    other.execute("ROLLBACK")
    other.close()
    await database.run(add, "x")


async def test_the_log_is_checkpointed_beside_the_writer(
    database: SqliteDatabase, sqlite_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The write-ahead log does not grow for ever."""
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 20)
    path = parse(sqlite_database_url).database or ""

    def many(tx: Transaction, start: int) -> None:
        tx.execute_many(INSERT, [{"name": f"{start}-{number}", "value": number} for number in range(300)])

    # The checkpoint runs in a thread of its own: sooner or later it has caught up, and the log is used again.
    size = 0
    for start in range(2000):
        await database.run(many, start)
        await asyncio.sleep(0.01)
        before, size = size, os.path.getsize(path + "-wal")
        if size == before:
            return
    pytest.fail(f"the log grows and grows: {size} bytes")


async def test_failing_double(database: SqliteDatabase) -> None:
    """The double fails when told to, and loses an answer after the commit when told so."""
    failing = FailingDatabase(database)
    failing.fail(1)
    with pytest.raises(DatabaseUnavailable):
        await failing.run(add, "x")
    await failing.run(add, "x")
    failing.lose()
    with pytest.raises(DatabaseUnavailable):
        await failing.run(add, "y")
    assert await failing.read(lambda tx: tx.execute(SELECT, {"name": "y"})) == [(1,)]
    failing.fail()
    with pytest.raises(DatabaseUnavailable):
        await failing.scan(lambda tx: None)
    failing.mend()
    await failing.read(lambda tx: None)


@pytest.mark.parametrize("cause", [apsw.CorruptError, apsw.NotADBError])
async def test_a_damaged_file_is_told_from_one_that_is_away(
    database: SqliteDatabase, cause: type[apsw.Error]
) -> None:
    """Trying again mends a full disk, and never a damaged file: who is told must know which of them it is."""

    def op(tx: Transaction) -> None:
        raise cause("as the library would")

    with pytest.raises(DatabaseDamaged, match="as the library would"):
        await database.run(op)
