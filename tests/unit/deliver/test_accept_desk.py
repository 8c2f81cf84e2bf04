"""The moment of the 250: one unit, one outcome per recipient, nothing lost and nothing doubled."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from failing import FailingDatabase
from hashing import CountingHasher
from mailboxes import MemoryAppender
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from people import credentials, people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver import plan as plan_module
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.directory import admin
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.queue import traces, view
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.receive.contract import Acceptance
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings, Setting, Settings
from posthouse.store.facts import compute

FREE = Setting("test.accept.free", 1000, "for this test only")
ORIGIN = Origin("trace1", "ESMTPS", "there.test", "192.0.2.1", 4711)
MESSAGE = b"Message-ID: <1@there.test>\r\nSubject: hello\r\n\r\nBody\r\n"


@dataclass
class Scene:
    database: FailingDatabase
    appender: MemoryAppender
    bodies: MemoryBodies
    durability: MemoryDurability
    refusals: Refusals
    settings: CurrentSettings
    desk: Acceptance
    people: dict[str, Account]
    told: list[int] = field(default_factory=list)

    async def accept(
        self, *recipients: str, message: bytes = MESSAGE, lmtp: bool = False, sender: str = "jörg@there.test"
    ) -> list[Outcome]:
        envelope = Envelope(
            ORIGIN,
            parse_address(sender) if sender else None,
            tuple(Recipient(parse_address(each), frozenset(("NEVER",)), "rfc822;x") for each in recipients),
            smtputf8=True,
            received_at=1234.5,
            trace_notes=(("connect", "192.0.2.1"),),
        )
        return await self.desk.accept(envelope, MemoryBody(message), per_recipient=lmtp)

    async def story(self) -> list[traces.TraceEntry]:
        return await self.database.read(traces.read, "trace1")


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database, quota=1000)
    database, feed, settings = FailingDatabase(sqlite_database), LocalFeed(), CurrentSettings()
    appender, bodies = MemoryAppender(), MemoryBodies()
    durability, refusals = MemoryDurability(database, bodies), Refusals(database, settings)
    service = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    desk = AcceptanceDesk(
        durability=durability,
        database=database,
        appender=appender,
        queue=QueueService(settings, feed),
        router=Router(service),
        bodies=bodies,
        refusals=refusals,
        facts=compute,
        settings=settings,
        free_space=FREE,
        clock=lambda: 2000.0,
    )
    told: list[int] = []
    feed.subscribe("queue", None, lambda topic, key, number: told.append(number))
    yield Scene(database, appender, bodies, durability, refusals, settings, desk, made, told)
    service.close()


async def test_each_mailbox_gets_one_copy_behind_its_own_lines(scene: Scene) -> None:
    """Return-Path and Delivered-To stand before the shared body; two recipients of one mailbox share a copy."""
    outcomes = await scene.accept("alice@ours.test", "sales+x@ours.test", "bob@ours.test", "ALICE@ours.test")
    assert [(str(each.recipient.address), each.refusal, each.summary) for each in outcomes] == [
        ("alice@ours.test", None, "delivered to mailbox"),
        ("sales+x@ours.test", None, "delivered to mailbox"),
        ("bob@ours.test", None, "delivered to mailbox"),
        ("ALICE@ours.test", None, "delivered to mailbox"),
    ]
    (alice,) = scene.appender.of(scene.people["alice"].id)
    (bob,) = scene.appender.of(scene.people["bob"].id)
    assert alice.prefix == "Return-Path: <jörg@there.test>\r\nDelivered-To: alice@ours.test\r\n".encode()
    assert bob.prefix.endswith(b"Delivered-To: bob@ours.test\r\n")
    assert (alice.body.digest, alice.internal_date) == (bob.body.digest, 1234)
    assert alice.facts is not None
    assert alice.facts.message_id == "<1@there.test>"
    assert scene.durability.commits == 1
    assert scene.told == []


async def test_the_null_sender_has_an_empty_return_path(scene: Scene) -> None:
    """RFC 5321 4.5.5: delivery reports come from nobody."""
    await scene.accept("bob@ours.test", sender="")
    (copy,) = scene.appender.of(scene.people["bob"].id)
    assert copy.prefix.startswith(b"Return-Path: <>\r\n")


async def test_the_trace_is_written_with_the_mail(scene: Scene) -> None:
    """What receive noted, what was accepted, and each copy by its message id."""
    await scene.accept("alice@ours.test", "bob@ours.test")
    story = await scene.story()
    assert [entry.stage for entry in story] == ["connect", "accept", "deliver", "deliver"]
    assert "from <jörg@there.test> over ESMTPS by 192.0.2.1" in story[1].text
    assert story[2].text == "<alice@ours.test> delivered to INBOX of alice@ours.test as UID 1"
    for kept in scene.appender.kept:
        assert await scene.database.read(traces.of_message, 5000 + kept.uid) == ["trace1"]
    assert await scene.database.read(traces.of_header, "<1@there.test>") == ["trace1"]


async def test_a_mailbox_that_declines_makes_a_queue_row(scene: Scene) -> None:
    """The others are delivered in the same unit, and nobody hears a second reply."""
    alice = scene.people["alice"]
    scene.appender.refusing[1000 + alice.id] = 1
    outcomes = await scene.accept("alice@ours.test", "sales@ours.test", "bob@ours.test")
    (line,) = await scene.database.read(view.list_queue)
    assert [each.summary for each in outcomes] == [f"queued as {line.id}"] * 2 + ["delivered to mailbox"]
    assert all(each.refusal is None for each in outcomes)
    assert scene.appender.of(alice.id) == []
    assert len(scene.appender.kept) == 1
    detail = await scene.database.read(view.show_queue, line.id)
    assert detail is not None
    assert (detail.message.sender, detail.message.received_at) == ("jörg@there.test", 1234.5)
    (row,) = detail.recipients
    assert (row.recipient, row.destination, row.due_at) == ("alice@ours.test", "local", 0.0)
    assert "told to refuse" in row.reason
    assert scene.bodies.claimed == [detail.message.body]
    await asyncio.sleep(0.01)
    assert scene.told == [line.id]
    assert line.id in [entry.queue_id for entry in await scene.story()]


async def test_a_mailbox_that_breaks_makes_queue_rows(scene: Scene) -> None:
    """An error of ours on the express path costs delay, not the message."""
    scene.appender.failing[1000 + scene.people["bob"].id] = 1
    outcomes = await scene.accept("alice@ours.test", "bob@ours.test")
    (line,) = await scene.database.read(view.list_queue)
    assert [each.summary for each in outcomes] == [f"queued as {line.id}"] * 2
    assert (line.recipients, scene.appender.kept) == (2, [])


async def test_an_account_that_vanished_since_rcpt_makes_a_queue_row(scene: Scene) -> None:
    """It was promised at RCPT; whoever mends the directory gets the mail."""
    (outcome,) = await scene.accept("gone@ours.test")
    assert outcome.refusal is None
    (line,) = await scene.database.read(view.list_queue)
    assert outcome.summary == f"queued as {line.id}"


async def test_an_account_removed_this_very_second_gets_no_mailbox(scene: Scene) -> None:
    """The directory's cache may still know it; the unit of work looks again."""
    await scene.accept("bob@ours.test")
    await scene.database.run(admin.remove_account, "bob@ours.test")
    first, second = await scene.accept("bob@ours.test", "alice@ours.test")
    assert first.summary.startswith("queued")
    assert second.summary == "delivered to mailbox"
    assert len(scene.appender.of(scene.people["bob"].id)) == 1


async def test_many_recipients_do_not_hold_the_writer(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the express limit copies are queued in the same unit, due at once."""
    monkeypatch.setattr(plan_module, "EXPRESS", 3)

    def more(tx: Transaction) -> None:
        for n in range(5):
            admin.add_account(tx, f"p{n}@ours.test", credentials())

    await scene.database.run(more)
    outcomes = await scene.accept(*(f"p{n}@ours.test" for n in range(5)))
    assert [each.summary.split()[0] for each in outcomes] == ["delivered"] * 3 + ["queued"] * 2
    (line,) = await scene.database.read(view.list_queue)
    assert (line.recipients, line.due_at) == (2, 0.0)


async def test_lmtp_hears_of_a_full_mailbox_for_that_recipient_alone(scene: Scene) -> None:
    """452 or 552 for the one, delivery for the other; SMTP, which promised at RCPT, delivers to both."""
    alice, bob = scene.people["alice"], scene.people["bob"]
    scene.appender.used = {alice.id: 999, bob.id: 0}
    full, fine = await scene.accept("alice@ours.test", "bob@ours.test", lmtp=True)
    assert full.refusal is not None
    assert (full.refusal.code, fine.refusal) == (452, None)
    assert scene.appender.of(alice.id) == []
    large = MESSAGE + b"x" * 1000
    (never,) = await scene.accept("bob@ours.test", message=large, lmtp=True)
    assert never.refusal is not None
    assert never.refusal.code == 552
    assert len(scene.appender.kept) == 1
    await scene.accept("alice@ours.test", "bob@ours.test")
    assert len(scene.appender.kept) == 3


async def test_a_message_that_goes_in_circles_is_refused(scene: Scene) -> None:
    """Two Delivered-To lines of the same mailbox are a circle; one is a redirected message, and other people's do
    not count, nor does the body."""
    own = b"delivered-TO:  Alice@OURS.test \r\n"
    with pytest.raises(Refusal) as refused:
        await scene.accept("alice@ours.test", message=own + b"Delivered-To: alice@ours.test\r\n" + MESSAGE)
    assert (refused.value.code, refused.value.enhanced) == (554, "5.4.6")
    assert scene.appender.kept == []
    others = b"Delivered-To: bob@ours.test\r\n" * 9
    await scene.accept("alice@ours.test", message=own + others + MESSAGE + own * 5)
    assert len(scene.appender.of(scene.people["alice"].id)) == 1


async def test_a_circle_for_one_of_several_is_not_refused_to_all(scene: Scene) -> None:
    """SMTP has one answer for all: the others must not lose their mail. LMTP can say it of the one."""
    circle = b"Delivered-To: alice@ours.test\r\n" * 2 + MESSAGE
    outcomes = await scene.accept("alice@ours.test", "bob@ours.test", message=circle)
    assert [each.refusal for each in outcomes] == [None, None]
    refused, fine = await scene.accept("alice@ours.test", "bob@ours.test", message=circle, lmtp=True)
    assert refused.refusal is not None
    assert (refused.refusal.code, fine.refusal) == (554, None)


async def test_nothing_is_accepted_while_the_database_is_away(scene: Scene) -> None:
    """A temporary refusal, before and in the commit."""
    scene.durability.error = DatabaseUnavailable("server gone")
    with pytest.raises(Refusal) as refused:
        await scene.accept("alice@ours.test")
    assert (refused.value.code, refused.value.cause) == (451, "server gone")
    scene.durability.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(Refusal) as refused:
        await scene.accept("alice@ours.test")
    assert (refused.value.code, refused.value.enhanced) == (452, "4.3.1")
    scene.durability.error = OSError(errno.EIO, "Input/output error")
    with pytest.raises(OSError, match="Input"):
        await scene.accept("alice@ours.test")
    assert await scene.database.read(view.list_queue) == []
    assert await scene.story() == []


async def test_a_disk_that_is_nearly_full_takes_no_message(scene: Scene) -> None:
    """452 4.3.1 before the disk is full, by the setting as it is now."""
    scene.bodies.free = 1000
    scene.desk.spool().discard()
    scene.bodies.free = 999
    with pytest.raises(Refusal) as refused:
        scene.desk.spool()
    assert (refused.value.code, refused.value.enhanced) == (452, "4.3.1")
    scene.settings.now = Settings({FREE.name: 10})
    scene.desk.spool().discard()


async def test_refusals_are_traced(scene: Scene) -> None:
    """Best effort, with the trace id of the session."""
    await scene.desk.refused(ORIGIN, "rcpt", "550 5.1.1 No such user here")
    await scene.refusals.flush()
    assert [(entry.stage, entry.text) for entry in await scene.story()] == [
        ("rcpt", "550 5.1.1 No such user here")
    ]


async def test_large_bodies_are_looked_through_off_the_loop(scene: Scene) -> None:
    """A large message arrives whole, with facts."""
    await scene.database.run(admin.set_quota, "alice@ours.test", 0)
    large = MESSAGE + b"0123456789abcdef\r\n" * 8000
    await scene.accept("alice@ours.test", message=large)
    (copy,) = scene.appender.of(scene.people["alice"].id)
    assert copy.body.size == len(large)
    assert copy.facts is not None
    assert copy.facts.header_size == MESSAGE.index(b"\r\n\r\n") + 4
