"""Events and webhooks on every engine: written, spread over the queue, sent, changed, thinned."""

from __future__ import annotations

import time

from posthouse.cluster import events
from posthouse.cluster.events import Fact, of_address
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.deliver import webhook_records as records
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook_spread import spread
from posthouse.queue import view
from posthouse.queue.contract import EVENTS, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

NOW = time.time()
NEW = {
    "url": "https://receiver.example/hook",
    "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "kinds": ["message", "backup.failed"],
    "domain": "",
    "account": "",
    "description": "Überwachung",
    "created_at": NOW,
}


def happen(tx: Transaction) -> None:
    """Two that are wanted, one that is not."""
    facts = [
        of_address("message.received", "jörg@own.example", {"text": "a\0b ü"}),
        Fact("domain.changed", {}, "own.example"),
        Fact("backup.failed", {}),
        of_address("session.failed", "a\0b@own.example", {"login": "a\0b\ud800"}),
    ]
    events.write(tx, facts)


async def test_from_the_event_to_the_receiver(database: Database) -> None:
    """One delivery holds what is wanted; mail's lease passes it over, its own takes it, and it is gone when taken."""
    settings, feed = CurrentSettings(), LocalFeed()
    queue = QueueService(settings, feed)
    await database.run(happen)
    ident = await database.run(rows.add, feed, NEW)
    await database.run(happen)
    later = NOW + 60  # by then no gap in the ids is young
    assert await database.run(spread, queue, ident, 1000.0, later) is False
    assert await database.run(spread, queue, ident, 1000.0, later) is False
    webhook = await database.read(rows.find, ident)
    assert webhook is not None
    assert webhook.seen_event == await database.read(events.newest)
    (delivery,) = await database.read(rows.deliveries, ident, 2**62, 10)
    assert (delivery.events, delivery.state) == (2, rows.WAITING)
    message = QueuedMessage("t", "ab" * 32, 1, "", later)
    mail = await database.run(queue.put, message, [QueuedRecipient("a@own.example", "local")])
    assert await database.read(queue.next_due) == 0.0
    waiting = await database.read(rows.waiting, ident)
    assert await database.read(queue.next_due, waiting) == 0.0
    assert await database.read(queue.next_due, []) is None
    (leased,) = await database.run(queue.lease, later, 10, 60.0, "here/0")
    assert leased.message_id == mail
    (lease,) = await database.run(queue.lease, later, 10, 60.0, "here/w", waiting)
    assert (lease.message.body_type, lease.expires_at) == (EVENTS, later + 1000)
    assert [row[0] for row in await database.read(view.list_bodies)] == [mail]
    assert await database.read(view.oldest) == later
    found = await database.read(lambda tx: tx.execute(records.SELECT_BODY, {"of_queue": lease.message_id}))
    assert "jörg@own.example" in found[0][1]
    await database.run(take, queue, lease, ident)
    assert await database.read(rows.counts, ident) == {rows.TAKEN: 1}
    assert await database.read(rows.waiting, ident) == []


def take(tx: Transaction, queue: QueueService, lease: Lease, ident: int) -> None:
    """The receiver has it."""
    assert queue.settle(tx, lease, "taken")
    tried = {"of_queue": lease.message_id, "new_attempts": 1, "now": NOW, "got": 204, "why": ""}
    tx.change(records.TRIED, tried)
    tx.change(records.ENDED, {"of_queue": lease.message_id, "new_state": rows.TAKEN})
    tx.change(records.TAKEN, {"of_id": ident, "now": NOW, "got": 204})


async def test_switching_off_and_removing(database: Database) -> None:
    """What waits goes with it; troubles are found; old deliveries and events are thinned."""
    settings, feed = CurrentSettings(), LocalFeed()
    queue = QueueService(settings, feed)
    ident = await database.run(rows.add, feed, NEW)
    other = await database.run(rows.add, feed, {**NEW, "kinds": []})
    await database.run(happen)
    for each in (ident, other):
        await database.run(spread, queue, each, 1000.0, NOW + 60)
    webhook = await database.read(rows.find, ident)
    assert webhook is not None
    await database.run(rows.switch_off, webhook, "no answer")
    assert [each.id for each in await database.read(rows.active)] == [other]
    assert [each.id for each in await database.read(rows.troubled)] == [ident]
    assert await database.read(rows.waiting, ident) == []
    assert await database.read(rows.counts, ident) == {rows.DROPPED: 1}
    former = await database.read(rows.find, ident)
    assert former is not None
    await database.run(rows.change, feed, former, {"active": True, "kinds": ("backup",)})
    again = await database.read(rows.find, ident)
    assert again is not None
    assert (again.active, again.off_reason, again.kinds) == (True, "", ("backup",))
    assert again.seen_event == await database.read(events.newest)
    assert await database.run(rows.thin, NOW + 1000, 100) == 1  # the one that waits stays
    await database.run(rows.remove, again)
    assert [each.id for each in await database.read(rows.every)] == [other]
    while await database.run(events.remove_old, time.time() + 1000):
        pass
    assert await database.read(events.newest) == 0
