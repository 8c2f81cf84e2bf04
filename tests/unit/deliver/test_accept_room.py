"""What is too large, or too much, once the size is known: SMTP has one answer for all recipients, LMTP one for each."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from hashing import CountingHasher
from mailboxes import MemoryAppender
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from people import people
from sqlalchemy import update

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver import plan as plans
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.directory import domains
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.records import accounts
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.route import space as route_space
from posthouse.route.resolve import Router
from posthouse.route.space import Space
from posthouse.settings.contract import CurrentSettings, Setting
from posthouse.store.facts import compute

FREE = Setting("test.room.free", 1000, "for this test only")
SMALL = b"Subject: small\r\n\r\n" + b"x" * 80
LARGE = b"Subject: large\r\n\r\n" + b"x" * 480


@dataclass
class Scene:
    """Alice and Bob may have 1000 bytes each."""

    database: Database
    appender: MemoryAppender
    space: Space
    desk: AcceptanceDesk
    people: dict[str, Account]
    feed: LocalFeed

    async def accept(
        self, *names: str, content: bytes = LARGE, lmtp: bool = False, sender: int | None = None
    ) -> list[Outcome]:
        envelope = Envelope(
            Origin("trace1", "ESMTPS", "there.test", "192.0.2.1", 4711, account_id=sender),
            parse_address("x@there.test"),
            tuple(Recipient(parse_address(each if "@" in each else f"{each}@ours.test")) for each in names),
            received_at=1234.5,
        )
        return await self.desk.accept(envelope, MemoryBody(content), per_recipient=lmtp)

    def fill(self, name: str, used: int) -> None:
        self.appender.used[self.people[name].id] = used

    def kept(self) -> list[int]:
        return sorted(kept.mailbox_id - 1000 for kept in self.appender.kept)

    async def limit(self, **values: int) -> None:
        await self.database.run(domains.change, "ours.test", values, feed=self.feed)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database, quota=1000)
    feed, settings = LocalFeed(), CurrentSettings()
    appender, bodies = MemoryAppender(), MemoryBodies()
    service = DirectoryService(sqlite_database, feed, settings, Passwords(1, CountingHasher()))
    space = Space(sqlite_database, appender, feed)
    desk = AcceptanceDesk(
        durability=MemoryDurability(sqlite_database, bodies),
        database=sqlite_database,
        appender=appender,
        queue=QueueService(settings, feed),
        router=Router(service),
        bodies=bodies,
        refusals=Refusals(sqlite_database, settings),
        facts=compute,
        settings=settings,
        free_space=FREE,
        space=space,
        clock=lambda: 2000.0,
    )
    yield Scene(sqlite_database, appender, space, desk, made, feed)
    space.close()
    service.close()


async def refused(scene: Scene, *names: str, **more: object) -> Refusal:
    with pytest.raises(Refusal) as caught:
        await scene.accept(*names, **more)  # type: ignore[arg-type]
    assert scene.kept() == []
    return caught.value


async def test_a_nearly_full_mailbox_does_not_take_one_message_of_any_size(scene: Scene) -> None:
    scene.fill("alice", 900)
    assert (await refused(scene, "alice")).code == 452
    await scene.accept("alice", content=SMALL[:100])
    assert scene.kept() == [scene.people["alice"].id]


async def test_larger_than_the_whole_quota_is_refused_for_good_unless_it_may_fit_another(
    scene: Scene,
) -> None:
    much = b"Subject: much\r\n\r\n" + b"x" * 2000
    assert str(await refused(scene, "alice", content=much)).startswith("552 5.2.3")
    await scene.database.run(
        lambda tx: tx.change(update(accounts).where(accounts.c.address == "bob@ours.test").values(quota=2500))
    )
    await scene.limit(max_accounts=50)  # (what was remembered of quotas is dropped)
    scene.fill("bob", 1000)
    assert (await refused(scene, "alice", "bob", content=much)).code == 452


async def test_one_recipient_with_room_is_enough_for_all(scene: Scene) -> None:
    """Refused for the sake of Alice it would never reach Bob: her mailbox takes RCPT without a size."""
    scene.fill("alice", 900)
    outcomes = await scene.accept("alice", "bob")
    assert [each.refusal for each in outcomes] == [None, None]
    assert scene.kept() == sorted(each.id for each in scene.people.values())


async def test_one_recipient_elsewhere_is_enough_for_all(scene: Scene) -> None:
    scene.fill("alice", 900)
    outcomes = await scene.accept("alice", "y@far.test")
    assert [each.refusal for each in outcomes] == [None, None]


async def test_lmtp_refuses_for_each(scene: Scene) -> None:
    scene.fill("alice", 900)
    alice, bob = await scene.accept("alice", "bob", lmtp=True)
    assert (alice.refusal is not None and alice.refusal.code, bob.refusal) == (452, None)
    assert scene.kept() == [scene.people["bob"].id]


async def test_what_was_promised_for_the_size_that_was_told_is_kept(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Our own lines make a message larger than was declared; much larger is another message."""
    monkeypatch.setattr(route_space, "OWN_LINES", 100)
    alice = scene.people["alice"]
    scene.fill("alice", 1000 - len(LARGE) + 50)
    await scene.space.reserve(alice, "trace1", len(LARGE) - 50)
    await scene.accept("alice")
    assert scene.kept() == [alice.id]
    scene.appender.kept.clear()
    scene.space.release("trace1")
    await scene.space.reserve(alice, "trace1", 10)
    assert (await refused(scene, "alice")).code == 452


async def test_the_own_promise_is_no_message_of_another(scene: Scene) -> None:
    """With room for one message more, LMTP's look after DATA does not count its own promise."""
    alice = scene.people["alice"]
    await scene.database.run(domains.change, "ours.test", {"max_size": 1000}, feed=scene.feed)
    await scene.space.reserve(alice, "trace1", 600)
    await scene.accept("alice", lmtp=True)
    assert scene.kept() == [alice.id]


async def test_the_largest_message_of_a_domain_holds_after_data(scene: Scene) -> None:
    """Also for recipients that are so many that some wait in the queue, and for who sends."""
    await scene.limit(max_message=300)
    assert str(await refused(scene, "alice")).startswith("552 5.3.4")
    assert str(await refused(scene, "y@far.test", "alice")).startswith("552 5.3.4")
    assert str(await refused(scene, "y@far.test", sender=scene.people["bob"].id)).startswith("552 5.3.4")
    await scene.accept("alice", content=SMALL)
    assert scene.kept() == [scene.people["alice"].id]


async def test_who_waits_in_the_queue_is_asked_too(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plans, "EXPRESS", 1)
    scene.fill("alice", 900)
    scene.fill("bob", 900)
    assert (await refused(scene, "alice", "bob")).code == 452
    scene.fill("bob", 0)
    await scene.accept("alice", "bob")
    scene.appender.kept.clear()
    await scene.database.run(
        lambda tx: tx.change(
            update(accounts).where(accounts.c.address == "bob@ours.test").values(max_message=300)
        )
    )
    await scene.limit(max_accounts=50)
    assert str(await refused(scene, "alice", "bob")).startswith("552 5.3.4")
