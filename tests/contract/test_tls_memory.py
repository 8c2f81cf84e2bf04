"""The memory of each domain's best TLS: what it keeps, when it warns, when it forgets; on each engine."""

from __future__ import annotations

import asyncio

import pytest

from posthouse.cluster import events
from posthouse.database.contract import Database, Transaction
from posthouse.deliver import tls_memory_records as records
from posthouse.deliver.remote import tls_memory
from posthouse.deliver.remote.tls_memory import DAY, Known, TlsMemory
from posthouse.settings.contract import CurrentSettings, Settings

DOMAIN = "example.org"


class Scene:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.settings = CurrentSettings(Settings({"tls_out.memory_days": 10}))
        self.now = 1_800_000_000.0
        self.memory = TlsMemory(database, self.settings, lambda: self.now)

    async def met(self, *levels: int, trouble: str = "", domain: str = DOMAIN) -> Known:
        """Sessions at these levels, written; what is known then."""
        for level in levels:
            self.memory.note(domain, "mail.test", level, tls="TLSv1.3", source="", trouble=trouble)
        await self.memory.flush()
        (row,) = await self.database.read(_select, domain)
        return tls_memory.of_row(row)

    async def told(self) -> list[dict[str, object]]:
        found = await self.database.read(events.read_after, 0, 100, self.now + 1e9)
        return [each.data for each in found if each.kind == "tls.downgraded"]


def _select(tx: Transaction, domain: str) -> list[tuple[object, ...]]:
    return tx.execute(records.SELECT, {"of_domain": domain})


@pytest.fixture
def scene(database: Database) -> Scene:
    return Scene(database)


async def test_a_downgrade_is_told_once(scene: Scene) -> None:
    """Better becomes the measure; less is told once, until it is as good again."""
    assert (await scene.met(0)).best == 0
    assert (await scene.met(1)).best == 1
    assert not await scene.told()
    fallen = await scene.met(0)
    assert (fallen.best, fallen.last, fallen.downgraded_at) == (1, 0, scene.now)
    scene.now += 60
    assert (await scene.met(0)).downgraded_at == fallen.downgraded_at
    assert await scene.told() == [{"domain": DOMAIN, "before": "encrypted", "now": "none"}]
    assert (await scene.met(2)).downgraded_at == 0.0
    await scene.met(1)
    assert (await scene.told())[1:] == [{"domain": DOMAIN, "before": "verified", "now": "encrypted"}]
    assert await scene.database.read(tls_memory.downgraded, 0.0) == [(DOMAIN, 2, 1)]


async def test_failed_sessions_are_no_downgrade(scene: Scene) -> None:
    """Nobody was met: the level stays, the trouble is kept."""
    await scene.met(1)
    known = await scene.met(-1, trouble="certificate-expired")
    assert (known.best, known.last, known.good, known.bad) == (1, 1, 1, 1)
    assert (known.trouble, known.downgraded_at) == ("certificate-expired", 0.0)
    first = await scene.met(-1, trouble="validation-failure", domain="other.test")
    again = await scene.met(-1, trouble="validation-failure", domain="other.test")
    assert first.downgraded_at == again.downgraded_at == 0.0


async def test_what_is_old_counts_no_more(scene: Scene) -> None:
    """After tls_out.memory_days less is the new measure."""
    await scene.met(2)
    assert await scene.memory.best(DOMAIN) == 2
    scene.now += 11 * DAY
    assert await scene.memory.best(DOMAIN) == 0
    known = await scene.met(0)
    assert (known.best, known.downgraded_at) == (0, 0.0)
    scene.now += 31 * DAY
    await scene.memory.clean()
    assert await scene.database.read(_select, DOMAIN) == []
    assert await scene.memory.best(DOMAIN) == 0


async def test_what_is_not_written_yet_counts(scene: Scene) -> None:
    """The next message follows at once."""
    scene.memory.note(DOMAIN, "mail.test", 1, tls="TLSv1.2", source="", trouble="")
    assert await scene.memory.best(DOMAIN) == 1


async def test_it_can_be_forgotten_and_switched_off(scene: Scene) -> None:
    """By an administrator; and off remembers nothing."""
    await scene.met(1)
    assert await scene.database.run(tls_memory.forget, DOMAIN)
    assert not await scene.database.run(tls_memory.forget, DOMAIN)
    scene.settings.now = Settings({"tls_out.memory": "off"})
    scene.memory.note(DOMAIN, "mail.test", 1, tls="TLSv1.2", source="", trouble="")
    await scene.memory.flush()
    assert await scene.database.read(_select, DOMAIN) == []


async def test_it_writes_what_is_left_when_it_ends(scene: Scene) -> None:
    """Cancelled, it writes a last time."""
    running = asyncio.create_task(scene.memory.run())
    await asyncio.sleep(0)
    scene.memory.note(DOMAIN, "mail.test", 1, tls="TLSv1.2", source="", trouble="")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await scene.database.read(_select, DOMAIN)


async def test_many_domains_are_bounded(scene: Scene) -> None:
    """A spray of names does not fill the memory of the process."""
    for number in range(tls_memory._MOST_WAITING + 50):
        scene.memory.note(f"d{number}.test", "mail.test", 1, tls="", source="", trouble="")
    assert len(scene.memory._waiting) == tls_memory._MOST_WAITING
