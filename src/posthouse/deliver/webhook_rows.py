"""Webhooks as values, and the units that keep them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from posthouse.cluster import events
from posthouse.cluster.contract import Feed
from posthouse.cluster.events import Event, Fact
from posthouse.database.contract import Row, Transaction
from posthouse.deliver import webhook_records as records
from posthouse.queue import view
from posthouse.queue.contract import WEBHOOK

TOPIC = "webhooks"
"""The feed's topic: webhooks were made or changed."""

MOST_WEBHOOKS = 100
WAITING, TAKEN, DROPPED = "waiting", "taken", "dropped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A webhook; see ``webhook_records.webhooks``."""

    id: int
    url: str
    secret: str
    kinds: tuple[str, ...]
    domain: str
    account: str
    description: str
    created_at: float
    active: bool
    off_reason: str
    seen_event: int
    missed: int
    tried_at: float
    taken_at: float
    failing_since: float
    status: int
    trouble: str

    def __repr__(self) -> str:
        return f"Webhook(id={self.id}, place={self.place!r})"

    @property
    def destination(self) -> str:
        """What its queue rows carry."""
        return f"{WEBHOOK}{self.id}"

    @property
    def place(self) -> str:
        """Where it leads, for logs and traces: paths and queries often hold secrets of the receiver."""
        return place_of(self.url)

    def wants(self, event: Event) -> bool:
        """Whether it is told of this event."""
        return (
            (not self.kinds or fits(event.kind, self.kinds))
            and self.domain in ("", event.domain)
            and self.account in ("", event.account)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery; see ``webhook_records.webhook_deliveries``."""

    id: int
    webhook_id: int
    queue_id: int
    created_at: float
    first_event: int
    last_event: int
    events: int
    state: str
    attempts: int
    tried_at: float
    status: int
    trouble: str


def fits(kind: str, wanted: Sequence[str]) -> bool:
    """Whether a kind is one of these or below one of them: ``message`` takes ``message.received``, and so does
    ``message.``."""
    return any(kind == each or kind.startswith(each if each.endswith(".") else f"{each}.") for each in wanted)


def place_of(url: str) -> str:
    """Scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def webhook_of(row: Row) -> Webhook:
    """A webhook from its row."""
    values: dict[str, Any] = dict(zip(records.webhooks.columns.keys(), row, strict=True))
    values["active"] = bool(values["active"])
    values["kinds"] = tuple(values["kinds"].split())
    return Webhook(**values)


def every(tx: Transaction) -> list[Webhook]:
    """All webhooks, oldest first."""
    return [webhook_of(row) for row in tx.execute(records.SELECT_WEBHOOKS)]


def active(tx: Transaction) -> list[Webhook]:
    """Those that are switched on."""
    return [webhook_of(row) for row in tx.execute(records.SELECT_ACTIVE)]


def troubled(tx: Transaction) -> list[Webhook]:
    """Those that fail, or that the server has switched off."""
    return [webhook_of(row) for row in tx.execute(records.SELECT_TROUBLED)]


def find(tx: Transaction, webhook_id: int) -> Webhook | None:
    """One webhook, to look at."""
    rows = tx.execute(records.SELECT_WEBHOOK, {"of_id": webhook_id})
    return webhook_of(rows[0]) if rows else None


def by_id(tx: Transaction, webhook_id: int) -> Webhook | None:
    """One webhook, locked for a change."""
    rows = tx.lock(records.SELECT_WEBHOOK, {"of_id": webhook_id})
    return webhook_of(rows[0]) if rows else None


def add(tx: Transaction, feed: Feed, values: dict[str, Any]) -> int:
    """Make one: it is told what happens from now on. ``values`` are url, secret, kinds (texts), domain, account,
    description and created_at."""
    begun = {
        "active": 1,
        "off_reason": "",
        "seen_event": events.newest(tx),
        "missed": 0,
        "tried_at": 0.0,
        "taken_at": 0.0,
        "failing_since": 0.0,
        "status": 0,
        "trouble": "",
    }
    made = tx.insert(records.INSERT_WEBHOOK, {**begun, **values, "kinds": " ".join(values["kinds"])})
    tx.after_commit(partial(feed.publish, TOPIC, 0, made))
    return made


def change(tx: Transaction, feed: Feed, former: Webhook, values: dict[str, Any]) -> None:
    """Change what ``values`` names. One that is switched off loses what waits for it; switched on again it is told
    what happens from then on."""
    now = {name: values.get(name, getattr(former, name)) for name in _CHANGED}
    now["kinds"] = " ".join(now["kinds"])
    seen, off_reason, failing = former.seen_event, former.off_reason, former.failing_since
    if now["active"] and not former.active:
        seen, off_reason, failing = events.newest(tx), "", 0.0
    if not now["active"]:
        drop_waiting(tx, former)
        off_reason, failing = "", 0.0
    now["active"] = int(now["active"])
    new = {**now, "seen_event": seen, "off_reason": off_reason, "failing_since": failing}
    tx.change(
        records.UPDATE_WEBHOOK,
        {"of_id": former.id, **{f"new_{name}": value for name, value in new.items()}},
    )
    tx.after_commit(partial(feed.publish, TOPIC, 0, former.id))


_CHANGED = ("url", "secret", "kinds", "domain", "account", "description", "active")


def remove(tx: Transaction, webhook: Webhook) -> None:
    """Remove one with what waits for it. What was sent is removed by :func:`thin`."""
    drop_waiting(tx, webhook)
    tx.change(records.DELETE_WEBHOOK, {"of_id": webhook.id})


def waiting(tx: Transaction, webhook_id: int) -> list[int]:
    """The queue ids of what waits for a webhook, oldest first."""
    return [int(row[0]) for row in tx.execute(records.SELECT_WAITING, {"of_webhook": webhook_id})]


def drop_waiting(tx: Transaction, webhook: Webhook) -> None:
    """Take everything that waits for it off the queue."""
    view.drop(tx, waiting(tx, webhook.id))
    tx.change(records.DROP_WAITING, {"of_webhook": webhook.id})


def switch_off(tx: Transaction, webhook: Webhook, why: str) -> None:
    """The server gives up on it."""
    drop_waiting(tx, webhook)
    tx.change(records.SWITCH_OFF, {"of_id": webhook.id, "why": why})
    about = {"webhook": webhook.id, "place": webhook.place, "reason": why}
    events.write(tx, [Fact("webhook.disabled", about)])  # whose it is, whatever it tells: the server's


def deliveries(tx: Transaction, webhook_id: int, below: int, count: int) -> list[Delivery]:
    """What was sent to a webhook or waits for it, newest first."""
    wanted = {"of_webhook": webhook_id, "below": below, "count": count}
    names = [column.name for column in records._SHOWN]
    return [
        Delivery(**dict(zip(names, row, strict=True)))
        for row in tx.execute(records.SELECT_DELIVERIES, wanted)
    ]


def counts(tx: Transaction, webhook_id: int) -> dict[str, int]:
    """How many deliveries there are by state, as far back as they are kept."""
    return {
        str(state): int(count)
        for state, count in tx.execute(records.COUNT_STATES, {"of_webhook": webhook_id})
    }


def thin(tx: Transaction, before: float, count: int) -> int:
    """Remove what was made before this time and is over, of the ``count`` oldest; how many went."""
    gone = 0
    for row_id, created_at in tx.execute(records.SELECT_OLD, {"count": count}):
        if created_at >= before:
            break
        gone += tx.change(records.DELETE_DELIVERY, {"of_id": row_id})
    return gone
