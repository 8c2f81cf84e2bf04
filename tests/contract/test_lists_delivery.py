"""Posts to distribution lists on every engine: who gets what, once, also when the server dies on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from hashing import CountingHasher
from people import people
from remote_world import PlainNotices
from sqlalchemy import select

from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver.lists import ListDelivery
from posthouse.deliver.lists_spread import Post, Spreader, Stretch
from posthouse.deliver.planning import Planner
from posthouse.deliver.settlement import SettlementDesk
from posthouse.directory import admin, aliases, lists
from posthouse.directory.contract import Account
from posthouse.directory.lists import MailingList
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.refusal import Refusal
from posthouse.queue import control, posts
from posthouse.queue.contract import HOLD_LIST, LISTED, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.control import Action
from posthouse.queue.post_records import list_progress
from posthouse.queue.records import queue_messages, queue_recipients
from posthouse.queue.selection import Selection
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.route.forwarding import Forwarding
from posthouse.route.lists import verdict
from posthouse.route.resolve import Router
from posthouse.settings.contract import CurrentSettings
from posthouse.store.append import MailAppender
from posthouse.store.facts import compute
from posthouse.store.records import mailboxes, messages

ROWS = (
    select(
        queue_recipients.c.id,
        queue_recipients.c.recipient,
        queue_recipients.c.hold,
        queue_messages.c.sender,
        queue_messages.c.kind,
        queue_messages.c.body,
    )
    .join(queue_messages, queue_messages.c.id == queue_recipients.c.message_id)
    .order_by(queue_recipients.c.id)
)
POST = (
    b"From: Alice <alice@ours.test>\r\nTo: news@ours.test\r\nSubject: hello\r\n"
    b"Message-ID: <1@ours.test>\r\nReturn-Receipt-To: spy@far.test\r\n\r\nText\r\n"
)


class EveryWay:
    """The domain's own hosts, whoever asks."""

    async def way(self, recipient: Address, sender: Address | None, account_id: int | None) -> Way | Refusal:
        return Way(f"mx:{recipient.domain}")


@dataclass
class Scene:
    database: Database
    queue: QueueService
    delivery: ListDelivery
    bodies: FileBodies
    people: dict[str, Account]
    durability: PlainDurability
    news: MailingList
    router: Router
    now: list[float] = field(default_factory=lambda: [2000.0])

    async def change(self, *members: str, **values: object) -> None:
        def op(tx: Transaction) -> MailingList:
            lists.add_members(tx, self.news, members)
            return lists.change(tx, "news@ours.test", values)

        self.news = await self.database.run(op)

    async def owners(self, *addresses: str) -> None:
        await self.database.run(lists.set_people, self.news.id, "owner", addresses)

    async def post(
        self, content: bytes = POST, sender: str = "alice@ours.test", to: str = "news@ours.test"
    ) -> Lease:
        spool = self.bodies.spool()
        spool.write(content)
        body = spool.finish()
        message = QueuedMessage("trace1", body.digest, body.size, sender, self.now[0])
        row = QueuedRecipient(to, f"list:{self.news.id}")

        def op(tx: Transaction) -> None:
            self.bodies.claim(tx, body.digest, body.size)
            self.queue.put(tx, message, [row])

        await self.durability.commit([body], op)
        body.discard()
        return await self.lease()

    async def lease(self) -> Lease:
        self.now[0] += 1000
        found = await self.database.run(
            self.queue.lease, self.now[0], 50, 60.0, "test", destination=f"list:{self.news.id}"
        )
        (lease,) = found
        return lease

    async def rows(self) -> list[tuple[str, str, str, str]]:
        """Recipient, hold, sender and kind of what is in the queue."""
        return [
            (row[1], row[2], row[3], row[4]) for row in await self.database.read(lambda tx: tx.execute(ROWS))
        ]

    async def copies(self, name: str) -> list[bytes]:
        """What lies in a mailbox: the lines of the copy, then the shared body."""
        query = (
            select(messages.c.prefix, messages.c.body)
            .join(mailboxes, mailboxes.c.id == messages.c.mailbox_id)
            .where(mailboxes.c.account_id == self.people[name].id)
        )
        found = await self.database.read(lambda tx: tx.execute(query))
        return [bytes(prefix) + bytes(self.bodies.read(bytes(body).hex())) for prefix, body in found]


@pytest_asyncio.fixture
async def scene(database: Database, tmp_path: Path) -> AsyncIterator[Scene]:
    made = await people(database)
    news = await database.run(lists.add, "news@ours.test", {"mode": "public", "name": "News"})
    feed, settings = LocalFeed(), CurrentSettings()
    bodies = FileBodies(tmp_path / "data")
    durability = PlainDurability(database, bodies)
    service = DirectoryService(database, feed, settings, Passwords(1, CountingHasher()))
    queue, router = QueueService(settings, feed), Router(service)
    now = [2000.0]

    async def destination_of(address: Address) -> list[tuple[Address, str, int | None]]:
        return [(address, f"mx:{address.domain}", None)]

    delivery = ListDelivery(
        database=database,
        durability=durability,
        appender=MailAppender(bodies, feed),
        queue=queue,
        settlement=SettlementDesk(
            durability=durability,
            queue=queue,
            bodies=bodies,
            notices=PlainNotices(),
            settings=settings,
            clock=lambda: now[0],
        ),
        router=router,
        ways=EveryWay(),
        forwarding=Forwarding(router, service),
        bodies=bodies,
        facts=compute,
        settings=settings,
        feed=feed,
        destination_of=destination_of,
        our_name=lambda: "mail.ours.test",
        link_host=lambda: "mail.ours.test",
        new_trace=lambda: "newtrace",
        clock=lambda: now[0],
    )
    yield Scene(database, queue, delivery, bodies, made, durability, news, router, now)
    service.close()
    await durability.close()
    bodies.close()


async def test_members_inside_and_outside_get_it_with_the_fields_of_the_list(scene: Scene) -> None:
    await scene.change("bob@ours.test", "Zoe@far.test", "sales@ours.test", tag="News", replies="list")
    await scene.delivery.deliver([await scene.post()])
    (copy,) = await scene.copies("bob")
    for line in (
        b"\r\nList-Id: News <news.ours.test>\r\n",
        b"\r\nList-Post: <mailto:news@ours.test>\r\n",
        b"\r\nList-Unsubscribe: <https://mail.ours.test/lists/unsubscribe/",
        b"\r\nList-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n",
        b"\r\nSubject: [News] hello\r\n",
        b"\r\nReply-To: <news@ours.test>\r\n",
        b"\r\nPrecedence: list\r\n",
        b"\r\nFrom: Alice <alice@ours.test>\r\n",
    ):
        assert copy.count(line) == 1, line
    assert b"spy@far.test" not in copy
    assert copy.endswith(b"\r\n\r\nText\r\n")
    assert copy.startswith(b"Return-Path: <news+")
    assert len(await scene.copies("alice")) == 1  # by the alias sales
    ((to, hold, sender, kind),) = await scene.rows()
    assert (to, hold, kind) == ("Zoe@far.test", "", LISTED)
    assert sender.startswith("news+")
    assert sender.endswith("-zoe=far.test@ours.test")


async def test_killed_in_between_everybody_gets_it_once(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posthouse.deliver.lists.STRETCH", 2)
    outside = [f"m{number}@far.test" for number in range(7)]
    await scene.change("alice@ours.test", "bob@ours.test", *outside)
    real, done = Spreader.run, [0]

    def dying(self: Spreader, tx: Transaction, post: Post, stretch: Stretch, *more: Any) -> None:
        real(self, tx, post, stretch, *more)
        done[0] += 1
        if done[0] in (3, 5):
            raise DatabaseUnavailable("killed")  # after all was written, before it was durable

    monkeypatch.setattr(Spreader, "run", dying)
    lease = await scene.post()
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await scene.delivery.deliver([lease])
        lease = await scene.lease()
    await scene.delivery.deliver([lease])
    assert [row[0] for row in await scene.rows()] == outside
    assert [len(await scene.copies(name)) for name in ("alice", "bob")] == [1, 1]


async def test_a_moderator_lets_it_pass_or_not(scene: Scene) -> None:
    await scene.change("bob@ours.test", moderation="all")
    await scene.owners("boss@far.test")
    await scene.delivery.deliver([await scene.post()])
    assert await scene.copies("bob") == []
    held, word = await scene.rows()
    assert held[:2] == ("news@ours.test", HOLD_LIST)
    assert (word[0], word[2]) == ("boss@far.test", "")


async def test_an_alias_for_the_owners_is_no_way_to_the_members(scene: Scene) -> None:
    """Mail for an alias of ``news+owner`` goes to the owners; it was never asked whether its sender may post."""
    await scene.change("bob@ours.test", mode="announcements")
    await scene.owners("alice@ours.test")
    await scene.database.run(admin.add_alias, "boss@ours.test", "news+owner@ours.test")
    await scene.delivery.deliver([await scene.post(sender="x@far.test", to="boss@ours.test")])
    assert await scene.copies("bob") == []
    copies, rows = await scene.copies("alice"), await scene.rows()
    assert len(copies) + len(rows) == 1


async def test_an_alias_for_a_list_and_its_owners_is_two_rows(scene: Scene) -> None:
    """Both get it: the row of the owners says so by its address."""
    await scene.change("bob@ours.test")
    await scene.owners("boss@far.test")
    targets = ["news+owner@ours.test", "news@ours.test"]
    await scene.database.run(aliases.add_alias, "both@ours.test", targets)
    envelope = Envelope(
        Origin("t", "ESMTP", "there.test", "192.0.2.1", 4711),
        parse_address("alice@ours.test"),
        (Recipient(parse_address("both@ours.test")),),
    )
    plan = await Planner(scene.router).plan_for(envelope, 1.0)
    assert [(row.recipient, row.orcpt) for row in plan.queued()] == [
        ("news+owner@ours.test", "rfc822;both@ours.test"),
        ("both@ours.test", ""),
    ]
    await scene.delivery.deliver([await scene.post(to="both@ours.test")])
    assert len(await scene.copies("bob")) == 1
    assert await scene.rows() == []
    await scene.delivery.deliver([await scene.post(to="news+owner@ours.test")])
    assert len(await scene.copies("bob")) == 1
    assert [row[0] for row in await scene.rows()] == ["boss@far.test"]


async def test_who_may_not_write_does_not_by_an_alias_that_leads_elsewhere_too(scene: Scene) -> None:
    """It was accepted for the other place; the list keeps it for its moderators."""
    await scene.change("bob@ours.test", mode="announcements")
    await scene.owners("boss@far.test")
    await scene.database.run(aliases.add_alias, "both@ours.test", ["alice@ours.test", "news@ours.test"])
    await scene.delivery.deliver([await scene.post(sender="x@far.test", to="both@ours.test")])
    assert await scene.copies("bob") == []
    held, word = await scene.rows()
    assert held[:2] == ("both@ours.test", HOLD_LIST)
    assert word[0] == "boss@far.test"


@pytest.mark.parametrize("verdict", ["approved", "rejected"])
async def test_what_a_moderator_decided_is_done(
    scene: Scene, verdict: Literal["approved", "rejected"]
) -> None:
    await scene.change("bob@ours.test", moderation="all")
    lease = await scene.post()
    await scene.database.run(posts.judge, lease.id, scene.news.id, verdict, "off topic")
    await scene.delivery.deliver([lease])
    assert len(await scene.copies("bob")) == (1 if verdict == "approved" else 0)
    rows = await scene.rows()  # the notice to the sender, if any
    assert len(rows) == (0 if verdict == "approved" else 1)


@pytest.mark.parametrize(
    ("more", "held"),
    [(b"List-Id: News <NEWS.ours.test>\r\n", False), (b"Auto-Submitted: auto-replied\r\n", True)],
)
async def test_loops_and_machines_are_not_spread(scene: Scene, more: bytes, held: bool) -> None:
    await scene.change("bob@ours.test", "zoe@far.test")
    await scene.delivery.deliver([await scene.post(more + POST)])
    assert await scene.copies("bob") == []
    assert [row[1] for row in await scene.rows()] == ([HOLD_LIST] if held else [])


async def test_bounces_suspend_a_member_and_tell_the_owners(scene: Scene) -> None:
    await scene.change("zoe@far.test")
    await scene.owners("boss@far.test")
    await scene.delivery.deliver([await scene.post()])
    ((_, _, path, _),) = await scene.rows()
    bounce = BOUNCE % b"zoe@far.test"
    forged = path.replace("zoe", "bob")
    for to in [forged, *[path] * 5]:
        assert await scene.database.read(lists.readers, scene.news.id)
        await scene.delivery.deliver([await scene.post(bounce, "", to)])
    assert await scene.database.read(lists.readers, scene.news.id) == {}
    assert [row[0] for row in await scene.rows()] == ["zoe@far.test", "boss@far.test"]


BOUNCE = (
    b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n"
    b"Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.far.test\r\n\r\n"
    b"Final-Recipient: rfc822; %b\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
)


async def test_bounces_of_a_long_address_count(scene: Scene) -> None:
    long = "a-very-long-name-of-somebody-who-has-many-names@far.test"
    await scene.database.run(lists.add, "inner@ours.test", {"mode": "public"})
    inner = await scene.database.read(lists.wanted, "inner@ours.test")
    await scene.database.run(lists.add_members, inner, [long])
    await scene.change("inner@ours.test", "zoe@far.test")
    await scene.delivery.deliver([await scene.post()])
    path = next(row[2] for row in await scene.rows() if row[0] == long)
    assert path.startswith("news+bounces-")
    forged = path[: path.index("@") - 1] + ("b" if path[path.index("@") - 1] != "b" else "c") + "@ours.test"
    for to in [forged, "news+bounces@ours.test", *[path] * 5]:
        assert long in await scene.database.read(lists.readers, scene.news.id)
        await scene.delivery.deliver([await scene.post(BOUNCE % long.encode(), "", to)])
    assert sorted(await scene.database.read(lists.readers, scene.news.id)) == ["zoe@far.test"]


async def progress_rows(scene: Scene) -> int:
    return len(await scene.database.read(lambda tx: tx.execute(select(list_progress.c.row_id))))


@pytest.mark.parametrize(
    ("action", "within", "copies", "left"),
    [
        ("release", None, 1, 0),
        ("release", frozenset({"ours.test"}), 1, 0),
        ("release", frozenset({"alice.test"}), 0, 1),
        ("delete", None, 0, 0),
        ("retry", None, 0, 1),
    ],
)
async def test_what_an_administrator_does_with_a_post_that_waits(
    scene: Scene, action: Action, within: frozenset[str] | None, copies: int, left: int
) -> None:
    """Released it is spread and not held again, by those who look after the list; what is kept of it goes with it."""
    await scene.change("bob@ours.test", moderation="all")
    await scene.delivery.deliver([await scene.post(sender="alice@alice.test")])
    ((row_id, *_),) = await scene.database.read(lambda tx: tx.execute(ROWS))
    await scene.database.run(posts.reach, row_id, scene.news.id, "")
    wanted = Selection(sender="alice@alice.test", within=within)
    now = scene.now[0]
    done = await scene.database.run(control.steer, action, wanted, [row_id], now, "root")
    assert len(done.rows) == 1 - left
    if action == "release" and done.rows:
        await scene.delivery.deliver([await scene.lease()])
    assert len(await scene.copies("bob")) == copies
    assert len(await scene.rows()) == left
    assert await progress_rows(scene) == left


async def test_a_rejected_post_leaves_nothing_behind(scene: Scene) -> None:
    await scene.change("bob@ours.test", moderation="all")
    lease = await scene.post()
    await scene.database.run(posts.judge, lease.id, scene.news.id, "rejected")
    await scene.delivery.deliver([lease])
    assert await progress_rows(scene) == 0


async def test_what_turns_out_too_large_waits(scene: Scene) -> None:
    """Its size was not announced, so RCPT could not refuse it."""
    await scene.change("bob@ours.test", max_size=100)
    await scene.delivery.deliver([await scene.post()])
    assert await scene.copies("bob") == []
    ((_, hold, _, _),) = await scene.rows()
    assert hold == HOLD_LIST


async def test_joining_and_leaving_by_mail_asks_back(scene: Scene) -> None:
    await scene.change(joining="confirm")
    wish = b"From: eve@far.test\r\nSubject: x\r\n\r\n"
    await scene.delivery.deliver([await scene.post(wish, "eve@far.test", "news+subscribe@ours.test")])
    assert await scene.database.read(lists.readers, scene.news.id) == {}
    found = await scene.database.read(lambda tx: tx.execute(ROWS))
    question = bytes(scene.bodies.read(bytes(found[0][5]).hex())).decode()
    code = question.partition("Reply-To: <")[2].partition(">")[0]
    for sender, there in (("mallory@far.test", False), ("eve@far.test", True)):
        await scene.delivery.deliver([await scene.post(wish, sender, code)])
        assert bool(await scene.database.read(lists.readers, scene.news.id)) is there
    machine = b"Auto-Submitted: auto-replied\r\n" + wish
    await scene.delivery.deliver([await scene.post(machine, "x@far.test", "news+subscribe@ours.test")])
    assert len(await scene.rows()) == 2  # the question and the welcome: nothing to a machine


@pytest.mark.parametrize(
    ("mode", "sender", "signed_in", "code"),
    [
        ("public", "x@far.test", None, 0),
        ("members", "zoe@FAR.test", None, 0),
        ("members", "x@far.test", None, 550),
        ("announcements", "zoe@far.test", None, 550),
        ("announcements", "boss@far.test", None, 0),
        ("domain", "nobody@ours.test", None, 0),
        ("domain", "zoe@far.test", None, 550),
        ("server", "bob@ours.test", None, 0),
        ("server", "nobody@ours.test", None, 550),
        ("public", "", None, 550),
    ],
)
async def test_who_may_write(scene: Scene, mode: str, sender: str, signed_in: int | None, code: int) -> None:
    await scene.change("zoe@far.test", mode=mode)
    await scene.database.run(lists.set_people, scene.news.id, "sender", ["boss@far.test"])
    who = parse_address(sender) if sender else None
    refusal = await scene.database.read(verdict, scene.news.id, "", who, signed_in, 0)
    assert (refusal.code if refusal is not None else 0) == code


async def test_lists_on_a_list_ask_the_same_sender(scene: Scene) -> None:
    await scene.database.run(lists.add, "inner@ours.test", {"mode": "members"})
    await scene.change("inner@ours.test", "zoe@far.test")
    zoe = parse_address("zoe@far.test")
    refusal = await scene.database.read(verdict, scene.news.id, "", zoe, None, 0)
    assert refusal is not None
    assert str(refusal) == "550 5.7.1 Only members may write to this list"


async def test_the_sign_in_and_the_size_that_a_list_asks_for(scene: Scene) -> None:
    await scene.change(signed_in=True, max_size=1000)
    bob = parse_address("bob@ours.test")
    for account, size, code in ((None, 0, 550), (7, 1001, 552), (7, 1000, 0)):
        refusal = await scene.database.read(verdict, scene.news.id, "", bob, account, size)
        assert (refusal.code if refusal is not None else 0) == code
