"""Mailboxes open in one process: shared, kept a while after, within a limit."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from failing import FailingDatabase

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.settings.contract import Settings
from posthouse.store.contract import StoreRefusal
from posthouse.store.openings import Openings

sys.path.insert(0, str(Path(__file__).parents[2] / "contract"))

from store_parts import ACCOUNT, Parts


@pytest_asyncio.fixture
async def parts(sqlite_database: Database, tmp_path: Path) -> AsyncIterator[Parts]:
    made = Parts(sqlite_database, tmp_path)
    yield made
    await made.close()


async def boxes(parts: Parts, sizes: dict[str, int]) -> list[int]:
    found = []
    for name, size in sizes.items():
        box = await parts.store.create(ACCOUNT, name)
        await parts.fill(box.id, size)
        found.append(box.id)
    return found


async def test_sessions_share_one_state(parts: Parts) -> None:
    """Two views of a mailbox show the very same message objects."""
    [number] = await boxes(parts, {"a": 3})
    one, two = await parts.store.examine(number), await parts.store.examine(number)
    assert one.get(1) is two.get(1)
    one.close()
    assert two.get(1) is not None
    two.close()


async def test_idle_mailboxes_are_kept_within_the_limit(parts: Parts) -> None:
    """The longest idle are let go first; what is open does not count."""
    parts.settings.now = Settings({"store.open_cache": 60})
    first, second, third = await boxes(parts, {"a": 5, "b": 5, "c": 5})
    held = await parts.store.examine(third)
    objects = {}
    for number in (first, second):
        view = await parts.store.examine(number)
        objects[number] = view.get(1)
        view.close()
    again = await parts.store.examine(first)
    assert again.get(1) is objects[first]
    again.close()
    held.close()  # 3 x 25 is above 60: the one idle longest, the second, goes
    for number, kept in ((second, False), (first, True)):
        view = await parts.store.examine(number)
        assert (view.get(1) is objects[number]) is kept
        parts.settings.now = Settings({"store.open_cache": 1000})
        view.close()


async def test_a_mailbox_that_is_not_there_leaves_nothing(parts: Parts) -> None:
    """Opening nothing again and again holds no state and no subscription."""
    feed = LocalFeed()
    openings = Openings(parts.database, feed, parts.settings)
    for number in range(100, 120):
        with pytest.raises(StoreRefusal):
            await openings.view(number)
    assert openings._states == {}
    assert openings._subscriptions == {}
    await openings.close()


async def test_a_failing_database_delays_and_does_not_lose(parts: Parts) -> None:
    """A refresh that fails raises, and the next one loads what was missed; a waiting session is told by
    then."""
    [number] = await boxes(parts, {"a": 1})
    failing = FailingDatabase(parts.database)
    openings = Openings(failing, parts.feed, parts.settings)
    view = await openings.view(number)
    woken = asyncio.Event()
    view.on_change(woken.set)
    failing.fail()
    await parts.fill(number, 1)
    await asyncio.sleep(0.05)
    with pytest.raises(DatabaseUnavailable):
        await view.refresh()
    assert not woken.is_set()
    failing.mend()
    await parts.fill(number, 1)
    await asyncio.wait_for(woken.wait(), 5)
    assert view.sync(expunges=True).exists == 3
    view.close()
    await openings.close()


async def test_many_refreshes_at_once_load_little(parts: Parts) -> None:
    """A hundred sessions that refresh at the same moment do not read the database a hundred times."""
    [number] = await boxes(parts, {"a": 1})
    counted = FailingDatabase(parts.database)
    inner = counted._inner

    class Slow:
        inline = False

        async def read(self, *args: object, **kwargs: object) -> object:
            await asyncio.sleep(0.01)
            return await counted.read(*args, **kwargs)  # type: ignore[arg-type]

        scan = read

    openings = Openings(Slow(), parts.feed, parts.settings)  # type: ignore[arg-type]
    views = [await openings.view(number) for _ in range(50)]
    assert inner is parts.database
    await parts.fill(number, 1)
    await asyncio.sleep(0.02)
    before = counted.calls
    await asyncio.gather(*(view.refresh() for view in views))
    assert counted.calls - before <= 3
    assert all(view.sync(expunges=True).exists == 2 for view in views)
    for view in views:
        view.close()
    await openings.close()


async def test_a_mailbox_that_is_being_opened_is_not_let_go(parts: Parts) -> None:
    """While one session opens a mailbox the last other one closes it: what is opened stays known, and hears
    of news."""
    [number] = await boxes(parts, {"a": 1})
    parts.settings.now = Settings({"store.open_cache": 0})

    class Slow:
        inline = False

        async def read(self, *args: object, **kwargs: object) -> object:
            await asyncio.sleep(0.01)
            return await parts.database.read(*args, **kwargs)  # type: ignore[arg-type]

        scan = read

    openings = Openings(Slow(), parts.feed, parts.settings)  # type: ignore[arg-type]
    first = await openings.view(number)
    await parts.fill(number, 1)
    await asyncio.sleep(0.02)
    opening = asyncio.create_task(openings.view(number))
    await asyncio.sleep(0)
    first.close()
    second = await opening
    woken = asyncio.Event()
    second.on_change(woken.set)
    await parts.fill(number, 1)
    await asyncio.wait_for(woken.wait(), 5)
    second.close()
    assert openings._states == {}
    await openings.close()
