"""Acceptance and the queue's worker with the real store and real bodies, the same on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest_asyncio
from hashing import CountingHasher
from people import people
from remote_world import PlainNotices
from sqlalchemy import func, select

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.local import LocalDelivery
from posthouse.deliver.settlement import SettlementDesk
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient, Terms
from posthouse.mail.refusal import Refusal
from posthouse.queue import scheduled, traces, view
from posthouse.queue.contract import FORWARD
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings, Setting
from posthouse.store.append import MailAppender
from posthouse.store.contract import Appended, NewMessage, StoreRefusal
from posthouse.store.facts import compute
from posthouse.store.records import mailboxes, messages

FREE = Setting("test.accept.contract.free", 0, "for this test only")
COUNT = (
    select(mailboxes.c.account_id, func.count(), func.max(mailboxes.c.uidnext))
    .join(messages, messages.c.mailbox_id == mailboxes.c.id)
    .group_by(mailboxes.c.account_id)
)


class Reluctant(MailAppender):
    """Declines the first copy it is asked to take, when told to: after some rows were written already."""

    reluctant = False

    def append_in(self, tx: Transaction, mailbox_id: int, messages: list[NewMessage]) -> list[Appended]:  # type: ignore[override]
        done = super().append_in(tx, mailbox_id, messages)
        if self.reluctant:
            self.reluctant = False
            raise StoreRefusal("LIMIT", "told to refuse")
        return done


AT_ONCE = Terms()


class EveryWay:
    """The domain's own hosts, whoever asks."""

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        return Way(f"mx:{recipient.domain}")


async def rewritten(sender: str, alias: str) -> str:
    """What is sent on comes from the alias."""
    return alias


@dataclass
class Scene:
    database: Database
    queue: QueueService
    appender: Reluctant
    desk: AcceptanceDesk
    worker: Dispatcher
    bodies: FileBodies
    people: dict[str, Account]

    async def accept(
        self, number: int, *recipients: str, terms: Terms = AT_ONCE, account_id: int | None = None
    ) -> list[str]:
        """Accept message ``number``; what became of each recipient."""
        envelope = Envelope(
            Origin(f"trace{number}", "ESMTP", "there.test", "192.0.2.1", 4711, account_id=account_id),
            parse_address("j@there.test"),
            tuple(Recipient(parse_address(each)) for each in recipients),
            received_at=1000.0,
            terms=terms,
        )
        spool = self.desk.spool()
        spool.write(b"Message-ID: <%d@there.test>\r\nSubject: hello\r\n\r\nNumber %d\r\n" % (number, number))
        body = spool.finish()
        try:
            outcomes = await self.desk.accept(envelope, body)
        finally:
            body.discard()
        assert all(outcome.refusal is None for outcome in outcomes)
        return [outcome.summary for outcome in outcomes]

    async def counts(self) -> dict[str, tuple[int, int]]:
        """Messages and next UID of each mailbox that has any, by the account's name."""
        names = {account.id: name for name, account in self.people.items()}
        rows = await self.database.read(lambda tx: tx.execute(COUNT))
        return {names[int(account)]: (int(count), int(uidnext)) for account, count, uidnext in rows}


@pytest_asyncio.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    made = await people(database)
    feed, settings = LocalFeed(), CurrentSettings()
    bodies = FileBodies(tmp_path / "data")
    durability = PlainDurability(database, bodies)
    appender = Reluctant(bodies, feed)
    service = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    queue, router = QueueService(settings, feed), Router(service)
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
        clock=lambda: 2000.0,
    )
    settlement = SettlementDesk(
        durability=durability, queue=queue, bodies=bodies, notices=PlainNotices(), settings=settings
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
    worker = Dispatcher(
        database=database,
        queue=queue,
        deliverers={"local": local},
        settlement=settlement,
        settings=settings,
        feed=feed,
        owner="here/1",
    )
    yield Scene(database, queue, appender, desk, worker, bodies, made)
    service.close()
    await durability.close()
    bodies.close()


async def test_copies_arrive_in_their_mailboxes(scene: Scene) -> None:
    """One body, one row for each mailbox, and the trace with them."""
    summaries = await scene.accept(1, "alice@ours.test", "bob@ours.test", "sales@ours.test")
    assert summaries == ["delivered to mailbox"] * 3
    assert await scene.counts() == {"alice": (1, 2), "bob": (1, 2)}
    story = await scene.database.read(traces.read, "trace1")
    assert [entry.stage for entry in story] == ["accept", "deliver", "deliver"]
    assert await scene.database.read(traces.of_message, story[-1].message_id) == ["trace1"]


async def test_what_was_half_done_is_undone_before_it_is_queued(scene: Scene) -> None:
    """A mailbox that declines after rows were written leaves none; the queue brings the copy later, once."""
    scene.appender.reluctant = True
    summaries = await scene.accept(1, "alice@ours.test", "bob@ours.test")
    assert [summary.split()[0] for summary in summaries] == ["queued", "delivered"]
    assert await scene.counts() == {"bob": (1, 2)}
    task = asyncio.create_task(scene.worker.run())
    async with asyncio.timeout(10):
        while await scene.database.read(view.list_queue):
            await asyncio.sleep(0.02)
    scene.worker.stop()
    await task
    assert await scene.counts() == {"alice": (1, 2), "bob": (1, 2)}
    assert len(await scene.database.read(lambda tx: tx.execute(select(messages.c.body).distinct()))) == 1


async def test_many_at_once_for_the_same_mailboxes(scene: Scene) -> None:
    """In whatever order they name their recipients, none blocks another for good, and every UID is given once."""
    orders = [("alice@ours.test", "bob@ours.test"), ("bob@ours.test", "alice@ours.test")]
    done = await asyncio.gather(*(scene.accept(n, *orders[n % 2]) for n in range(40)))
    assert all(summary == "delivered to mailbox" for summaries in done for summary in summaries)
    assert await scene.counts() == {"alice": (40, 41), "bob": (40, 41)}


async def test_mailbox_remote_and_forward_are_one_unit(scene: Scene) -> None:
    """What leaves is queued with everything its message asked for, beside the copy that stays."""
    terms = Terms(deliver_by=5000.0, by_mode="RT", priority=-3, require_tls=True)
    account_id = scene.people["bob"].id
    summaries = await scene.accept(
        1, "alice@ours.test", "x@far.test", "away@ours.test", terms=terms, account_id=account_id
    )
    assert [summary.split()[0] for summary in summaries] == ["delivered", "queued", "queued"]
    leases = await scene.database.run(scene.queue.lease, 2000.0, 10, 60.0, "test")
    x, someone = sorted(leases, key=lambda lease: lease.message.kind)
    assert (x.recipient.destination, someone.recipient.destination) == ("mx:far.test", "mx:elsewhere.test")
    assert (x.message.sender, someone.message.sender) == ("j@there.test", "away@ours.test")
    assert (x.message.account_id, someone.message.account_id) == (account_id, None)
    assert (someone.message.kind, someone.message.body) == (FORWARD, x.message.body)
    for lease in leases:
        message = lease.message
        assert (message.deliver_by, message.by_mode, message.priority) == (5000.0, "RT", -3)
        assert message.require_tls
    assert scene.bodies.read(x.message.body)[:10] == b"Message-ID"


async def test_mail_for_later_is_shown_and_taken_back(scene: Scene) -> None:
    """By the account that handed it in and nobody else, until its time has come."""
    alice, bob = scene.people["alice"].id, scene.people["bob"].id
    later = Terms(not_before=9000.0)
    await scene.accept(1, "bob@ours.test", "x@far.test", terms=later, account_id=alice)
    await scene.accept(2, "x@far.test", terms=later, account_id=bob)
    await scene.accept(3, "x@far.test", account_id=alice)
    (one,) = await scene.database.read(scheduled.of_account, alice, 2000.0)
    assert (one.trace, one.at, sorted(one.recipients)) == ("trace1", 9000.0, ["bob@ours.test", "x@far.test"])
    assert await scene.database.read(scheduled.of_account, alice, 9000.0) == []
    assert await scene.database.run(scheduled.cancel, bob, one.id, 2000.0) == ("", [])
    assert await scene.database.run(scheduled.cancel, alice, one.id, 9000.0) == ("", [])
    trace, gone = await scene.database.run(scheduled.cancel, alice, one.id, 2000.0)
    assert (trace, sorted(gone)) == ("trace1", ["bob@ours.test", "x@far.test"])
    assert await scene.database.run(scheduled.cancel, alice, one.id, 2000.0) == ("", [])
    assert [line.trace for line in await scene.database.read(view.list_queue)] == ["trace2", "trace3"]
    story = [entry.text for entry in await scene.database.read(traces.read, "trace1")]
    assert "<x@far.test> taken back by its sender" in story


async def test_an_alias_of_several_leads_to_each_of_them_once(scene: Scene) -> None:
    """Mailboxes get one copy however many ways lead there, what leaves is queued; all in one unit."""
    targets = ["alice@ours.test", "sales@ours.test", "bob@ours.test", "x@far.test"]
    await scene.database.run(admin.add_alias, "all@ours.test", targets)
    summaries = await scene.accept(1, "all@ours.test", "alice@ours.test")
    assert summaries == ["delivered to mailbox"] * 2
    assert await scene.counts() == {"alice": (1, 2), "bob": (1, 2)}
    leases = await scene.database.run(scene.queue.lease, 2000.0, 10, 60.0, "test")
    assert [(each.recipient.recipient, each.recipient.destination) for each in leases] == [
        ("x@far.test", "mx:far.test")
    ]


async def test_a_copy_of_several_that_has_to_wait_reaches_its_own_mailbox(scene: Scene) -> None:
    """The queue's row names the alias; it is delivered to the account it was promised to, and to nobody else."""
    await scene.database.run(admin.add_alias, "all@ours.test", ["alice@ours.test", "bob@ours.test"])
    scene.appender.reluctant = True
    await scene.accept(1, "all@ours.test")
    assert await scene.counts() == {"bob": (1, 2)}
    task = asyncio.create_task(scene.worker.run())
    async with asyncio.timeout(10):
        while await scene.database.read(view.list_queue):
            await asyncio.sleep(0.02)
    scene.worker.stop()
    await task
    assert await scene.counts() == {"alice": (1, 2), "bob": (1, 2)}
