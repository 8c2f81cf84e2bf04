"""Leases: a periodic job runs in one place at a time."""

from __future__ import annotations

import asyncio

import pytest

from posthouse.cluster import leases
from posthouse.cluster.leases import PeriodicJob, give_back, take
from posthouse.database.contract import Database


async def test_one_holder_at_a_time(database: Database) -> None:
    """Taken, extended by its holder, refused to others until it has run out or was given back."""
    assert await database.run(take, "job", "one", 100.0, 30.0)
    assert not await database.run(take, "job", "two", 110.0, 30.0)
    assert await database.run(take, "job", "one", 120.0, 30.0)
    assert not await database.run(take, "job", "two", 140.0, 30.0)
    assert await database.run(take, "job", "two", 150.1, 30.0)
    assert not await database.run(take, "job", "one", 160.0, 30.0)
    await database.run(give_back, "job", "one")
    assert not await database.run(take, "job", "one", 161.0, 30.0), "not ours to give back"
    await database.run(give_back, "job", "two")
    assert await database.run(take, "job", "one", 162.0, 30.0)
    assert await database.run(take, "other", "two", 162.0, 30.0)


async def test_a_job_runs_where_the_lease_is(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two workers one does the job; when it stops the other takes over at once; an error does not end the
    job."""
    done: list[str] = []

    def job(name: str) -> PeriodicJob:
        async def work() -> None:
            done.append(name)
            if len(done) == 2:
                raise ValueError("this time it fails")

        return PeriodicJob(sqlite_database, "tidy", lambda: 0.01, work)

    monkeypatch.setattr(leases, "FIRST_SECONDS", 0.0)
    first = asyncio.create_task(job("one").run())
    await asyncio.sleep(0.1)
    second = asyncio.create_task(job("two").run())
    await asyncio.sleep(0.1)
    assert set(done) == {"one"}
    assert len(done) > 2
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    done.clear()
    await asyncio.sleep(0.1)
    assert set(done) == {"two"}
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)


async def test_a_worker_that_comes_back_takes_its_job_at_once(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash leaves the lease behind: the same worker need not wait for it to run out, another one must."""
    done: list[str] = []

    def job(holder: str) -> PeriodicJob:
        async def work() -> None:
            done.append(holder)

        return PeriodicJob(sqlite_database, "tidy", lambda: 0.01, work, holder=holder)

    monkeypatch.setattr(leases, "FIRST_SECONDS", 0.0)
    monkeypatch.setattr(leases, "give_back", lambda tx, name, holder: None)  # as if it had been killed
    for holder in ("node/0", "node/1", "node/0"):
        task = asyncio.create_task(job(holder).run())
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        done.append("killed")
    assert set(done[: done.index("killed")]) == {"node/0"}
    assert "node/1" not in done
    assert done[-2] == "node/0"
