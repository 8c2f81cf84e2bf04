"""Forwards of accounts on every engine: followed when mail is accepted, and what becomes of those that fail."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from hashing import CountingHasher
from people import people
from remote_world import PlainNotices
from sqlalchemy import func, select

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster import events
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.deliver.forward_return import ForwardReturns
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.results import Result, Said, State
from posthouse.deliver.settlement import SettlementDesk
from posthouse.directory import admin, forwards
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.forwards import AccountForward
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import FORWARD, Lease
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.route.forwarding import Forwarding
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings, Setting, Settings
from posthouse.store.append import MailAppender
from posthouse.store.facts import compute
from posthouse.store.records import mailboxes, messages
from posthouse.store.upkeep import holds_in

FREE = Setting("test.forwards.contract.free", 0, "for this test only")
COUNT = (
    select(mailboxes.c.account_id, func.count())
    .join(messages, messages.c.mailbox_id == mailboxes.c.id)
    .group_by(mailboxes.c.account_id)
)
NO = Said(550, "5.1.1", "No such user here", remote="mx.far.test", address="192.0.2.1")
DAY = 86400.0


class EveryWay:
    """The domain's own hosts, whoever asks."""

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        return Way(f"mx:{recipient.domain}")


class SomeReturns:
    """Return addresses that begin with SRS0= lead to j@there.test."""

    async def original(self, address: Address) -> Address | None:
        return parse_address("j@there.test") if address.local.startswith("SRS0=") else None


async def rewritten(sender: str, via: str) -> str:
    return f"SRS0=x@{via.rpartition('@')[2]}"


@dataclass
class Scene:
    database: Database
    feed: LocalFeed
    queue: QueueService
    desk: AcceptanceDesk
    settlement: SettlementDesk
    local: LocalDelivery
    bodies: FileBodies
    people: dict[str, Account]
    settings: CurrentSettings
    now: list[float] = field(default_factory=lambda: [2000.0])

    async def forward(
        self, name: str, *targets: str, keep: bool = False, active: bool = True
    ) -> AccountForward:
        account = self.people[name]
        return await self.database.run(
            forwards.put, account, targets, keep=keep, active=active, feed=self.feed
        )

    async def accept(
        self,
        number: int,
        *recipients: str,
        sender: str | None = "j@there.test",
        notify: frozenset[str] = frozenset(),
        more: bytes = b"",
    ) -> list[str]:
        envelope = Envelope(
            Origin(f"trace{number}", "ESMTP", "there.test", "192.0.2.1", 4711),
            parse_address(sender) if sender else None,
            tuple(Recipient(parse_address(each), notify) for each in recipients),
            received_at=self.now[0],
        )
        spool = self.desk.spool()
        spool.write(
            more + b"Message-ID: <%d@there.test>\r\nSubject: hello\r\n\r\nNumber %d\r\n" % (number, number)
        )
        body = spool.finish()
        try:
            outcomes = await self.desk.accept(envelope, body)
        finally:
            body.discard()
        return [outcome.summary for outcome in outcomes]

    async def leases(self) -> list[Lease]:
        return await self.database.run(self.queue.lease, self.now[0], 50, 60.0, "test")

    async def end(self, leases: Sequence[Lease], state: State, said: Said = NO) -> None:
        await self.settlement.settle([Result(lease, state, said) for lease in leases])

    async def deliver(self) -> list[Lease]:
        """Put into mailboxes what waits for them; returns what leaves."""
        leaving = []
        for lease in await self.leases():
            if lease.recipient.destination == "local":
                await self.local.deliver([lease])
            else:
                leaving.append(lease)
        return leaving

    async def counts(self) -> dict[str, int]:
        names = {account.id: name for name, account in self.people.items()}
        rows = await self.database.read(lambda tx: tx.execute(COUNT))
        return {names[int(account)]: int(count) for account, count in rows}

    async def state(self, name: str) -> AccountForward:
        found = await self.database.read(forwards.find, self.people[name].id)
        assert found is not None
        return found


@pytest_asyncio.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    made = await people(database)
    feed, settings = LocalFeed(), CurrentSettings()
    bodies = FileBodies(tmp_path / "data")
    durability = PlainDurability(database, bodies)
    appender = MailAppender(bodies, feed)
    service = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    queue, router = QueueService(settings, feed), Router(service, SomeReturns())
    now = [2000.0]
    desk = AcceptanceDesk(
        durability=durability,
        database=database,
        appender=appender,
        queue=queue,
        router=router,
        bodies=bodies,
        refusals=Refusals(database, settings),
        facts=compute,
        settings=settings,
        free_space=FREE,
        ways=EveryWay(),
        forward_sender=rewritten,
        forwarding=Forwarding(router, service),
        clock=lambda: now[0],
    )
    owners = ForwardReturns(
        database=database,
        feed=feed,
        queue=queue,
        bodies=bodies,
        router=router,
        settings=settings,
        our_name=lambda: "mail.ours.test",
        new_trace=lambda: "newtrace",
        holds=holds_in,
        clock=lambda: now[0],
    )
    settlement = SettlementDesk(
        durability=durability,
        queue=queue,
        bodies=bodies,
        notices=PlainNotices(),
        settings=settings,
        owners=owners,
        clock=lambda: now[0],
    )
    local = LocalDelivery(
        durability=durability,
        appender=appender,
        queue=queue,
        settlement=settlement,
        router=router,
        bodies=bodies,
        facts=compute,
    )
    yield Scene(database, feed, queue, desk, settlement, local, bodies, made, settings, now)
    service.close()
    await durability.close()
    bodies.close()


async def test_without_a_copy_nothing_stays(scene: Scene) -> None:
    """The forwarded message is a queue row of its own, with a sender of ours; its body is untouched."""
    await scene.forward("alice", "a@far.test", "b@far.test")
    (summary,) = await scene.accept(1, "sales@ours.test")
    assert summary.startswith("queued as ")
    assert await scene.counts() == {}
    leases = await scene.leases()
    assert sorted(lease.recipient.recipient for lease in leases) == ["a@far.test", "b@far.test"]
    for lease in leases:
        assert (lease.message.kind, lease.message.account_id) == (FORWARD, None)
        assert lease.recipient.account_id == scene.people["alice"].id
        assert lease.message.sender == "SRS0=x@ours.test"
        assert scene.bodies.read(lease.message.body).startswith(b"Message-ID: <1@there.test>")


async def test_with_a_copy_and_the_null_sender(scene: Scene) -> None:
    await scene.forward("alice", "a@far.test", keep=True)
    assert await scene.accept(1, "alice@ours.test", sender=None) == ["delivered to mailbox"]
    assert await scene.counts() == {"alice": 1}
    (lease,) = await scene.leases()
    assert lease.message.sender == ""


async def test_success_is_told_once(scene: Scene) -> None:
    """Of the copy that stays; where none stays, of the way onward."""
    await scene.forward("alice", "a@far.test", keep=True)
    await scene.forward("bob", "b@far.test")
    await scene.accept(1, "alice@ours.test", "bob@ours.test", notify=frozenset({"SUCCESS"}))
    found = {lease.recipient.recipient: lease.recipient.notify for lease in await scene.leases()}
    assert found == {"a@far.test": "NEVER", "b@far.test": "SUCCESS"}


async def test_a_change_counts_at_once(scene: Scene) -> None:
    await scene.accept(1, "alice@ours.test")
    await scene.forward("alice", "a@far.test")
    await scene.accept(2, "alice@ours.test")
    await scene.forward("alice", "a@far.test", active=False)
    await scene.accept(3, "alice@ours.test")
    await scene.database.run(forwards.clear, scene.people["alice"], feed=scene.feed)
    await scene.accept(4, "alice@ours.test")
    assert await scene.counts() == {"alice": 3}
    assert len(await scene.leases()) == 1


async def test_within_the_house(scene: Scene) -> None:
    """Alice to Bob, Bob outside: Bob's forward is followed and is Bob's. Once both lead to one another, mail stays."""
    await scene.forward("alice", "bob@ours.test")
    await scene.accept(1, "alice@ours.test")
    assert await scene.counts() == {"bob": 1}
    await scene.forward("bob", "b@far.test", keep=True)
    await scene.accept(2, "alice@ours.test")
    (lease,) = await scene.leases()
    assert lease.recipient.account_id == scene.people["bob"].id
    assert await scene.counts() == {"bob": 2}
    with pytest.raises(DirectoryError, match="leads back"):
        await scene.forward("bob", "SALES@ours.test")
    with pytest.raises(DirectoryError, match="leads back"):
        await scene.forward("bob", "bob+x@ours.test")
    await scene.database.run(admin.add_alias, "later@ours.test", "x@far.test", feed=scene.feed)
    await scene.forward("bob", "later@ours.test")
    await scene.database.run(admin.remove_alias, "later@ours.test", feed=scene.feed)
    await scene.database.run(admin.add_alias, "later@ours.test", "alice@ours.test", feed=scene.feed)
    await scene.accept(3, "alice@ours.test")
    assert await scene.counts() == {"bob": 3}
    await scene.accept(4, "bob@ours.test")
    assert await scene.counts() == {"alice": 1, "bob": 3}


async def test_what_comes_back_stays(scene: Scene) -> None:
    """A message that was sent on from here bears the mailbox's name: the second time it goes into it."""
    await scene.forward("alice", "a@far.test")
    await scene.accept(1, "alice@ours.test", more=b"Delivered-To: alice@ours.test\r\n")
    assert await scene.counts() == {"alice": 1}
    assert await scene.leases() == []


async def test_a_failure_keeps_the_mail_and_tells_its_owner(scene: Scene) -> None:
    """In one unit: the message for the mailbox, with its first sender, and a notice in plain words."""
    await scene.forward("alice", "a@far.test", "b@far.test")
    await scene.accept(1, "alice@ours.test")
    await scene.end(await scene.leases(), "failed")
    assert await scene.deliver() == []
    assert await scene.counts() == {"alice": 3}  # the message once, and of each target a notice
    found = await scene.state("alice")
    assert [each.failing_since for each in found.targets] == [2000.0, 2000.0]
    assert "No such user here" in found.targets[0].trouble
    rows = await scene.database.read(
        lambda tx: tx.execute(select(messages.c.prefix, messages.c.body).order_by(messages.c.id))
    )
    texts = [bytes(row[0]) + bytes(scene.bodies.read(bytes(row[1]).hex())) for row in rows]
    kept = [text for text in texts if b"Message-ID: <1@there.test>" in text]
    assert len(kept) == 1
    assert kept[0].startswith(b"Return-Path: <j@there.test>\r\n")
    told = [text for text in texts if b"Your forward to a@far.test does not work" in text]
    assert len(told) == 1
    assert b"Auto-Submitted: auto-generated" in told[0]
    assert b"550 5.1.1 No such user here" in told[0].replace(b"=\r\n", b"")


async def test_the_owner_is_told_once_a_day_and_at_the_end(scene: Scene) -> None:
    """After so many days of failures the target is given up: event, notice, and mail stays from then on."""
    scene.settings.now = Settings({"forwarding.stop_after": 3})
    await scene.forward("alice", "a@far.test")
    told = []
    for number, at in enumerate((0.0, 0.5, 1.1, 2.2, 3.5)):
        scene.now[0] = 2000.0 + at * DAY
        await scene.accept(number, "alice@ours.test")
        before = (await scene.counts()).get("alice", 0)
        await scene.end(await scene.leases(), "failed")
        await scene.deliver()
        told.append((await scene.counts())["alice"] - before - 1)
    assert told == [1, 0, 1, 1, 1]
    assert (await scene.state("alice")).targets[0].stopped
    kinds = [each.kind for each in await scene.database.read(lambda tx: events.read_before(tx, 2**62, 500))]
    assert kinds.count("account.forward_stopped") == 1
    assert await scene.accept(9, "alice@ours.test") == ["delivered to mailbox"]
    await scene.forward("alice", "a@far.test")
    assert (await scene.accept(10, "alice@ours.test"))[0].startswith("queued")


async def test_success_ends_it(scene: Scene) -> None:
    """Also where the target is an alias of ours: the row names the address it leads to."""
    await scene.forward("alice", "away@ours.test", keep=True)
    await scene.accept(1, "alice@ours.test")
    await scene.end(await scene.leases(), "failed")
    assert (await scene.state("alice")).targets[0].failing_since == 2000.0
    await scene.accept(2, "alice@ours.test")
    leaving = await scene.deliver()
    assert [lease.recipient.recipient for lease in leaving] == ["someone@elsewhere.test"]
    await scene.end(leaving, "relayed", Said(250, "2.0.0", "OK", remote="mx", address="192.0.2.1"))
    assert (await scene.state("alice")).targets[0].failing_since == 0.0
    assert await scene.counts() == {"alice": 3}  # two messages, one notice: the kept copy was there already


async def test_a_delay_is_nobodys_business(scene: Scene) -> None:
    await scene.forward("alice", "a@far.test")
    await scene.accept(1, "alice@ours.test")
    leases = await scene.leases()
    scene.now[0] += 5 * 3600.0
    await scene.end(leases, "deferred", Said(451, "4.3.0", "Later"))
    assert await scene.deliver() == []
    assert await scene.counts() == {}


async def test_an_owner_who_is_gone(scene: Scene) -> None:
    """Then the sender is told, as of any mail that could not be delivered."""
    await scene.forward("alice", "a@far.test")
    await scene.accept(1, "alice@ours.test")
    leases = await scene.leases()
    await scene.database.run(admin.remove_account, "alice@ours.test", feed=scene.feed)
    assert await scene.database.read(forwards.find, scene.people["alice"].id) is None
    await scene.end(leases, "failed")
    (notice,) = await scene.leases()
    assert (notice.message.kind, notice.recipient.recipient) == ("notice", "SRS0=x@ours.test")


async def test_what_cannot_be_set_up(scene: Scene) -> None:
    for targets in (
        (),
        ("nonsense",),
        ("",),
        tuple(f"a{n}@far.test" for n in range(11)),
        ("alice@ours.test",),
    ):
        with pytest.raises(DirectoryError):
            await scene.forward("alice", *targets)
    assert await scene.database.read(forwards.find, scene.people["alice"].id) is None
    found = await scene.forward("alice", "A.B@far.test", "a.b@FAR.test")
    assert [each.address for each in found.targets] == ["A.B@far.test"]
    with pytest.raises(DirectoryError):
        await scene.database.run(forwards.clear, scene.people["bob"])
