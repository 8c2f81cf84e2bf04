"""The change feed to webhooks and live views."""

from __future__ import annotations

import time

from posthouse.cluster import events
from posthouse.cluster.leases import PeriodicJob
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook import Answered, WebhookSender
from posthouse.deliver.webhook_rows import Webhook
from posthouse.deliver.webhook_spread import body_of
from posthouse.deliver.webhook_worker import WebhookWorker
from posthouse.server.built import Built
from posthouse.settings import events as settings_events

THIN_SECONDS = 3600.0


async def attach(built: Built) -> None:
    """Tell the feed of new events and write the gathered ones; in the first worker, work off the webhooks."""
    feed = built.feed

    def told() -> None:
        feed.publish(events.TOPIC, 0, time.time_ns())

    def silent() -> None:
        if events.told is told:
            events.told = None

    events.told = told
    built.stack.callback(silent)
    built.jobs.start(events.gathered.run(built.database), "events")
    if not built.first:
        return
    sender = WebhookSender(built.settings)
    built.context.webhooks = Tester(sender)
    worker = WebhookWorker(
        database=built.database,
        queue=built.queue,
        sender=sender,
        settings=built.settings,
        feed=feed,
        owner=built.owner,
    )
    built.jobs.start(worker.run(), "webhooks", end=worker.stop)
    thinning = PeriodicJob(
        built.database, "events.thin", lambda: THIN_SECONDS, lambda: _thin(built), holder=built.owner
    )
    built.jobs.start(thinning.run(), "events.thin")


async def _thin(built: Built) -> None:
    """Remove events and deliveries that are too old, in small units."""
    before = time.time() - built.settings.now[settings_events.KEEP_DAYS] * 86400.0
    while await built.database.run(events.remove_old, before):
        pass
    while await built.database.run(rows.thin, before, events.CHUNK):
        pass


class Tester:
    """A :class:`posthouse.manage.webhooks.WebhookTester`."""

    def __init__(self, sender: WebhookSender) -> None:
        self._sender = sender

    async def test(self, webhook: Webhook) -> Answered:
        """Send the event ``webhook.test``, with the id 0: it is in no list."""
        now = time.time()
        text = f"A test of webhook {webhook.id}"
        event = events.Event(0, now, "webhook.test", webhook.domain, webhook.account, {"text": text})
        ident = f"test_{webhook.id}_{int(now * 1000)}"
        return await self._sender.send(
            webhook.url, webhook.secret, ident, body_of(webhook.id, [event], now, "test")
        )
