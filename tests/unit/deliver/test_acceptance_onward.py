"""Acceptance of what leaves: other servers, aliases that lead outside, mail that waits, and notices of delivery."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
from hashing import CountingHasher
from mailboxes import MemoryAppender
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from people import people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.deliver.acceptance import AcceptanceDesk
from posthouse.deliver.contract import Notice, NoticeKind, Told
from posthouse.deliver.plan import orcpt_of
from posthouse.deliver.results import Result
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient, Terms
from posthouse.mail.mime import Buffer
from posthouse.mail.outcome import Outcome
from posthouse.mail.refusal import Refusal
from posthouse.queue import traces, view
from posthouse.queue.contract import FORWARD, HOLD_BURST, NOTICE, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.refusals import Refusals
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings, Setting
from posthouse.store.facts import compute

FREE = Setting("test.accept.onward.free", 0, "for this test only")
MESSAGE = b"Message-ID: <1@there.test>\r\nSubject: hello\r\n\r\nBody\r\n"
NOW = 2000.0


class FewWays:
    """A way for every domain but nowhere.test; relayed.test goes by route 7."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, int | None]] = []

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        self.asked.append((str(recipient), str(sender or ""), account_id))
        if recipient.domain == "nowhere.test":
            return Refusal(550, "5.1.2", "No way there")
        return Way("route:7" if recipient.domain == "relayed.test" else f"mx:{recipient.domain}")


@dataclass
class Scribe:
    """Writes notices that are easy to read; fails on demand."""

    told: list[tuple[str, str]] = field(default_factory=list)
    error: Exception | None = None

    def wanted(self, result: Result, kind: NoticeKind) -> bool:
        return kind == "delivered" and "SUCCESS" in result.lease.recipient.notify

    async def compose(
        self, message: QueuedMessage, told: Sequence[Told], original: Buffer | None
    ) -> Notice | None:
        if self.error is not None:
            raise self.error
        assert original == MESSAGE
        self.told += [(each.result.lease.recipient.recipient, each.kind) for each in told]
        body = b"Subject: delivered\r\n\r\n" + b"".join(b"%b\r\n" % each.kind.encode() for each in told)
        notice = QueuedMessage("notice1", "00" * 32, 0, "", NOW, kind=NOTICE)
        return Notice(body, notice, (QueuedRecipient(message.sender, "mx:there.test", notify="NEVER"),))

    def note(self, tx: object, told: Sequence[Told]) -> None: ...


@dataclass
class Scene:
    database: Database
    appender: MemoryAppender
    bodies: MemoryBodies
    queue: QueueService
    desk: AcceptanceDesk
    ways: FewWays
    scribe: Scribe
    people: dict[str, Account]

    async def accept(
        self,
        *recipients: str | Recipient,
        sender: str = "j@there.test",
        terms: Terms | None = None,
        hold: str = "",
        account_id: int | None = None,
    ) -> list[Outcome]:
        envelope = Envelope(
            Origin("trace1", "ESMTPS", "there.test", "192.0.2.1", 4711, account_id=account_id),
            parse_address(sender) if sender else None,
            tuple(Recipient(parse_address(each)) if isinstance(each, str) else each for each in recipients),
            body="8BITMIME",
            ret="HDRS",
            envid="e1",
            received_at=1234.5,
            terms=terms or Terms(),
            hold=hold,
        )
        return await self.desk.accept(envelope, MemoryBody(MESSAGE))

    async def leases(self, now: float = 10**9) -> list[Lease]:
        """Every queue row, by recipient."""
        found = await self.database.run(self.queue.lease, now, 5000, 60.0, "test")
        return sorted(found, key=lambda lease: lease.recipient.recipient)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    made = await people(sqlite_database)
    feed, settings = LocalFeed(), CurrentSettings()
    appender, bodies = MemoryAppender(), MemoryBodies()
    service = DirectoryService(sqlite_database, feed, settings, Passwords(1, CountingHasher()))
    queue, ways, scribe = QueueService(settings, feed), FewWays(), Scribe()

    async def rewritten(sender: str, alias: str) -> str:
        return f"srs-{sender.replace('@', '=')}@{alias.partition('@')[2]}"

    desk = AcceptanceDesk(
        durability=MemoryDurability(sqlite_database, bodies),
        database=sqlite_database,
        appender=appender,
        queue=queue,
        router=Router(service),
        bodies=bodies,
        refusals=Refusals(sqlite_database, settings),
        facts=compute,
        settings=settings,
        free_space=FREE,
        clock=lambda: NOW,
        ways=ways,
        forward_sender=rewritten,
        notices=scribe,
    )
    yield Scene(sqlite_database, appender, bodies, queue, desk, ways, scribe, made)
    service.close()


async def test_local_remote_and_forwarded_in_one_message(scene: Scene) -> None:
    """The mailbox has its copy, other servers' recipients their rows, and what an alias sends on is a message of its
    own with a sender of ours; DSN parameters go along."""
    outcomes = await scene.accept(
        "bob@ours.test",
        Recipient(parse_address("x@far.test"), frozenset(("SUCCESS", "FAILURE")), "rfc822;y@far.test"),
        "z@relayed.test",
        Recipient(parse_address("far@ours.test"), frozenset(("NEVER",))),
        account_id=7,
    )
    assert [outcome.summary.split()[0] for outcome in outcomes] == ["delivered", "queued", "queued", "queued"]
    assert all(outcome.refusal is None for outcome in outcomes)
    assert len(scene.appender.of(scene.people["bob"].id)) == 1
    someone, x, z = await scene.leases()
    assert (x.recipient.destination, z.recipient.destination) == ("mx:far.test", "route:7")
    assert (x.recipient.notify, x.recipient.orcpt) == ("FAILURE,SUCCESS", "rfc822;y@far.test")
    assert x.message_id == z.message_id != someone.message_id
    assert (x.message.sender, x.message.account_id, x.message.kind) == ("j@there.test", 7, "")
    assert (x.message.ret, x.message.envid, x.message.body_type) == ("HDRS", "e1", "8BITMIME")
    assert (someone.recipient.recipient, someone.recipient.destination) == (
        "someone@elsewhere.test",
        "mx:elsewhere.test",
    )
    assert (someone.message.sender, someone.message.kind) == ("srs-j=there.test@ours.test", FORWARD)
    assert (someone.message.account_id, someone.recipient.notify) == (None, "NEVER")
    assert someone.recipient.orcpt == "rfc822;far@ours.test"
    assert someone.message.body == x.message.body
    assert outcomes[3].summary == f"queued as {someone.message_id}"
    story = [entry.text for entry in await scene.database.read(traces.read, "trace1")]
    assert any("<far@ours.test> leads to <someone@elsewhere.test>, from <srs-" in text for text in story)


async def test_the_null_sender_stays_null_when_it_is_sent_on(scene: Scene) -> None:
    """RFC 5321 4.5.5: a notice that is forwarded stays a notice."""
    await scene.accept("away@ours.test", sender="")
    (lease,) = await scene.leases()
    assert (lease.message.sender, lease.message.kind) == ("", FORWARD)


async def test_two_aliases_to_one_address_share_a_row(scene: Scene) -> None:
    """Nobody gets a message twice because it was sent to two names."""
    outcomes = await scene.accept("away@ours.test", "far@ours.test")
    (lease,) = await scene.leases()
    assert [each.summary for each in outcomes] == [f"queued as {lease.message_id}"] * 2


async def test_many_remote_recipients(scene: Scene) -> None:
    """More than go to mailboxes at once."""
    outcomes = await scene.accept(*(f"p{n}@far.test" for n in range(250)), "alice@ours.test")
    assert len(await scene.leases()) == 250
    assert [each.summary for each in outcomes].count("delivered to mailbox") == 1


async def test_a_way_that_went_since_rcpt(scene: Scene) -> None:
    """It was promised: the row is there, and whoever delivers asks again and tells the sender."""
    (outcome,) = await scene.accept("x@nowhere.test")
    assert outcome.refusal is None
    (lease,) = await scene.leases()
    assert (lease.recipient.destination, lease.recipient.reason) == (
        "mx:nowhere.test",
        "550 5.1.2 No way there",
    )


async def test_mail_for_later_waits_for_everybody(scene: Scene) -> None:
    """Local copies too: nothing is delivered, and nothing due, before its time."""
    terms = Terms(9000.0, 99000.0, "RT", 3, True)
    outcomes = await scene.accept("alice@ours.test", "x@far.test", "away@ours.test", terms=terms)
    assert all(outcome.summary.startswith("queued") for outcome in outcomes)
    assert scene.appender.kept == []
    assert await scene.leases(now=8999.0) == []
    leases = await scene.leases()
    assert [lease.recipient.destination for lease in leases] == ["local", "mx:elsewhere.test", "mx:far.test"]
    for lease in leases:
        message = lease.message
        assert lease.recipient.not_before == 9000.0
        assert (message.deliver_by, message.by_mode, message.priority) == (99000.0, "RT", 3)
        assert message.require_tls


async def test_a_time_that_is_over_holds_nothing(scene: Scene) -> None:
    await scene.accept("alice@ours.test", terms=Terms(not_before=NOW - 1))
    assert len(scene.appender.kept) == 1


async def test_held_mail_reaches_nobody(scene: Scene) -> None:
    """Not a mailbox here either, until somebody looked at it."""
    outcomes = await scene.accept("alice@ours.test", "x@far.test", hold=HOLD_BURST)
    assert all(outcome.refusal is None for outcome in outcomes)
    assert scene.appender.kept == []
    assert await scene.leases() == []
    (line,) = await scene.database.read(view.list_queue)
    assert (line.recipients, line.held) == (2, 2)


async def test_a_delivery_that_was_to_be_told_of(scene: Scene) -> None:
    """NOTIFY=SUCCESS: one notice for the copies delivered at once, in the same unit."""
    success = frozenset(("SUCCESS",))
    await scene.accept(
        Recipient(parse_address("alice@ours.test"), success),
        Recipient(parse_address("bob@ours.test"), success),
        Recipient(parse_address("sales@ours.test"), frozenset(("NEVER",))),
    )
    assert scene.scribe.told == [("alice@ours.test", "delivered"), ("bob@ours.test", "delivered")]
    (lease,) = await scene.leases()
    assert (lease.message.kind, lease.recipient.recipient) == (NOTICE, "j@there.test")
    assert (
        bytes(scene.bodies.read(lease.message.body))
        == b"Subject: delivered\r\n\r\ndelivered\r\ndelivered\r\n"
    )
    assert lease.message.size == len(scene.bodies.read(lease.message.body))


async def test_what_was_not_delivered_is_not_told_of(scene: Scene) -> None:
    """A mailbox that declines makes a queue row; the notice is then the row's."""
    alice = scene.people["alice"]
    scene.appender.refusing[1000 + alice.id] = 1
    await scene.accept(Recipient(parse_address("alice@ours.test"), frozenset(("SUCCESS",))))
    (lease,) = await scene.leases()
    assert (lease.recipient.recipient, lease.recipient.notify) == ("alice@ours.test", "SUCCESS")


async def test_a_notice_that_cannot_be_written_costs_no_mail(scene: Scene) -> None:
    """The mail is accepted all the same; a database that is away is another matter."""
    asked = Recipient(parse_address("alice@ours.test"), frozenset(("SUCCESS",)))
    scene.scribe.error = ValueError("told to fail")
    await scene.accept(asked)
    assert len(scene.appender.kept) == 1
    scene.scribe.error = DatabaseUnavailable("away")
    with pytest.raises(Refusal) as refusal:
        await scene.accept(asked)
    assert refusal.value.code == 451
    assert len(scene.appender.kept) == 1


def test_original_recipients_are_written_as_xtext() -> None:
    """RFC 3461 4: plus, equals and blanks in hexadecimal."""
    assert orcpt_of("a+b=c@x.test") == "rfc822;a+2Bb+3Dc@x.test"
    assert orcpt_of('"a b"@x.test') == 'rfc822;"a+20b"@x.test'
    assert orcpt_of("ä@x.test") == "utf-8;ä@x.test"


async def test_mail_of_local_programs_is_known_as_ours(scene: Scene) -> None:
    """They have no account, and are no strangers: what they send is signed like all that is ours."""
    await scene.accept("x@there.test", account_id=0)
    [row] = await scene.leases()
    assert row.message.account_id == 0
