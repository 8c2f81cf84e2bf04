"""The retry schedule, and refusals on their way into the traces."""

from __future__ import annotations

import asyncio

import pytest
from failing import FailingDatabase
from structlog.testing import capture_logs

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.queue import refusals as refusals_module
from posthouse.queue.refusals import Refusals
from posthouse.queue.schedule import next_attempt
from posthouse.queue.traces import MAX_TEXT, read
from posthouse.settings.contract import CurrentSettings, Settings


def test_the_waits_follow_the_schedule_and_the_last_one_repeats() -> None:
    """An attempt more, the next wait."""
    settings = Settings({"queue.retry_schedule": "60 300 900"})
    assert [next_attempt(settings, n, 1000.0) - 1000 for n in range(1, 6)] == [60, 300, 900, 900, 900]


class Clock:
    now = 6000.0

    def __call__(self) -> float:
        return self.now


async def test_refusals_are_written_in_batches(sqlite_database: Database) -> None:
    """What was noted is there after the flush, cut to a bounded length."""
    refusals = Refusals(sqlite_database, CurrentSettings(), Clock())
    for n in range(250):
        refusals.note(f"t{n}", "rcpt", "550 no such user " + "x" * 5000)
    assert await sqlite_database.read(read, "t0") == []
    await refusals.flush()
    for n in (0, 249):
        (entry,) = await sqlite_database.read(read, f"t{n}")
        assert (entry.stage, entry.at, len(entry.text)) == ("rcpt", 6000.0, MAX_TEXT)


async def test_a_flood_is_counted_not_written(sqlite_database: Database) -> None:
    """Strangers cannot fill the disk: past the limit of a minute there is one log line, and the next minute is new."""
    clock = Clock()
    refusals = Refusals(sqlite_database, CurrentSettings(Settings({"trace.max_refused": 3})), clock)
    for n in range(1000):
        refusals.note(f"t{n}", "rcpt", "no")
    with capture_logs() as lines:
        await refusals.flush()
    assert [(line["event"], line["count"]) for line in lines] == [("traces.refusals_not_written", 997)]
    assert await sqlite_database.read(read, "t3") == []
    clock.now += 60
    refusals.note("later", "rcpt", "no")
    await refusals.flush()
    assert len(await sqlite_database.read(read, "later")) == 1


async def test_the_job_writes_cleans_and_flushes_at_its_end(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Old traces go, a database that is away does not end the job, and a clean stop loses nothing."""
    monkeypatch.setattr(refusals_module, "FLUSH", 0.01)
    clock, database = Clock(), FailingDatabase(sqlite_database)
    refusals = Refusals(database, CurrentSettings(Settings({"trace.keep_days": 1})), clock)
    for n in range(450):
        refusals.note(f"old{n}", "rcpt", "no")
    await refusals.flush()
    clock.now += 90000
    database.fail(1)
    refusals.note("lost", "rcpt", "no")
    job = asyncio.create_task(refusals.run())
    await asyncio.sleep(0.5)
    for n in (0, 299):
        assert await sqlite_database.read(read, f"old{n}") == []
    refusals.note("last", "rcpt", "no")
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert len(await sqlite_database.read(read, "last")) == 1


async def test_what_cannot_be_written_is_dropped(sqlite_database: Database) -> None:
    """Best effort: memory stays bounded while the database is away."""
    database = FailingDatabase(sqlite_database)
    refusals = Refusals(database, CurrentSettings(), Clock())
    refusals.note("t", "rcpt", "no")
    database.fail(1)
    with pytest.raises(DatabaseUnavailable):
        await refusals.flush()
    await refusals.flush()
    assert await sqlite_database.read(read, "t") == []
