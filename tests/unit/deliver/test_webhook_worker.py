"""From events to requests: each event once in the queue, each webhook at its own pace, nothing without end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest
import pytest_asyncio
from sqlalchemy.sql import Executable

from posthouse.cluster import events
from posthouse.cluster.events import Fact
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.database.sqlite import SqliteTransaction
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver import webhook_spread, webhook_worker
from posthouse.deliver.contract import unnoticed
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.results import Feedback, Result
from posthouse.deliver.webhook import Answered, WebhookSender
from posthouse.deliver.webhook_rows import Delivery, Webhook
from posthouse.deliver.webhook_worker import WebhookWorker
from posthouse.queue import records as queue_records
from posthouse.queue import traces, view
from posthouse.queue.contract import Lease, Queue, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings, Settings

DAY = 86_400.0
OWN = "own.example"


@dataclass
class Sent:
    """One request that was asked for."""

    url: str
    ident: str
    body: bytes

    @property
    def ids(self) -> list[int]:
        """The events in it."""
        return [event["id"] for event in msgspec.json.decode(self.body)["events"]]


class Network(WebhookSender):
    """In place of the network. ``answer`` says what the receiver of a URL answers; one in ``silent`` never does."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []
        self.answer: Callable[[str], Answered] = lambda url: Answered(204, 0.1)
        self.silent: set[str] = set()
        self.at_once = self.most_at_once = 0

    async def send(self, url: str, secret: str, ident: str, body: bytes) -> Answered:
        self.sent.append(Sent(url, ident, body))
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if url in self.silent:
                await asyncio.Event().wait()
            await asyncio.sleep(0)
            return self.answer(url)
        finally:
            self.at_once -= 1


@dataclass
class Scene:
    database: Database
    feed: LocalFeed
    settings: CurrentSettings
    queue: QueueService
    network: Network
    now: float = 1_800_000_000.0
    tasks: list[tuple[WebhookWorker, asyncio.Task[None]]] = field(default_factory=list)

    def worker(self, owner: str = "here/0") -> WebhookWorker:
        """A worker with the scene's clock."""
        return WebhookWorker(
            database=self.database,
            queue=self.queue,
            sender=self.network,
            settings=self.settings,
            feed=self.feed,
            owner=owner,
            clock=lambda: self.now,
        )

    def start(self) -> WebhookWorker:
        """One that runs until the end of the test."""
        made = self.worker()
        self.tasks.append((made, asyncio.create_task(made.run())))
        return made

    def set(self, **values: object) -> None:
        """Change settings of webhooks."""
        self.settings.now = self.settings.now.over(
            {f"webhooks.{name}": each for name, each in values.items()}
        )

    async def add(self, url: str = "https://one.example/", **values: object) -> int:
        """Make a webhook."""
        given: dict[str, Any] = {
            "url": url,
            "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "kinds": [],
            "domain": "",
            "account": "",
            "description": "",
            "created_at": self.now,
        }
        return await self.database.run(rows.add, self.feed, {**given, **values})

    async def happen(self, count: int = 1, kind: str = "message.received", domain: str = OWN) -> None:
        """Write events."""
        for _ in range(count):
            await self.database.run(events.write, [Fact(kind, {}, domain)])
        self.feed.publish(events.TOPIC, 0, 1)

    async def until(self, true: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not true():
                await asyncio.sleep(0.01)

    async def webhook(self, ident: int) -> Webhook:
        found = await self.database.read(rows.find, ident)
        assert found is not None
        return found

    async def newest(self, ident: int) -> Delivery:
        """The delivery made last."""
        return (await self.database.read(rows.deliveries, ident, 2**62, 1))[0]

    async def untold(self, ident: int, **facts: object) -> None:
        """Wait until the newest delivery is as named."""
        async with asyncio.timeout(20):
            while True:
                found = await self.database.read(rows.deliveries, ident, 2**62, 1)
                if found and all(getattr(found[0], name) == value for name, value in facts.items()):
                    return
                await asyncio.sleep(0.01)

    async def waiting(self) -> int:
        return (await self.database.read(view.count_queue))[1]

    async def kinds(self) -> list[str]:
        """Of all events there are."""
        found = await self.database.read(events.read_after, 0, 500, self.now)
        return [event.kind for event in found]


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    feed = LocalFeed()
    settings = CurrentSettings(Settings({"webhooks.retry_schedule": "10 60"}))
    made = Scene(sqlite_database, feed, settings, QueueService(settings, feed), Network())
    yield made
    for worker, task in made.tasks:
        worker.stop()
        for delivery in list(worker._tasks):
            delivery.cancel()
        await asyncio.wait_for(task, 10)


async def test_each_event_is_sent_once_in_its_order(scene: Scene) -> None:
    """In batches; the rows are gone afterwards, the deliveries tell of it."""
    one = await scene.add()
    scene.start()
    await scene.happen(webhook_spread.TOGETHER + 30)
    await scene.until(
        lambda: sum(len(each.ids) for each in scene.network.sent) == webhook_spread.TOGETHER + 30
    )
    every = [ident for each in scene.network.sent for ident in each.ids]
    assert every == list(range(1, len(every) + 1))
    assert len({each.ident for each in scene.network.sent}) == len(scene.network.sent)
    assert "." not in "".join(
        each.ident for each in scene.network.sent
    )  # it stands between dots when it is signed
    await scene.untold(one, state="taken", attempts=1, status=204)
    assert await scene.waiting() == 0
    assert scene.network.most_at_once == 1
    delivery = await scene.newest(one)
    trace = f"webhook-{one}-{delivery.id}"
    (entry,) = await scene.database.read(traces.read, trace)
    assert entry.text == f"<webhook {one} at https://one.example> taken (204)"
    assert set(await scene.kinds()) == {"message.received"}  # a delivery of events is no event


async def test_what_a_webhook_wants(scene: Scene) -> None:
    """Kinds, domain and account narrow it; nothing from before it was made."""
    await scene.happen(3)
    await scene.add("https://mail.example/", kinds=["message"])
    await scene.add("https://own.example/", domain=OWN)
    await scene.add("https://anna.example/", account="anna@own.example")
    scene.start()
    await scene.happen(1, "message.held", "other.example")
    await scene.happen(1, "messages.odd", OWN)
    await scene.database.run(events.write, [events.of_address("session.failed", "anna@own.example", {})])
    await scene.happen(1, "message.queued", "last.example")
    wanted = {"https://mail.example/": [4, 7], "https://own.example/": [5, 6], "https://anna.example/": [6]}

    def got() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for each in scene.network.sent:
            found.setdefault(each.url, []).extend(each.ids)
        return found

    await scene.until(lambda: got() == wanted)


async def test_a_crash_at_any_point_loses_nothing(scene: Scene) -> None:
    """A worker that dies with the request under way: the next one sends the same again, to the byte."""
    await scene.add()
    scene.network.silent = {"https://one.example/"}
    dead = scene.worker()
    task = asyncio.create_task(dead.run())
    await scene.happen(2)
    await scene.until(lambda: scene.network.sent)
    task.cancel()
    dead._end = asyncio.sleep  # type: ignore[method-assign, assignment]  # kill -9 gives nothing back
    for delivery in list(dead._tasks):
        delivery.cancel()
    await asyncio.gather(task, return_exceptions=True)
    scene.network.silent = set()
    scene.start()  # the same name: it takes lease and rows at once
    await scene.until(lambda: len(scene.network.sent) > 1)
    first, again = scene.network.sent[:2]
    assert (first.ident, first.body) == (again.ident, again.body)


async def test_failures_are_repeated_by_the_schedule(scene: Scene) -> None:
    """The wait grows, a Retry-After counts where it is longer, and a success forgets it all."""
    one = await scene.add()
    scene.network.answer = lambda url: Answered(500, 0.1, "the receiver answers 500")
    scene.start()
    await scene.happen()
    began = scene.now
    await scene.untold(one, attempts=1)
    (row,) = await due(scene)
    assert row == began + 10
    about = await scene.webhook(one)
    assert (about.status, about.trouble, about.failing_since) == (500, "the receiver answers 500", began)
    assert await scene.kinds() == ["message.received", "webhook.failing"]
    scene.network.answer = lambda url: Answered(503, 0.1, "the receiver answers 503", 300.0)
    scene.now += 10
    scene.feed.publish("queue", 0, 1)
    await scene.untold(one, attempts=1, status=503)  # the event webhook.failing, in a delivery of its own
    first = (await scene.database.read(rows.deliveries, one, 2**62, 2))[1]
    await scene.until(lambda: len(scene.network.sent) == 3)
    assert max(await due(scene)) == began + 310
    scene.network.answer = lambda url: Answered(200, 0.1)
    scene.now += 400
    scene.feed.publish("queue", 0, 2)
    await scene.untold(one, state="taken")
    async with asyncio.timeout(20):
        while await scene.waiting():
            await asyncio.sleep(0.01)
    about = await scene.webhook(one)
    assert (about.status, about.trouble, about.failing_since, about.taken_at) == (200, "", 0.0, scene.now)
    assert (await scene.database.read(rows.counts, one)) == {"taken": 2}
    assert first.first_event == 1


async def due(scene: Scene) -> list[float]:
    """When the rows of webhooks are due, once no request is under way."""
    async with asyncio.timeout(20):
        while True:
            lines = await scene.database.read(view.list_queue)
            details = [await scene.database.read(view.show_queue, line.id) for line in lines]
            found = [row for detail in details if detail is not None for row in detail.recipients]
            if found and all(row.leased_until == 0.0 for row in found):
                return [row.due_at for row in found]
            await asyncio.sleep(0.01)


async def test_what_is_too_old_is_dropped_and_said(scene: Scene) -> None:
    """The trace tells it, the webhook is marked, and mail is not held up by it."""
    scene.set(lifetime=100)
    one = await scene.add(kinds=["message"])
    scene.network.answer = lambda url: Answered(0, 0.1, "nobody is there")
    scene.start()
    await scene.happen()
    await scene.untold(one, attempts=1)
    scene.now += 5000
    scene.feed.publish("queue", 0, 1)
    await scene.untold(one, state="dropped", attempts=2)
    assert await scene.waiting() == 0
    delivery = await scene.newest(one)
    story = await scene.database.read(traces.read, f"webhook-{one}-{delivery.id}")
    assert story[-1].text.endswith("dropped after 2 attempts: nobody is there")
    assert (await scene.webhook(one)).failing_since > 0


async def test_a_receiver_that_wants_no_more_and_one_that_is_gone_for_days(scene: Scene) -> None:
    """Both are switched off with a reason and an event, and what waits for them goes."""
    one = await scene.add(kinds=["message"])
    two = await scene.add("https://two.example/", kinds=["message"])
    scene.network.answer = lambda url: Answered(410 if "one" in url else 0, 0.1, f"no from {url}")
    scene.start()
    await scene.happen()
    await scene.untold(two, attempts=1)
    await scene.untold(one, state="dropped", status=410)
    scene.now += 6 * DAY
    scene.feed.publish("queue", 0, 1)
    await scene.untold(two, state="dropped")
    reasons = [(await scene.webhook(each)).off_reason for each in (one, two)]
    assert reasons == [
        "the receiver answered 410: it wants no more",
        "it took nothing for 5 days: no from https://two.example/",
    ]
    assert await scene.waiting() == 0
    assert (await scene.kinds()).count("webhook.disabled") == 2
    assert [each.id for each in await scene.database.read(rows.troubled)] == [one, two]
    # Switched on again, it is told what happens from now on.
    scene.network.answer = lambda url: Answered(204, 0.1)
    scene.network.sent.clear()
    former = await scene.webhook(one)
    await scene.database.run(rows.change, scene.feed, former, {"active": True})
    await scene.happen()
    await scene.until(lambda: scene.network.sent)
    assert scene.network.sent[0].ids == [await scene.database.read(events.newest)]
    assert (await scene.webhook(one)).off_reason == ""


async def test_a_dead_receiver_fills_no_queue_and_holds_up_nobody(scene: Scene) -> None:
    """Another webhook and mail go on; what does not fit stays with the events and comes when there is room."""
    await scene.add(kinds=["message"])
    await scene.add("https://two.example/", kinds=["message"])
    scene.network.silent = {"https://one.example/"}
    scene.start()
    total = (webhook_spread.MOST_WAITING + 5) * webhook_spread.TOGETHER

    def many(tx: Transaction) -> None:
        events.write(tx, [Fact("message.received", {})] * 250)

    for _ in range(total // 250):
        await scene.database.run(many)
    scene.feed.publish(events.TOPIC, 0, 1)

    def got(url: str) -> list[int]:
        return [ident for each in scene.network.sent if each.url == url for ident in each.ids]

    await scene.until(lambda: len(got("https://two.example/")) == total)
    assert got("https://two.example/") == list(range(1, total + 1))
    assert len(got("https://one.example/")) == webhook_spread.TOGETHER
    async with asyncio.timeout(5):
        while await scene.waiting() != webhook_spread.MOST_WAITING:  # the last answer is written down
            await asyncio.sleep(0.02)
    delivered: list[str] = []

    class Local:
        async def deliver(
            self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed
        ) -> Feedback:
            for lease in leases:
                delivered.append(lease.recipient.recipient)
                await scene.database.run(scene.queue.settle, lease, "delivered")
            return Feedback(well=True)

        async def settle(self, results: Sequence[Result], *, tries: int = 0, minutes: int = 0) -> None:
            raise AssertionError(results)

    local = Local()
    mail = Dispatcher(
        database=scene.database,
        queue=scene.queue,
        deliverers={"local": local},
        settlement=local,
        settings=scene.settings,
        feed=scene.feed,
        owner="here/0",
        clock=lambda: scene.now,
    )
    running = asyncio.create_task(mail.run())
    message = QueuedMessage("t", "ab" * 32, 1, "", scene.now)
    await scene.database.run(scene.queue.put, message, [QueuedRecipient("anna@own.example", "local")])
    await scene.until(lambda: delivered)
    mail.stop()
    await asyncio.wait_for(running, 10)
    assert delivered == ["anna@own.example"]


async def test_events_that_were_thinned_are_counted_as_missed(scene: Scene) -> None:
    """The receiver was away for longer than events are kept."""
    await scene.happen()
    one = await scene.add()
    await scene.happen(300)
    await scene.database.run(events.remove_old, scene.now + 1e9)
    scene.start()
    await scene.until(lambda: scene.network.sent)
    await scene.untold(one, state="taken")
    assert scene.network.sent[0].ids[0] == 201
    assert (await scene.webhook(one)).missed == 199


async def test_a_mark_of_another_database(scene: Scene) -> None:
    """After a restore the ids may be lower than the mark: what there is is sent, and nothing waits for ever."""
    one = await scene.add()
    await scene.database.run(lambda tx: tx.change(rows.records.SEEN, {"of_id": one, "seen": 5000, "lost": 0}))
    scene.start()
    await scene.happen(2)
    await scene.until(lambda: [ident for each in scene.network.sent for ident in each.ids] == [1, 2])


async def test_rows_taken_out_of_the_queue_take_up_no_room(scene: Scene) -> None:
    """Somebody emptied the queue: their deliveries are dropped, and new events are sent."""
    one = await scene.add(kinds=["message"])
    scene.set(lifetime=1000)
    facts = [Fact("message.received", {})] * webhook_spread.LOOKED_AT
    for _ in range(webhook_spread.MOST_WAITING * webhook_spread.TOGETHER // len(facts)):
        await scene.database.run(events.write, facts)
        await scene.database.run(webhook_spread.spread, scene.queue, one, 1000.0, scene.now)
    gone = await scene.database.read(rows.waiting, one)
    assert len(gone) == webhook_spread.MOST_WAITING
    assert await scene.database.run(webhook_spread.spread, scene.queue, one, 1000.0, scene.now) is False
    await scene.database.run(view.drop, gone)
    await scene.happen()
    scene.start()
    last = webhook_spread.MOST_WAITING * webhook_spread.TOGETHER + 1
    await scene.until(lambda: [each.ids for each in scene.network.sent] == [[last]])
    await scene.untold(one, state="taken")
    assert await scene.database.read(rows.counts, one) == {"dropped": len(gone), "taken": 1}


async def test_what_waits_is_found_without_a_look_at_the_mail(scene: Scene) -> None:
    """However much mail is queued: by indexes of their own."""
    wanted: dict[str, tuple[Executable, dict[str, Any]]] = {
        "ix_queue_recipients_message_id": (queue_records.SELECT_OF, {"messages": list(range(50))}),
        "ix_webhook_deliveries_webhook_id_state": (rows.records.SELECT_WAITING, {"of_webhook": 1}),
    }
    for index, (statement, values) in wanted.items():
        plan = await scene.database.read(plan_of, statement, values)
        assert index in plan
        assert "SCAN" not in plan


def plan_of(tx: Transaction, statement: Executable, values: dict[str, Any]) -> str:
    """How SQLite would go about a statement."""
    assert isinstance(tx, SqliteTransaction)
    text, given = tx._statements.get(statement, values).ready(values)
    return str(tx._connection.execute(f"EXPLAIN QUERY PLAN {text}", given).fetchall())


async def test_one_webhook_that_breaks_the_server_breaks_nothing_else(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone for a while; the others are served, and the job goes on."""
    one = await scene.add()
    await scene.add("https://two.example/")
    broken = {one}

    def spread(tx: Transaction, queue: Queue, webhook_id: int, lifetime: float, now: float) -> bool:
        if webhook_id in broken:
            raise ValueError("an event that cannot be read")
        return webhook_spread.spread(tx, queue, webhook_id, lifetime, now)

    monkeypatch.setattr(webhook_worker, "spread", spread)
    scene.start()
    await scene.happen()
    await scene.until(lambda: scene.network.sent)
    assert [each.url for each in scene.network.sent] == ["https://two.example/"]
    broken.clear()
    scene.now += webhook_worker.PAUSE_SECONDS
    await scene.happen()
    await scene.until(
        lambda: [each.ids for each in scene.network.sent if each.url == "https://one.example/"] == [[1, 2]]
    )


async def test_only_the_servers_administrators_hear_of_webhooks(scene: Scene) -> None:
    """One that tells of a domain is not that domain's: where it leads, and why that fails, is the server's."""
    await scene.add("http://secret.internal:8080/", domain=OWN)
    scene.network.answer = lambda url: Answered(410, 0.1, "10.0.0.7 answers 410")
    scene.start()
    await scene.happen()
    async with asyncio.timeout(20):
        while "webhook.disabled" not in await scene.kinds():
            await asyncio.sleep(0.01)
    told = await scene.database.read(events.read_after, 0, 500, scene.now)
    assert {event.kind for event in told if not event.domain} == {"webhook.failing", "webhook.disabled"}


async def test_only_one_worker_of_all_sends(scene: Scene) -> None:
    """Whoever has the lease; the other takes over when it ends."""
    await scene.add()
    first, second = scene.worker("a/0"), scene.worker("b/0")
    tasks = [asyncio.create_task(first.run())]
    await scene.happen()
    await scene.until(lambda: len(scene.network.sent) == 1)
    assert await second._round() > 1
    first.stop()
    await asyncio.wait_for(tasks[0], 10)
    await scene.happen()
    await second._round()
    await scene.until(lambda: len(scene.network.sent) == 2)
    await second._end()
