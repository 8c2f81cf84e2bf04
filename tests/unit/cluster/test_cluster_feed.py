"""The change feed: coalescing, threads, and between processes through the hub."""

from __future__ import annotations

import asyncio
import socket
import threading

import pytest

from posthouse.cluster.hub import Hub
from posthouse.cluster.link import MAX_FRAME, Link, Message
from posthouse.cluster.local import LocalFeed
from posthouse.cluster.member import Member
from posthouse.cluster.strangers import Tally


async def test_the_newest_version_is_told_once() -> None:
    """A burst of notices for one key becomes one call with the highest version; other keys are their own."""
    feed = LocalFeed()
    heard: list[tuple[str, int, int]] = []
    feed.subscribe("mailbox", None, lambda *notice: heard.append(notice))
    for version in (3, 9, 5):
        feed.publish("mailbox", 1, version)
    feed.publish("mailbox", 2, 1)
    assert heard == [], "publish returns at once"
    await asyncio.sleep(0.01)
    assert heard == [("mailbox", 1, 9), ("mailbox", 2, 1)]


async def test_from_any_thread() -> None:
    """The writer thread publishes, the event loop hears."""
    feed = LocalFeed()
    heard: list[int] = []
    here = threading.get_ident()
    threads: list[bool] = []

    def listen(topic: str, key: int, version: int) -> None:
        heard.append(key)
        threads.append(threading.get_ident() == here)

    feed.subscribe("mailbox", None, listen)
    await asyncio.to_thread(lambda: [feed.publish("mailbox", key, 1) for key in range(500)])
    await asyncio.sleep(0.01)
    assert sorted(heard) == list(range(500))
    assert all(threads)


async def test_subscriptions_end_and_failures_do_not_spread() -> None:
    """One key hears only itself; an ended subscription hears nothing; a listener that raises keeps none from
    hearing."""
    feed = LocalFeed()
    heard: list[str] = []

    def broken(*notice: object) -> None:
        raise ValueError("listener")

    feed.subscribe("mailbox", 1, broken)
    end = feed.subscribe("mailbox", 1, lambda *notice: heard.append("one"))
    feed.subscribe("mailbox", 2, lambda *notice: heard.append("two"))
    feed.publish("mailbox", 1, 1)
    await asyncio.sleep(0.01)
    end()
    end()
    feed.publish("mailbox", 1, 2)
    await asyncio.sleep(0.01)
    assert heard == ["one"]


class Node:
    """A hub and members, joined by socket pairs as the supervisor does it."""

    def __init__(self) -> None:
        self.ready: list[int] = []
        self.hub = Hub(self.ready.append, lambda worker, failure: None)
        self.members: list[Member] = []
        self.feeds: list[LocalFeed] = []

    async def add(self) -> Member:
        number = len(self.members)
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
        self.members.append(member)
        self.feeds.append(feed)
        return member

    async def close(self) -> None:
        self.hub.close()
        for member in self.members:
            member._link.close()
        await asyncio.sleep(0.01)


async def test_notices_reach_the_other_workers() -> None:
    """What one worker publishes is heard in all, once each."""
    node = Node()
    for _ in range(3):
        await node.add()
    heard: list[tuple[int, int]] = []
    for number, feed in enumerate(node.feeds):
        feed.subscribe("mailbox", None, lambda topic, key, version, n=number: heard.append((n, key)))
    node.feeds[0].publish("mailbox", 7, 1)
    await asyncio.sleep(0.05)
    assert sorted(heard) == [(0, 7), (1, 7), (2, 7)]
    assert [member.start["number"] for member in node.members] == [0, 1, 2]
    await node.close()


async def test_counts_are_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections and failed sign-ins of a stranger in one worker are known to the others within moments, and
    forgotten with the worker; sessions of all are added up."""
    monkeypatch.setattr("posthouse.cluster.member.TELL_SECONDS", 0.01)
    monkeypatch.setattr("posthouse.cluster.hub.TELL_SECONDS", 0.01)
    node = Node()
    others: dict[int, dict[str, int]] = {}
    for number in range(2):
        member = await node.add()
        member.others = lambda counts, n=number: others.update({n: dict(counts)})
    tasks = [
        asyncio.create_task(member.tell(lambda n=number: {"imap": n + 1}))
        for number, member in enumerate(node.members)
    ]
    heard: list[tuple[str, str, int]] = []
    node.members[1].failures = lambda *failure: heard.append(failure)
    for _ in range(2):
        node.members[0].fail("203.0.113.9", "anna@example.org")
    for _ in range(3):
        node.members[0].count("203.0.113.9", 1)
    node.members[0].count("203.0.113.9", -1)
    await asyncio.sleep(0.1)
    assert others == {0: {}, 1: {"203.0.113.9": 2}}
    assert heard == [("203.0.113.9", "anna@example.org", 2)]
    assert await node.members[1].all_sessions() == {"imap": 3}
    node.hub.remove(0)
    node.hub._tell()
    await asyncio.sleep(0.05)
    assert others[1] == {}
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await node.close()


async def test_a_worker_whose_supervisor_is_gone_stops() -> None:
    """Losing the link is the order to stop."""
    node = Node()
    member = await node.add()
    node.hub.close()
    await asyncio.wait_for(member.stopping.wait(), 1)
    await node.close()


def test_tally_never_goes_below_nothing() -> None:
    """Counts of a worker that is gone do not linger, and stray changes make no negative counts."""
    tally = Tally()
    tally.change(1, {"a": 2, "b": 1})
    tally.change(2, {"a": 1})
    tally.change(2, {"b": -5})
    assert tally.others(2) == {"a": 2}
    assert tally.others(3) == {"a": 3}
    tally.forget(1)
    assert tally.others(3) == {"a": 1}


@pytest.mark.parametrize("frame", [(MAX_FRAME + 1).to_bytes(4, "big"), b"\0\0\0\1\xc1", b"\0\0\0\1\x01"])
async def test_a_frame_that_is_none_ends_the_link(frame: bytes) -> None:
    """Too long, not msgpack, not a list: the link ends instead of guessing."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    lost = asyncio.Event()
    received: list[Message] = []
    await asyncio.get_running_loop().connect_accepted_socket(lambda: Link(received.append, lost.set), ours)
    theirs.sendall(frame)
    await asyncio.wait_for(lost.wait(), 1)
    assert received == []
    theirs.close()
