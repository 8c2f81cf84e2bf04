"""Stored settings are checked when they change and followed while the server runs."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

import posthouse.settings.queue
import posthouse.settings.signin
import posthouse.settings.trace  # noqa: F401
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import records
from posthouse.directory.errors import DirectoryError
from posthouse.directory.live import LiveSettings
from posthouse.directory.stored import checked, put_setting
from posthouse.settings.contract import CurrentSettings, declared
from posthouse.settings.queue import LIFETIME, RETRY_SCHEDULE


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("queue.lifetime", "soon", "a duration"),
        ("queue.lifetime", "3600.5", "a duration"),
        ("queue.lifetime", 59, "out of range"),
        ("queue.lifetime", 10**9, "out of range"),
        ("queue.lifetime", True, "a duration"),
        ("queue.lifetime", [], "a duration"),
        ("signin.first_delay", "nan", "a duration"),
        ("signin.first_delay", "inf", "a duration"),
        ("queue.retry_schedule", "60 soon", "must be waits"),
        ("queue.retry_schedule", "", "must be waits"),
        ("queue.retry_schedule", "٣", "must be waits"),
        ("queue.retry_schedule", 5, "a text"),
    ],
)
def test_bad_values_are_refused_by_name(name: str, value: Any, words: str) -> None:
    """The complaint names the setting, says what is wrong, and how to mend it."""
    with pytest.raises(DirectoryError) as refused:
        checked(declared()[name], value)
    assert name in refused.value.text
    assert words in f"{refused.value.text} {refused.value.mend}"


def test_text_becomes_the_type_of_the_setting() -> None:
    """Command lines and web forms hand over text."""
    known = declared()
    assert checked(known["queue.lifetime"], "3600") == 3600
    assert checked(known["signin.first_delay"], "0.5") == 0.5
    assert type(checked(known["signin.first_delay"], 2)) is float
    assert checked(known["queue.retry_schedule"], "1 2") == "1 2"


async def test_an_undeclared_setting_is_refused(sqlite_database: Database) -> None:
    """A slip of the pen is not stored."""
    with pytest.raises(DirectoryError) as refused:
        await sqlite_database.run(put_setting, "queue.lifetme", 1)
    assert refused.value.kind == "missing"


async def test_a_running_server_follows_changes(sqlite_database: Database) -> None:
    """By the feed at once, and by asking when the notice is lost."""
    feed, current = LocalFeed(), CurrentSettings()
    live = LiveSettings(sqlite_database, feed, current)
    await live.load()
    assert current.now[LIFETIME] == LIFETIME.default
    running = asyncio.create_task(live.run())
    await asyncio.sleep(0.01)
    await sqlite_database.run(put_setting, "queue.lifetime", 3600, feed=feed)
    await asyncio.sleep(0.05)
    assert current.now[LIFETIME] == 3600
    await sqlite_database.run(put_setting, "queue.lifetime", 7200)
    await asyncio.sleep(1.1)
    assert current.now[LIFETIME] == 7200
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_values_that_this_program_does_not_accept_are_ignored(sqlite_database: Database) -> None:
    """After a downgrade the server starts with defaults where it must, and says so."""

    def spoil(tx: Transaction) -> None:
        tx.upsert(records.settings_values, {"name": "queue.lifetime"}, {"value": '"never"'})
        tx.upsert(records.settings_values, {"name": "future.thing"}, {"value": "1"})
        put_setting(tx, "queue.retry_schedule", "5")

    await sqlite_database.run(spoil)
    current = CurrentSettings()
    with capture_logs() as lines:
        await LiveSettings(sqlite_database, LocalFeed(), current).load()
    assert current.now[LIFETIME] == LIFETIME.default
    assert current.now[RETRY_SCHEDULE] == "5"
    assert [line["event"] for line in lines] == ["settings.ignored"]
