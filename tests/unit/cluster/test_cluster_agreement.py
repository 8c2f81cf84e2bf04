"""A change is acted on by every worker when whoever made it goes on."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from posthouse.cluster import agreement
from posthouse.cluster.agreement import Agreement
from posthouse.cluster.following import follow
from posthouse.cluster.hub import Hub
from posthouse.cluster.link import Link, Message
from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.database.contract import DatabaseUnavailable


@dataclass
class Worker:
    """One, with a follower that takes its time to read what ``stored`` says. ``gate`` closed: it hangs there."""

    number: int
    stored: dict[str, int]
    member: Member
    feed: LocalFeed
    agreement: Agreement
    known: int = 0
    loads: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    job: asyncio.Task[None] | None = None

    async def load(self) -> None:
        self.loads += 1
        seen = self.stored["value"]
        await asyncio.sleep(0.02)
        await self.gate.wait()
        self.known = seen

    async def change(self, value: int) -> None:
        """As a use does it."""
        before = self.agreement.changes
        self.stored["value"] = value
        await asyncio.to_thread(self.feed.publish, "settings", 0, value)
        await self.agreement.reach(before)


class Node:
    """Workers joined by a hub over socket pairs, as the supervisor does it."""

    def __init__(self) -> None:
        self.stored = {"value": 0}
        self.hub = Hub(lambda worker: None, lambda worker, failure: None)
        self.workers: list[Worker] = []

    async def add(self, join: bool = True) -> Worker:
        number = len(self.workers)
        ours, theirs = socket.socketpair()
        ours.setblocking(False)

        def receive(message: Message) -> None:
            self.hub.receive(number, message)

        _, link = await asyncio.get_running_loop().connect_accepted_socket(
            lambda: Link(receive, lambda: self.hub.remove(number)), ours
        )
        self.hub.add(number, link)
        link.send("start", {"number": number})
        member = Member()
        await member.join(theirs.detach())
        feed = LocalFeed()
        member.carry(feed)
        worker = Worker(number, self.stored, member, feed, Agreement(feed, member))
        worker.gate.set()
        worker.job = asyncio.create_task(follow(feed, "settings", worker.load, lambda problem: None, 60.0))
        self.workers.append(worker)
        if join:
            await worker.agreement.join()
        return worker

    async def close(self) -> None:
        self.hub.close()
        for worker in self.workers:
            worker.member._link.close()
            assert worker.job is not None
            worker.job.cancel()
            await asyncio.gather(worker.job, return_exceptions=True)
        await asyncio.sleep(0.01)


@pytest.fixture
async def node() -> AsyncIterator[Node]:
    made = Node()
    yield made
    await made.close()


@pytest.mark.parametrize("count", [1, 2, 4])
async def test_all_have_read_it(node: Node, count: int) -> None:
    """Each change, whoever makes it, also those that come while the one before is still being read."""
    for _ in range(count):
        await node.add()
    for value in range(1, 30):
        await node.workers[value % count].change(value)
        assert [worker.known for worker in node.workers] == [value] * count


async def test_changes_side_by_side(node: Node) -> None:
    """Of several at once each waits for its own."""
    for _ in range(3):
        await node.add()

    async def one(value: int) -> None:
        worker = node.workers[value % 3]
        before = worker.agreement.changes
        node.stored["value"] = max(value, node.stored["value"])
        worker.feed.publish("settings", 0, value)
        await worker.agreement.reach(before)
        assert min(each.known for each in node.workers) >= value

    for start in range(0, 60, 20):
        await asyncio.gather(*(one(start + value) for value in range(1, 20)))


async def test_mail_makes_nobody_wait(node: Node) -> None:
    """What is published for the daily traffic of mail, or by somebody else before, is no change of the caller."""
    first, second = await node.add(), await node.add()
    second.gate.clear()
    second.feed.publish("settings", 0, 1)  # the second hangs
    await asyncio.sleep(0.05)
    before = first.agreement.changes
    first.feed.publish("mailbox", 7, 1)
    first.feed.publish("queue", 0, 1)
    await asyncio.wait_for(first.agreement.reach(before), 0.5)
    second.gate.set()


async def test_one_that_hangs_costs_the_deadline(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    """The others act; the log names the one that does not. It is waited for again once it works."""
    monkeypatch.setattr(agreement, "SECONDS", 0.3)
    for _ in range(3):
        await node.add()
    node.workers[2].gate.clear()
    with capture_logs() as logged:
        await asyncio.wait_for(node.workers[0].change(1), 5)
    assert [worker.known for worker in node.workers] == [1, 1, 0]
    late = [line for line in logged if line["event"] == "changes.not_everywhere"]
    assert [line["workers"] for line in late] == [[2]]
    node.workers[2].gate.set()
    await node.workers[0].change(2)
    assert [worker.known for worker in node.workers] == [2, 2, 2]


async def test_one_that_dies_is_not_waited_for(node: Node) -> None:
    """Its caches are gone with it."""
    for _ in range(3):
        await node.add()
    node.workers[1].gate.clear()
    change = asyncio.create_task(node.workers[0].change(1))
    await asyncio.sleep(0.1)
    assert not change.done()
    node.workers[1].member._link.close()
    await asyncio.wait_for(change, 1)
    assert node.workers[2].known == 1


async def test_one_that_starts_is_not_waited_for_and_knows_it_all(node: Node) -> None:
    """Until it joins nobody waits for it; when it has joined it acts on what came before."""
    first = await node.add()
    late = await node.add(join=False)
    late.gate.clear()
    await asyncio.wait_for(first.change(1), 1)
    assert late.known == 0
    joining = asyncio.create_task(late.agreement.join())
    await asyncio.sleep(0.1)
    assert not joining.done(), "its doors are shut as long as it does not act on it"
    late.gate.set()
    await asyncio.wait_for(joining, 1)
    assert late.known == 1


async def test_a_follower_that_cannot_read_is_not_done() -> None:
    """Only what was read counts; one that ended is not waited for."""
    feed = LocalFeed()
    broken = True
    told: list[DatabaseUnavailable] = []

    async def load() -> None:
        if broken:
            raise DatabaseUnavailable("away")

    job = asyncio.create_task(follow(feed, "bans", load, told.append, 0.05))
    await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(feed.settled(), 0.2)
    assert len(told) >= 2
    broken = False
    await asyncio.wait_for(feed.settled(), 1)
    broken = True
    feed.publish("bans", 0, 1)
    waiting = asyncio.create_task(feed.settled())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    job.cancel()
    await asyncio.wait_for(waiting, 1)
    await asyncio.gather(job, return_exceptions=True)


async def test_the_end_of_the_supervisor_ends_the_waiting(node: Node) -> None:
    """Then the worker is about to stop; nothing hangs."""
    first, second = await node.add(), await node.add()
    second.gate.clear()
    change = asyncio.create_task(first.change(1))
    await asyncio.sleep(0.1)
    node.hub.close()
    await asyncio.wait_for(change, 1)
