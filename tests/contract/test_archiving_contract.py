"""Archive rules carried out on every engine: each message once, none forgotten, whatever comes between."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pytest
from people import people
from store_parts import Parts

from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.deliver.archiving import Archiving
from posthouse.directory import archives
from posthouse.directory.archives import ArchiveRule

DAY = 86_400
NOW = int(datetime(2026, 6, 15, tzinfo=UTC).timestamp())
FOLDER = "Old/%YEAR%"


class World:
    """Alice's account with mail in her Inbox, and the job."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.now = float(NOW)
        self.job = Archiving(parts.database, parts.store, lambda: self.now)
        self.alice = self.bob = 0

    async def open(self) -> World:
        found = await people(self.parts.database)
        self.alice, self.bob = found["alice"].id, found["bob"].id
        for account in (self.alice, self.bob):
            await self.parts.store.provision(account)
        return self

    async def put(self, days: int, *, account: int = 0, text: str = "") -> None:
        """A message that is so many days old."""
        inbox = await self.parts.store.find(account or self.alice, "INBOX")
        assert inbox is not None
        message = self.parts.message(text or f"d{days}", internal_date=NOW - days * DAY)
        await self.parts.store.append(inbox.id, [message])

    async def rule(self, action: archives.Action, *, account: int = 0) -> None:
        rule = ArchiveRule(action=action, days=100, folder=FOLDER)
        await self.parts.database.run(archives.put, "account", account or self.alice, rule)

    async def subjects(self, folder: str, account: int = 0) -> Counter[str]:
        found = await self.parts.store.find(account or self.alice, folder)
        if found is None:
            return Counter()
        view = await self.parts.store.examine(found.id)
        names: Counter[str] = Counter()
        for message in view.messages(range(1, found.uidnext)):
            names[
                (await self.parts.store.content(message)).split(b"Subject: ")[1].split(b"\r")[0].decode()
            ] += 1
        view.close()
        return names


@pytest.fixture
async def world(parts: Parts) -> World:
    return await World(parts).open()


async def test_copies_go_into_the_folder_of_their_year_once(world: World) -> None:
    for days in (500, 400, 120, 110, 5):
        await world.put(days)
    await world.rule("copy")
    assert await world.job.once() == 4
    assert await world.job.once() == 0
    assert await world.subjects("Old/2025") == Counter(d500=1, d400=1)
    assert await world.subjects("Old/2026") == Counter(d120=1, d110=1)
    assert sum((await world.subjects("INBOX")).values()) == 5
    world.now += 200 * DAY
    assert await world.job.once() == 1
    assert await world.subjects("Old/2026") == Counter(d120=1, d110=1, d5=1)


async def test_a_crash_between_copies_copies_nothing_twice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a unit did not come to the end of is as if it had not begun."""
    for number in range(4):
        await world.put(500, text=f"a{number}")
        await world.put(120, text=f"b{number}")
    await world.rule("copy")
    real, calls = archives.set_progress, 0

    def broken(tx: Transaction, account_id: int, mailbox_id: int, uid: int) -> None:
        nonlocal calls
        calls += 1
        if calls % 2 == 0:
            raise DatabaseUnavailable("away")
        real(tx, account_id, mailbox_id, uid)

    monkeypatch.setattr(archives, "set_progress", broken)
    for _ in range(100):
        try:
            await world.job.once()
            break
        except DatabaseUnavailable:
            pass
    assert calls > 8
    assert await world.subjects("Old/2025") == Counter(a0=1, a1=1, a2=1, a3=1)
    assert await world.subjects("Old/2026") == Counter(b0=1, b1=1, b2=1, b3=1)


async def test_old_mail_put_behind_new_mail_hides_none_of_it(world: World) -> None:
    await world.put(5, text="new")
    await world.put(500, text="imported")
    await world.rule("copy")
    assert await world.job.once() == 0
    world.now += 100 * DAY
    assert await world.job.once() == 2
    assert await world.subjects("Old/2026") == Counter(new=1)
    assert await world.subjects("Old/2025") == Counter(imported=1)


async def test_an_account_that_is_full_keeps_its_mail_and_holds_up_nobody(world: World) -> None:
    for account in (world.alice, world.bob):
        await world.put(500, account=account)
        await world.rule("copy", account=account)
    full = world.alice

    async def limit(account_id: int) -> int:
        return 1 if account_id == full else 0

    world.parts.store._rooms._limit = limit  # type: ignore[attr-defined]
    assert await world.job.once() == 1
    assert await world.subjects("Old/2025", world.alice) == Counter()
    assert await world.subjects("Old/2025", world.bob) == Counter(d500=1)
    assert await world.subjects("INBOX", world.alice) == Counter(d500=1)
    full = 0
    assert await world.job.once() == 1
    assert await world.subjects("Old/2025", world.alice) == Counter(d500=1)


async def test_moving_needs_no_room(world: World) -> None:
    await world.put(500)
    await world.put(5)
    world.parts.limit = 1
    await world.rule("move")
    assert await world.job.once() == 1
    assert await world.subjects("Old/2025") == Counter(d500=1)
    assert await world.subjects("INBOX") == Counter(d5=1)
