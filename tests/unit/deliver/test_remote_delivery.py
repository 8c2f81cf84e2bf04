"""Remote delivery and its end: which hosts are asked, and what becomes of rows and senders."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from failing import FailingDatabase
from memory_bodies import MemoryBodies, MemoryBody, MemoryDurability
from remote_world import PlainNotices, World

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.deliver.remote.contract import ConnectFailed, Host, Hosts
from posthouse.deliver.remote.delivery import RemoteDelivery
from posthouse.deliver.results import Feedback, Said
from posthouse.deliver.settlement import SettlementDesk
from posthouse.mail.refusal import Refusal
from posthouse.queue import traces, view
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.settings.contract import CurrentSettings, Settings

BODY = MemoryBody(b"Subject: away\r\n\r\nhello\r\n")
THERE = "b@there.test"
FULL = Said(452, "4.2.2", "mailbox full", "mx.there.test", "192.0.2.1", "RCPT")
NOBODY = Said(550, "5.1.1", "no such user", "mx.there.test", "192.0.2.1", "RCPT")
NO_WAY = Said(550, "5.7.30", "REQUIRETLS is not offered", "mx.there.test", "192.0.2.1", "MAIL")
AWAY = Said(0, "4.4.1", "connection refused", "mx.there.test", "192.0.2.1")


class Clock:
    now = 100_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    database: FailingDatabase
    bodies: MemoryBodies
    clock: Clock
    queue: QueueService
    world: World
    notices: PlainNotices
    remote: RemoteDelivery

    async def put(
        self, *recipients: str | QueuedRecipient, sender: str = "a@here.test", **more: object
    ) -> int:
        message = QueuedMessage("t1", BODY.digest, BODY.size, sender, self.clock.now, **more)  # type: ignore[arg-type]
        rows = [
            each
            if isinstance(each, QueuedRecipient)
            else QueuedRecipient(each, f"mx:{each.rpartition('@')[2]}")
            for each in recipients
        ]
        return await self.database.run(self.queue.put, message, rows)

    async def attempt(self, destination: str = "mx:there.test") -> Feedback:
        leases = await self.database.run(
            self.queue.lease, self.clock.now, 100, 600.0, "here/1", destination=destination
        )
        return await self.remote.deliver(leases)

    async def rows(self, queue_id: int) -> list[view.QueueRecipient]:
        detail = await self.database.read(view.show_queue, queue_id)
        return detail.recipients if detail is not None else []

    async def story(self) -> str:
        found = await self.database.read(traces.read, "t1")
        return "\n".join(entry.text for entry in found)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    settings = CurrentSettings(Settings({"queue.lifetime": 3600}))
    database, bodies, clock, world = FailingDatabase(sqlite_database), MemoryBodies(), Clock(), World()
    bodies.kept[BODY.digest] = BODY.data
    queue, notices = QueueService(settings, LocalFeed()), PlainNotices()
    settlement = SettlementDesk(
        durability=MemoryDurability(database, bodies),
        queue=queue,
        bodies=bodies,
        notices=notices,
        settings=settings,
        clock=clock,
    )
    remote = RemoteDelivery(
        ways=world,
        finder=world,
        policies=world,
        sessions=world,
        signer=world,
        bodies=bodies,
        queue=queue,
        settlement=settlement,
        database=database,
        settings=settings,
        clock=clock,
    )
    yield Scene(database, bodies, clock, queue, world, notices, remote)


async def test_what_is_taken_goes(scene: Scene) -> None:
    queue_id = await scene.put(THERE, "c@there.test")
    feedback = await scene.attempt()
    assert feedback.well
    assert scene.world.sent == [("mx.there.test", [THERE, "c@there.test"])]
    assert await scene.rows(queue_id) == []
    assert "<b@there.test> relayed in" not in await scene.story()
    assert "<b@there.test> relayed: 250 2.0.0 OK" in await scene.story()
    assert scene.notices.composed == []


async def test_each_recipient_has_its_own_end(scene: Scene) -> None:
    """One taken, one refused, one put off: in one unit, and the sender is told of the refused one only."""
    scene.world.answers["mx.there.test"] = {"c@there.test": NOBODY, "d@there.test": FULL}
    queue_id = await scene.put(THERE, "c@there.test", "d@there.test")
    assert (await scene.attempt()).well
    [row] = await scene.rows(queue_id)
    assert row.recipient == "d@there.test"
    assert row.attempts == 1
    assert row.due_at > scene.clock.now
    assert "452 4.2.2 mailbox full" in row.reason
    assert scene.notices.composed == [("failed", ["c@there.test"])]
    [notice] = [line for line in await scene.database.read(view.list_queue) if line.sender == ""]
    assert notice.recipients == 1


async def test_the_postmaster_gets_a_copy_where_that_is_wanted(scene: Scene) -> None:
    scene.notices.copies = True
    scene.world.answers["mx.there.test"] = {THERE: NOBODY}
    await scene.put(THERE)
    await scene.attempt()
    queued = [line for line in await scene.database.read(view.list_queue) if line.sender == ""]
    assert sorted(line.trace for line in queued) == ["t1c", "t1n"]


async def test_the_next_host_is_asked(scene: Scene) -> None:
    """After one that cannot be reached, and for recipients that one puts off; not for ever."""
    hosts = tuple(Host(f"mx{number}.test", (f"192.0.2.{number}",), preference=number) for number in range(5))
    scene.world.hosts["there.test"] = Hosts(hosts)
    scene.world.answers = {
        "mx0.test": ConnectFailed(AWAY),
        "mx1.test": {THERE: FULL},
        "mx2.test": {THERE: FULL},
    }
    queue_id = await scene.put(THERE, "c@there.test")
    await scene.attempt()
    assert [name for name, _ in scene.world.calls] == ["mx0.test", "mx1.test", "mx2.test"]
    assert scene.world.sent == [("mx1.test", [THERE, "c@there.test"]), ("mx2.test", [THERE])]
    assert [row.recipient for row in await scene.rows(queue_id)] == [THERE]


async def test_every_address_of_a_host(scene: Scene) -> None:
    scene.world.hosts["there.test"] = Hosts((Host("mx.there.test", ("2001:db8::1", "192.0.2.7")),))
    scene.world.answers["mx.there.test"] = ConnectFailed(AWAY)
    queue_id = await scene.put(THERE)
    feedback = await scene.attempt()
    assert feedback.down
    assert feedback.said == AWAY
    assert scene.world.calls == [("mx.there.test", "2001:db8::1"), ("mx.there.test", "192.0.2.7")]
    assert "connection refused" in (await scene.rows(queue_id))[0].reason


@pytest.mark.parametrize("code", [556, 550])
async def test_no_such_domain_fails_at_once(scene: Scene, code: int) -> None:
    scene.world.hosts["there.test"] = Hosts(trouble=Said(code, "5.1.2", "There is no domain there.test"))
    queue_id = await scene.put(THERE)
    assert not (await scene.attempt()).down
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == [("failed", [THERE])]
    assert scene.notices.noted == [f"{THERE} failed"]


async def test_after_the_dot_no_other_host_is_asked(scene: Scene) -> None:
    """The first may have the message: asking another at once would make a duplicate likely."""
    scene.world.hosts["there.test"] = Hosts(
        (Host("mx1.test", ("192.0.2.1",)), Host("mx2.test", ("192.0.2.2",)))
    )
    gone = Said(0, "4.4.2", "connection lost after the message", "mx1.test", "192.0.2.1", stage=".")
    scene.world.answers["mx1.test"] = {THERE: gone}
    queue_id = await scene.put(THERE)
    await scene.attempt()
    assert [name for name, _ in scene.world.calls] == ["mx1.test"]
    assert len(await scene.rows(queue_id)) == 1


async def test_given_up_after_its_time(scene: Scene) -> None:
    scene.world.answers["mx.there.test"] = {THERE: FULL}
    queue_id = await scene.put(THERE)
    scene.clock.now += 3601
    await scene.attempt()
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == [("failed", [THERE])]
    assert "failed after 1 attempt" in await scene.story()


async def test_a_route_has_its_own_number_of_tries(scene: Scene) -> None:
    scene.world.ways["there.test"] = Way("route:3", "there.test", tries=1)
    scene.world.answers["mx.there.test"] = {THERE: FULL}
    queue_id = await scene.put(QueuedRecipient(THERE, "route:3"))
    await scene.attempt("route:3")
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == [("failed", [THERE])]


async def test_delay_is_told_once(scene: Scene) -> None:
    scene.world.answers["mx.there.test"] = {THERE: FULL}
    queue_id = await scene.put(
        QueuedRecipient(THERE, "mx:there.test", notify="DELAY"), deliver_by=100_001.0, by_mode="N"
    )
    for _ in range(2):
        scene.clock.now += 1200
        await scene.attempt()
    assert scene.notices.composed == [("delayed", [THERE])]
    assert len(await scene.rows(queue_id)) == 1


async def test_deliver_by_that_must_be_kept(scene: Scene) -> None:
    """RFC 2852 mode R: past its time the message comes back."""
    scene.world.answers["mx.there.test"] = {THERE: FULL}
    queue_id = await scene.put(THERE, deliver_by=100_001.0, by_mode="R")
    scene.clock.now += 60
    await scene.attempt()
    assert await scene.rows(queue_id) == []
    assert "5.4.7" in await scene.story()


async def test_nobody_is_told_of_a_notice(scene: Scene) -> None:
    scene.world.answers["mx.there.test"] = {THERE: NOBODY}
    queue_id = await scene.put(THERE, sender="", kind="notice")
    await scene.attempt()
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == []
    assert "550 5.1.1 no such user" in await scene.story()


async def test_a_notice_that_cannot_be_written_keeps_the_row(scene: Scene) -> None:
    scene.world.answers["mx.there.test"] = {THERE: NOBODY}
    scene.notices.broken = True
    queue_id = await scene.put(THERE)
    await scene.attempt()
    [row] = await scene.rows(queue_id)
    assert row.held
    assert "could not be told" in row.reason


async def test_relayed_is_told_where_asked_for(scene: Scene) -> None:
    await scene.put(QueuedRecipient(THERE, "mx:there.test", notify="SUCCESS"))
    await scene.attempt()
    assert scene.notices.composed == [("relayed", [THERE])]


async def test_a_way_that_changed(scene: Scene) -> None:
    """A row whose recipient leads elsewhere by now goes there, one that leads nowhere fails."""
    queue_id = await scene.put(THERE)
    scene.world.ways["there.test"] = Way("route:9", "there.test")
    await scene.attempt()
    [row] = await scene.rows(queue_id)
    assert row.destination == "route:9"
    scene.world.ways["there.test"] = Refusal(550, "5.1.2", "nowhere")
    scene.clock.now = row.due_at + 1
    await scene.attempt("route:9")
    assert await scene.rows(queue_id) == []


async def test_two_ways_to_one_place(scene: Scene) -> None:
    """What a route demands for one recipient of a domain holds for that one, and never becomes what its neighbour in
    the same message gets."""
    strict = Way("mx:there.test", "there.test", security="starttls", verify=True, route_id=7)
    scene.world.ways["boss@there.test"] = strict
    asked: list[bool] = []
    find = scene.world.find

    async def noted(way: Way) -> Hosts:
        asked.append(way.verify)
        return await find(way)

    scene.world.find = noted  # type: ignore[method-assign]
    queue_id = await scene.put("boss@there.test", THERE, "c@there.test")
    await scene.attempt()
    [first, second] = await scene.rows(queue_id)
    assert (first.due_at, first.attempts) == (scene.clock.now, 0)
    assert (second.due_at, second.attempts) == (scene.clock.now, 0)
    await scene.attempt()
    assert await scene.rows(queue_id) == []
    assert asked == [True, False]
    assert [recipients for _, recipients in scene.world.sent] == [
        ["boss@there.test"],
        [THERE, "c@there.test"],
    ]


async def test_a_route_that_waits_for_etrn(scene: Scene) -> None:
    scene.world.ways["there.test"] = Way("mx:there.test", "there.test", retrying=False)
    queue_id = await scene.put(THERE)
    await scene.attempt()
    assert [row.held for row in await scene.rows(queue_id)] == [True]
    assert scene.world.calls == []


async def test_missing_content_is_held(scene: Scene) -> None:
    scene.bodies.kept.clear()
    queue_id = await scene.put(THERE)
    await scene.attempt()
    [row] = await scene.rows(queue_id)
    assert row.held
    assert "content is missing" in row.reason


async def test_an_error_of_ours_is_temporary(scene: Scene) -> None:
    scene.world.wrong = RuntimeError("broken")
    queue_id = await scene.put(THERE)
    assert not (await scene.attempt()).down
    [row] = await scene.rows(queue_id)
    assert "Internal error here (RuntimeError)" in row.reason


async def test_many_recipients_go_in_several_transactions(scene: Scene) -> None:
    await scene.put(*(f"r{number}@there.test" for number in range(250)))
    leases = []
    while len(leases) < 250:
        leases += await scene.database.run(
            scene.queue.lease, scene.clock.now, 200, 600.0, "here/1", destination="mx:there.test"
        )
    await scene.remote.deliver(leases)
    assert [len(recipients) for _, recipients in scene.world.sent] == [100, 100, 50]
    assert len(scene.world.calls) == 1


async def test_rows_of_others_are_left_alone(scene: Scene) -> None:
    """Another worker has one of the rows by now: the rest is settled, and the notice names the rest."""
    scene.world.answers["mx.there.test"] = {THERE: NOBODY, "c@there.test": NOBODY}
    queue_id = await scene.put(THERE, "c@there.test")
    leases = await scene.database.run(
        scene.queue.lease, scene.clock.now, 300, 10.0, "here/1", destination="mx:there.test"
    )
    await scene.database.run(scene.queue.free, "here/1", scene.clock.now)
    again = await scene.database.run(
        scene.queue.lease, scene.clock.now, 1, 10.0, "here/2", destination="mx:there.test"
    )
    kept = next(lease for lease in leases if lease.id != again[0].id)
    await scene.remote.deliver([*again, kept])
    assert [row.recipient for row in await scene.rows(queue_id)] == [kept.recipient.recipient]
    assert scene.notices.composed[-1] == ("failed", [again[0].recipient.recipient])
    assert len(await scene.database.read(view.list_queue)) == 2


async def test_a_database_that_is_away_for_longer_than_a_lease(scene: Scene) -> None:
    """Nobody else can have taken the rows meanwhile: what the remote said is written down when it is back."""
    queue_id = await scene.put(THERE)
    leases = await scene.database.run(
        scene.queue.lease, scene.clock.now, 300, 600.0, "here/1", destination="mx:there.test"
    )
    scene.database.fail()
    work = asyncio.create_task(scene.remote.deliver(leases))
    while not scene.world.sent:
        await asyncio.sleep(0.01)
    scene.clock.now += 601.0
    await asyncio.sleep(0.2)
    scene.database.mend()
    await work
    assert await scene.rows(queue_id) == []
    assert len(scene.world.sent) == 1


async def test_what_was_taken_is_written_down_although_the_database_was_away(scene: Scene) -> None:
    """The remote said 250: that is not forgotten."""
    queue_id = await scene.put(THERE)
    leases = await scene.database.run(
        scene.queue.lease, scene.clock.now, 300, 600.0, "here/1", destination="mx:there.test"
    )
    scene.database.fail(3)
    await scene.remote.deliver(leases)
    assert await scene.rows(queue_id) == []
    assert len(scene.world.sent) == 1


async def test_an_attempt_ends_before_its_lease(scene: Scene) -> None:
    never = asyncio.Event()

    async def hanging(call: object) -> object:
        return await never.wait()

    scene.world.take = hanging  # type: ignore[method-assign,assignment]
    queue_id = await scene.put(THERE)
    leases = await scene.database.run(
        scene.queue.lease, scene.clock.now, 300, 1.0, "here/1", destination="mx:there.test"
    )
    await scene.remote.deliver(leases)
    assert "took too long" in (await scene.rows(queue_id))[0].reason


TWO_HOSTS = Hosts((Host("one.there.test", ("192.0.2.1",)), Host("two.there.test", ("192.0.2.2",))))


async def test_a_host_without_requiretls_is_not_the_last_word(scene: Scene) -> None:
    """The next one may offer it (RFC 8689 4.2.1); the message fails where none does."""
    scene.world.hosts["there.test"] = TWO_HOSTS
    scene.world.answers["one.there.test"] = {THERE: NO_WAY}
    queue_id = await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert [host for host, _ in scene.world.sent] == ["one.there.test", "two.there.test"]
    assert await scene.rows(queue_id) == []
    assert scene.notices.composed == []
    scene.world.answers["two.there.test"] = {THERE: NO_WAY}
    await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert [kind for kind, _ in scene.notices.composed] == ["failed"]


async def test_requiretls_ends_where_no_host_has_tls_as_it_must_be(scene: Scene) -> None:
    """There is nothing to wait for: the sender hears of it at once, with 5.7.10. Other mail waits."""
    bad = Said(0, "4.7.5", "TLS is required, but the certificate is wrong", "mx.there.test", stage="STARTTLS")
    scene.world.hosts["there.test"] = TWO_HOSTS
    scene.world.answers["one.there.test"] = scene.world.answers["two.there.test"] = ConnectFailed(bad)
    queue_id = await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert await scene.rows(queue_id) == []
    assert [kind for kind, _ in scene.notices.composed] == ["failed"]
    waiting = await scene.put(THERE)
    await scene.attempt()
    assert (await scene.rows(waiting))[0].status == "4.7.5"
    scene.notices.composed.clear()
    scene.world.answers["two.there.test"] = ConnectFailed(AWAY)  # that one may be all right
    queue_id = await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert len(await scene.rows(queue_id)) == 1
    assert scene.notices.composed == []


async def test_requiretls_waits_for_a_host_that_is_away(scene: Scene) -> None:
    """One host lacks it, the other cannot be reached: it may have it."""
    scene.world.hosts["there.test"] = TWO_HOSTS
    scene.world.answers["one.there.test"] = {THERE: NO_WAY}
    scene.world.answers["two.there.test"] = ConnectFailed(AWAY)
    queue_id = await scene.put(THERE, require_tls=True)
    await scene.attempt()
    assert "connection refused" in (await scene.rows(queue_id))[0].reason
    assert scene.notices.composed == []
