"""The retry schedule, and refusals on their way into the traces."""

from __future__ import annotations

import asyncio

import pytest
from failing import FailingDatabase
from structlog.testing import capture_logs

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.queue import refusals as refusals_module
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.refusals import Refusals
from posthouse.queue.schedule import expired, next_attempt
from posthouse.queue.traces import MAX_TEXT, read
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.settings.queue import check_rates, rates_of


def _lease(row_id: int, attempts: int, destination: str = "mx:there.test", expires_at: float = 1e9) -> Lease:
    message = QueuedMessage("t", "ab" * 32, 1, "a@here.test", 0.0)
    recipient = QueuedRecipient("b@there.test", destination)
    return Lease(row_id, 1, message, recipient, attempts, "token", 0.0, expires_at)


def test_the_waits_follow_the_schedule_and_the_last_one_repeats() -> None:
    """An attempt more, the next wait; mailboxes of ours have a schedule of their own."""
    settings = Settings({"queue.retry_schedule": "60 300 900", "queue.local_retry_schedule": "10 20"})
    waits = [next_attempt(settings, _lease(0, n), 1000.0) - 1000 for n in range(1, 6)]
    assert waits == [60, 300, 900, 900, 900]
    local = [next_attempt(settings, _lease(0, n, "local"), 1000.0) - 1000 for n in range(1, 4)]
    assert local == [10, 20, 20]


def test_a_route_may_have_its_own_schedule() -> None:
    """So many attempts, so many minutes apart."""
    settings = Settings()
    assert next_attempt(settings, _lease(0, 1), 1000.0, tries=3, minutes=7) == 1420
    assert [expired(_lease(0, n), 1000.0, tries=3) for n in (1, 2, 3)] == [False, False, True]
    assert not expired(_lease(0, 99), 1000.0)


def test_what_failed_together_is_not_tried_together() -> None:
    """A wait is a few percent longer, always the same for a row, never shorter."""
    settings = Settings({"queue.retry_schedule": "1000"})
    waits = [next_attempt(settings, _lease(n, 1), 0.0) for n in range(1, 200)]
    assert waits == [next_attempt(settings, _lease(n, 1), 0.0) for n in range(1, 200)]
    assert min(waits) >= 1000
    assert max(waits) <= 1050
    assert len(set(waits)) > 150


def test_the_last_attempt_is_when_the_time_is_over() -> None:
    """Neither later nor in the past."""
    settings = Settings({"queue.retry_schedule": "1000"})
    assert next_attempt(settings, _lease(7, 1, expires_at=1500.0), 1000.0) == 1500.0
    assert next_attempt(settings, _lease(7, 1, expires_at=900.0), 1000.0) == 1001.0


def test_rates_of_single_destinations() -> None:
    """Domains and destinations; nonsense is complained of."""
    assert rates_of("Example.org=60 route:3=5") == {"mx:example.org": 60, "route:3": 5}
    assert check_rates("") == ""
    for wrong in ("example.org", "example.org=0", "=5", "a=b", "a=-1"):
        assert check_rates(wrong)


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
