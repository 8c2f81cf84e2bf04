"""Works off what webhooks are owed, apart from mail: a slow or dead receiver holds up nobody but itself.

Each webhook has its own rows (destination ``webhook:<id>``) and its own small number of requests at a time. Delivery
is at least once: the row is settled after the receiver's answer, so a crash in between repeats the request, with the
same Webhook-Id and the same event ids. One worker of all that share the database does this, whoever has the lease.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable

from posthouse.cluster import events, leases
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.deliver import webhook_records as records
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook import Answered, WebhookSender
from posthouse.deliver.webhook_rows import DROPPED, TAKEN, Webhook
from posthouse.deliver.webhook_spread import spread
from posthouse.observe.log import logger
from posthouse.queue import service
from posthouse.queue.contract import Lease, Queue
from posthouse.queue.schedule import expired, wait_of
from posthouse.settings import webhooks as settings_webhooks
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.webhook")

NAME = "webhooks"
LEASE_SECONDS = 30.0
POLL_SECONDS = 2.0
GATHER_SECONDS = 0.1
"""Events that come this close together are sent together."""
PAUSE_SECONDS = 5.0
STOP_SECONDS = 5.0
LONGEST_WAIT = 86_400.0
"""Of a Retry-After."""


class WebhookWorker:
    """``run`` works until ``stop``; ``owner`` names the worker among all of the database and stays the same over
    restarts."""

    def __init__(
        self,
        *,
        database: Database,
        queue: Queue,
        sender: WebhookSender,
        settings: CurrentSettings,
        feed: Feed,
        owner: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._queue = queue
        self._sender = sender
        self._settings = settings
        self._feed = feed
        self._owner = f"{owner[:240]}/webhooks"
        self._holder = hashlib.sha256(self._owner.encode()).hexdigest()
        self._clock = clock
        self._awake = asyncio.Event()
        self._stopping = False
        self._held_until = 0.0
        self._tasks: dict[asyncio.Task[None], int] = {}
        self._paused: dict[int, float] = {}
        """Webhooks left alone until then, as something of theirs broke."""

    async def run(self) -> None:
        """Work until ``stop``, then let what is under way end."""
        ends = [
            self._feed.subscribe(topic, None, self._notice)
            for topic in (events.TOPIC, service.TOPIC, rows.TOPIC)
        ]
        try:
            while not self._stopping:
                self._awake.clear()
                try:
                    wait = await self._round()
                except DatabaseUnavailable as problem:
                    log.warning("webhooks.unavailable", reason=str(problem))
                    wait = PAUSE_SECONDS
                await self._sleep(wait)
        finally:
            for end in ends:
                end()
            await self._end()

    def stop(self) -> None:
        """End ``run`` soon."""
        self._stopping = True
        self._awake.set()

    # ------------------------------------------------------------------ what is due

    async def _round(self) -> float:
        """Queue new events, start what is due; returns the seconds until there may be more."""
        if not await self._held():
            return PAUSE_SECONDS
        wait = POLL_SECONDS
        newest = await self._database.read(events.newest)
        for webhook in await self._database.read(rows.active):
            try:
                wait = min(wait, await self._work_off(webhook, newest))
            except DatabaseUnavailable:
                raise
            except Exception:  # the others go on, and so does the server
                log.exception("webhook.broke", webhook=webhook.id)
                self._paused[webhook.id] = self._clock() + PAUSE_SECONDS
        return max(wait, 0.0)

    async def _work_off(self, webhook: Webhook, newest: int) -> float:
        """Queue new events for one webhook, start what is due; the seconds until there may be more."""
        if self._paused.get(webhook.id, 0.0) > self._clock():
            return POLL_SECONDS
        self._paused.pop(webhook.id, None)
        lifetime = float(self._settings.now[settings_webhooks.LIFETIME])
        more = newest not in (0, webhook.seen_event)
        while more and await self._held():
            more = await self._database.run(spread, self._queue, webhook.id, lifetime, self._clock())
        return await self._start(webhook)

    async def _held(self) -> bool:
        """Whether the lease is ours; whoever has just got it frees what it held when it died."""
        now = self._clock()
        if now < self._held_until - LEASE_SECONDS / 2:
            return True
        fresh = now >= self._held_until
        if not await self._database.run(leases.take, NAME, self._holder, now, LEASE_SECONDS):
            self._held_until = 0.0
            return False
        if fresh and not self._tasks:
            await self._database.run(self._queue.free, self._owner, now)
        self._held_until = now + LEASE_SECONDS
        return True

    async def _start(self, webhook: Webhook) -> float:
        """Begin what is due for one webhook; the seconds until the next is."""
        busy = sum(1 for each in self._tasks.values() if each == webhook.id)
        free = int(self._settings.now[settings_webhooks.AT_ONCE]) - busy
        if free <= 0:
            return POLL_SECONDS  # a request that ends wakes us
        now = self._clock()
        waiting = await self._database.read(rows.waiting, webhook.id)
        due = await self._database.read(self._queue.next_due, waiting)
        if due is None:
            return POLL_SECONDS
        if due > now:
            return due - now
        seconds = float(self._settings.now[settings_webhooks.TIMEOUT]) + 30.0
        leased = await self._database.run(self._queue.lease, now, free, seconds, self._owner, waiting)
        for lease in leased:
            task = asyncio.create_task(self._deliver(webhook, lease))
            self._tasks[task] = webhook.id
            task.add_done_callback(self._done)
        return POLL_SECONDS

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        self._awake.set()

    # ------------------------------------------------------------------ one delivery

    async def _deliver(self, webhook: Webhook, lease: Lease) -> None:
        try:
            found = await self._database.read(_body, lease.message_id)
            if found is None:
                await self._database.run(self._queue.settle, lease, "dropped: its content is gone")
                return
            delivery, body = found
            ident = f"delivery_{webhook.id}_{delivery}"
            answer = await self._sender.send(webhook.url, webhook.secret, ident, body)
            await self._database.run(self._outcome, webhook.id, lease, answer)
        except DatabaseUnavailable as problem:
            # The row stays leased; when the lease runs out, it is due again.
            log.warning("webhooks.unavailable", reason=str(problem), webhook=webhook.id)
        except Exception:
            log.exception("webhook.broke", webhook=webhook.id, delivery=lease.message.trace)
            try:
                failed = Answered(0, 0.0, "internal error; the server's log has the details")
                await self._database.run(self._outcome, webhook.id, lease, failed)
            except DatabaseUnavailable:
                pass  # as above
        else:
            self._log(webhook, lease, answer)

    def _outcome(self, tx: Transaction, webhook_id: int, lease: Lease, answer: Answered) -> None:
        """Settle the row, and remember with the webhook how it went: one unit."""
        webhook = rows.by_id(tx, webhook_id)
        now = self._clock()
        tried = {
            "of_queue": lease.message_id,
            "new_attempts": lease.attempts,
            "now": now,
            "got": answer.status,
            "why": answer.trouble,
        }
        if webhook is None or not webhook.active:
            return  # what waited was dropped with it
        if answer.taken:
            if self._queue.settle(tx, lease, f"taken ({answer.status})"):
                tx.change(records.TRIED, tried)
                tx.change(records.ENDED, {"of_queue": lease.message_id, "new_state": TAKEN})
                tx.change(records.TAKEN, {"of_id": webhook.id, "now": now, "got": answer.status})
            return
        since = webhook.failing_since or now
        if not self._give_back(tx, lease, answer, now):
            return  # somebody else has it by now
        tx.change(records.TRIED, tried)
        tx.change(
            records.FAILED,
            {"of_id": webhook.id, "now": now, "since": since, "got": answer.status, "why": answer.trouble},
        )
        if not webhook.failing_since:
            about = {"webhook": webhook.id, "place": webhook.place, "reason": answer.trouble}
            events.write(tx, [events.Fact("webhook.failing", about)])
        days = float(self._settings.now[settings_webhooks.DISABLE_AFTER])
        if answer.gone:
            rows.switch_off(tx, webhook, "the receiver answered 410: it wants no more")
        elif days and now - since >= days * 86400:
            rows.switch_off(tx, webhook, f"it took nothing for {days:g} days: {answer.trouble}")

    def _give_back(self, tx: Transaction, lease: Lease, answer: Answered, now: float) -> bool:
        """Try again later, or never; False when the lease was lost."""
        if expired(lease, now):
            note = f"dropped after {lease.attempts} attempts: {answer.trouble}"
            ended = self._queue.settle(tx, lease, note)
            if ended:
                tx.change(records.ENDED, {"of_queue": lease.message_id, "new_state": DROPPED})
            return ended
        wait = wait_of(self._settings.now[settings_webhooks.RETRY_SCHEDULE], lease.attempts)
        wait_for = max(float(wait), min(answer.retry_after, LONGEST_WAIT))
        due_at = min(now + wait_for, max(lease.expires_at, now + 1))
        return self._queue.retry(tx, lease, due_at, answer.trouble)

    def _log(self, webhook: Webhook, lease: Lease, answer: Answered) -> None:
        about = {"webhook": webhook.id, "place": webhook.place, "delivery": lease.message.trace}
        if answer.taken:
            log.debug("webhook.taken", status=answer.status, seconds=round(answer.seconds, 3), **about)
        else:
            log.warning("webhook.failed", reason=answer.trouble, attempts=lease.attempts, **about)

    # ------------------------------------------------------------------ waiting and ending

    async def _sleep(self, seconds: float) -> None:
        if self._stopping or seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._awake.wait(), seconds)
            await asyncio.sleep(GATHER_SECONDS)
        except TimeoutError:
            pass

    async def _end(self) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=STOP_SECONDS)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        try:
            await self._database.run(self._queue.free, self._owner, self._clock())
            await self._database.run(leases.give_back, NAME, self._holder)
        except DatabaseUnavailable:
            pass  # leases run out by themselves

    def _notice(self, topic: str, key: int, version: int) -> None:
        self._awake.set()


def _body(tx: Transaction, queue_id: int) -> tuple[int, bytes] | None:
    found = tx.execute(records.SELECT_BODY, {"of_queue": queue_id})
    return (int(found[0][0]), found[0][1].encode()) if found else None
