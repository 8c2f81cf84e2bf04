"""The queue and the traces, the same on every engine."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
import pytest_asyncio

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.queue import traces, view
from posthouse.queue.contract import Lease, Queue, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.queue.traces import TraceRow
from posthouse.settings.contract import CurrentSettings

BODY = "ab" * 32
MESSAGE = QueuedMessage(
    trace="t1",
    body=BODY,
    size=4321,
    sender="jörg@elsewhere.test",
    received_at=1000.25,
    ret="HDRS",
    envid="id+2B1",
    smtputf8=True,
    body_type="8BITMIME",
    priority=3,
)
NOW = 2000.5


def _recipient(name: str, due_at: float = 0.0) -> QueuedRecipient:
    return QueuedRecipient(
        recipient=f"{name}@ours.test",
        destination="local",
        account_id=7,
        notify="DELAY,FAILURE",
        orcpt="rfc822;x@y",
        due_at=due_at,
        reason="first reason",
    )


@pytest_asyncio.fixture
async def feed() -> LocalFeed:
    return LocalFeed()


async def _put(database: Database, queue: Queue, *names: str, due_at: float = 0.0) -> int:
    return await database.run(queue.put, MESSAGE, [_recipient(name, due_at) for name in names])


async def _lease(database: Database, queue: Queue, now: float = NOW, limit: int = 10) -> list[Lease]:
    return await database.run(queue.lease, now, limit, 60.0, "host/1")


async def test_what_was_put_is_leased_unchanged(database: Database, feed: LocalFeed) -> None:
    """Every field of message and recipient comes back with the lease."""
    queue: Queue = QueueService(CurrentSettings(), feed)
    told: list[int] = []
    feed.subscribe("queue", None, lambda topic, key, number: told.append(number))
    queue_id = await _put(database, queue, "alice", "bob")
    leases = await _lease(database, queue)
    assert [lease.recipient.recipient for lease in leases] == ["alice@ours.test", "bob@ours.test"]
    lease = leases[0]
    assert lease.message == MESSAGE
    assert lease.message_id == queue_id
    assert replace(lease.recipient, due_at=0.0) == _recipient("alice")
    assert (lease.attempts, lease.lease_until) == (1, NOW + 60)
    assert lease.expires_at == MESSAGE.received_at + 432000
    await asyncio.sleep(0.01)
    assert told == [queue_id]


async def test_leases_come_oldest_due_first_and_only_when_due(database: Database, feed: LocalFeed) -> None:
    """Order is by due time, and the future is left alone."""
    queue = QueueService(CurrentSettings(), feed)
    assert await database.read(queue.next_due) is None
    for name, due_at in (("c", 30.0), ("a", 10.0), ("later", NOW + 0.5), ("b", 20.0)):
        await _put(database, queue, name, due_at=due_at)
    assert await database.read(queue.next_due) == 10.0
    first = await _lease(database, queue, limit=2)
    assert [lease.recipient.recipient[0] for lease in first] == ["a", "b"]
    assert [lease.recipient.recipient[0] for lease in await _lease(database, queue)] == ["c"]
    assert await _lease(database, queue) == []
    assert await database.read(queue.next_due) == NOW + 0.5


async def test_a_row_is_never_leased_twice_at_once(database: Database, feed: LocalFeed) -> None:
    """Workers that lease at the same moment share the rows among them."""
    queue = QueueService(CurrentSettings(), feed)
    for n in range(4):
        await _put(database, queue, *(f"r{n}-{m}" for m in range(10)))
    batches = await asyncio.gather(*(database.run(queue.lease, NOW, 15, 60.0, f"host/{n}") for n in range(6)))
    ids = [lease.id for batch in batches for lease in batch]
    assert len(ids) == len(set(ids))
    while more := await _lease(database, queue):
        ids.extend(lease.id for lease in more)
    assert len(ids) == len(set(ids)) == 40


async def test_an_expired_lease_is_free_again_and_the_first_holder_has_lost_it(
    database: Database, feed: LocalFeed
) -> None:
    """Settling, retrying and holding with a lost lease change nothing."""
    queue = QueueService(CurrentSettings(), feed)
    await _put(database, queue, "alice")
    (first,) = await _lease(database, queue)
    assert await _lease(database, queue, NOW + 59.9) == []
    (second,) = await _lease(database, queue, NOW + 60)
    assert (second.id, second.attempts) == (first.id, 2)
    assert second.lease_token != first.lease_token
    assert not await database.run(queue.settle, first, "late")
    assert not await database.run(queue.retry, first, NOW, "late")
    assert not await database.run(queue.hold, first, "late")
    assert await database.run(queue.settle, second, "delivered")
    assert not await database.run(queue.settle, second, "again")


async def test_the_message_goes_with_its_last_recipient(database: Database, feed: LocalFeed) -> None:
    """Until then its body is referred to; when both last ones are settled at once, it goes as well."""
    queue = QueueService(CurrentSettings(), feed)
    queue_id = await _put(database, queue, "alice", "bob", "carol")
    first, second, third = await _lease(database, queue)
    assert await database.read(queue.refers, BODY)
    assert not await database.read(queue.refers, "cd" * 32)
    assert await database.run(queue.settle, first, "done")
    assert await database.read(queue.refers, BODY)
    done = await asyncio.gather(
        database.run(queue.settle, second, "done"), database.run(queue.settle, third, "done")
    )
    assert done == [True, True]
    assert not await database.read(queue.refers, BODY)
    assert await database.read(view.show_queue, queue_id) is None


async def test_a_settle_that_is_rolled_back_leaves_the_row_leased(
    database: Database, feed: LocalFeed
) -> None:
    """Delivery and settling are one unit: if the unit fails, the row is still owed."""
    queue = QueueService(CurrentSettings(), feed)
    await _put(database, queue, "alice")
    (lease,) = await _lease(database, queue)

    def fails(tx: Transaction) -> None:
        assert queue.settle(tx, lease, "delivered")
        raise RuntimeError("disk gone")

    with pytest.raises(RuntimeError):
        await database.run(fails)
    assert len(await _lease(database, queue, NOW + 60)) == 1


async def test_retry_and_hold(database: Database, feed: LocalFeed) -> None:
    """A retried row is due later with its reason; a held one is not due at all."""
    queue = QueueService(CurrentSettings(), feed)
    await _put(database, queue, "alice")
    (lease,) = await _lease(database, queue)
    assert await database.run(queue.retry, lease, NOW + 300, "mailbox away ✉")
    assert await _lease(database, queue, NOW + 299) == []
    (lease,) = await _lease(database, queue, NOW + 300)
    assert lease.recipient.reason == "mailbox away ✉"
    assert await database.run(queue.hold, lease, "given up")
    assert await _lease(database, queue, NOW + 10**9) == []
    assert await database.read(queue.next_due) is None


async def test_a_worker_that_comes_back_frees_its_own_leases_only(
    database: Database, feed: LocalFeed
) -> None:
    """After a crash nothing of this worker waits for the lease to run out."""
    queue = QueueService(CurrentSettings(), feed)
    await _put(database, queue, "alice", "bob")
    await database.run(queue.lease, NOW, 1, 60.0, "host/1")
    await database.run(queue.lease, NOW, 1, 60.0, "host/11")
    assert await database.run(queue.free, "host/1", NOW + 1) == 1
    (lease,) = await _lease(database, queue, NOW + 1)
    assert lease.recipient.recipient == "alice@ours.test"


async def test_administrators_see_what_is_owed(database: Database, feed: LocalFeed) -> None:
    """The list sums up each message; showing one names each recipient with its reason."""
    queue = QueueService(CurrentSettings(), feed)
    first = await _put(database, queue, "alice", "bob")
    second = await _put(database, queue, "carol", due_at=NOW + 9)
    lease, other = await _lease(database, queue)
    await database.run(queue.hold, lease, "no such mailbox")
    lines = await database.read(view.list_queue)
    assert [(line.id, line.recipients, line.held, line.attempts) for line in lines] == [
        (first, 2, 1, 1),
        (second, 1, 0, 0),
    ]
    assert (lines[1].due_at, lines[1].sender, lines[1].size) == (NOW + 9, MESSAGE.sender, 4321)
    assert await database.read(view.list_queue, first) == lines[1:]
    detail = await database.read(view.show_queue, first)
    assert detail is not None
    assert detail.message == MESSAGE
    alice, bob = detail.recipients
    assert (alice.held, alice.reason, alice.leased_until) == (True, "no such mailbox", 0.0)
    assert (bob.held, bob.leased_until) == (False, other.lease_until)


async def test_the_trace_tells_the_whole_story(database: Database, feed: LocalFeed) -> None:
    """By trace id in order, found by queue id, by message and by Message-ID."""
    queue = QueueService(CurrentSettings(), feed)
    header = "<häder-1@elsewhere.test>"
    accepted = TraceRow("t1", 1.5, [("connect", "192.0.2.1"), ("accept", "ok ✓ \0")], 0, 41, header)
    await database.run(traces.write, [accepted, TraceRow("t2", 1.6, [("accept", "other")])])
    queue_id = await _put(database, queue, "alice")
    (lease,) = await _lease(database, queue)
    await database.run(queue.retry, lease, NOW, "busy")
    (lease,) = await _lease(database, queue)
    await database.run(queue.settle, lease, "delivered", 42)
    story = await database.read(traces.read, "t1")
    assert [(entry.stage, entry.text) for entry in story] == [
        ("connect", "192.0.2.1"),
        ("accept", "ok ✓ \ufffd"),
        ("deliver", "<alice@ours.test> not delivered yet: busy"),
        ("deliver", "<alice@ours.test> delivered"),
    ]
    assert (story[0].at, story[0].message_id, story[0].header_id) == (1.5, 41, header)
    assert story[2].queue_id == story[3].queue_id == queue_id
    assert await database.read(traces.of_message, 41) == ["t1"]
    assert await database.read(traces.of_message, 42) == ["t1"]
    assert await database.read(traces.of_header, header) == ["t1"]
    assert await database.read(traces.of_header, header.upper()) == []


async def test_traces_are_found_by_address(database: Database) -> None:
    """As sender or recipient, in any case, never as part of another address; within the rows asked for, the
    newest first."""
    texts = {
        "t1": "<Anna@Ours.test> delivered to INBOX",
        "t2": "joanna@ours.test: 550",
        "t3": "anna@ours.test.example",
        "t4": "12 bytes from <anna@ours.test> over ESMTP",
        "t5": 'a_b@ours.test and "o\\"x"@ours.test',
        "t6": "axb@ours.test",
        "t7": "<grüße@ours.test> delivered",
    }
    await database.run(traces.write, [TraceRow(name, 1.0, [("x", text)]) for name, text in texts.items()])
    last = await database.read(traces.newest)
    for address, expected in (
        ("anna@ours.test", ["t4", "t1"]),
        ("ANNA@ours.test", ["t4", "t1"]),
        ("a_b@ours.test", ["t5"]),
        ('"o\\"x"@ours.test', ["t5"]),
        ("grüße@ours.test", ["t7"]),
        ("%@ours.test", []),
    ):
        assert await database.read(traces.of_address, address, last, 100) == expected, address
    assert await database.read(traces.of_address, "anna@ours.test", last, 5) == ["t4"]
    assert await database.read(traces.of_address, "anna@ours.test", last - 4, 100) == ["t1"]


async def test_old_traces_go_in_small_steps(database: Database) -> None:
    """Only what is older, and never more than asked for."""
    rows = [TraceRow(f"t{n}", float(n), [("accept", "x")]) for n in range(10)]
    await database.run(traces.write, rows)
    assert await database.run(traces.remove_old, 7.0, 5) == 5
    assert await database.run(traces.remove_old, 7.0, 5) == 2
    assert await database.run(traces.remove_old, 7.0, 5) == 0
    assert await database.read(traces.read, "t6") == []
    assert len(await database.read(traces.read, "t7")) == 1
