"""Webhooks: where events are sent to, how it went, and trying one out."""

from __future__ import annotations

import time
from typing import Any, Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook import Answered, key_of, new_secret
from posthouse.deliver.webhook_address import check_url
from posthouse.deliver.webhook_rows import Webhook as Stored
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.events import check_kinds, check_whose
from posthouse.manage.reach import page_size
from posthouse.manage.use import Call, Nothing, Private, use
from posthouse.settings import webhooks as settings_webhooks

LONGEST_DESCRIPTION = 200


class WebhookTester(Protocol):
    """Sends a request at once; the running server has it."""

    async def test(self, webhook: Stored) -> Answered:
        """Send the event ``webhook.test``, signed like any other."""


class NewWebhook(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to send to, and what: ``kinds`` are kinds of events or their beginnings (none = all), ``domain`` and
    ``account`` limit it to what concerns these. ``secret`` left out: a new one is made (else ``whsec_`` and base64 of
    24 to 64 bytes)."""

    url: str
    kinds: list[str] = msgspec.field(default_factory=list)
    domain: str = ""
    account: str = ""
    description: str = ""
    secret: str = ""


class WebhookId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A webhook by its number in the list."""

    id: int


class WebhookChange(Private, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is left out stays as it is. ``new_secret`` makes another secret. Switched off, a webhook loses what waits
    for it; switched on again, it is told what happens from then on."""

    id: int
    url: str | None = None
    kinds: list[str] | None = None
    domain: str | None = None
    account: str | None = None
    description: str | None = None
    active: bool | None = None
    new_secret: bool = False


class WebhookDeliveriesOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` deliveries of a webhook, newest first, older than the delivery ``after``."""

    id: int
    limit: int = 50
    after: str = ""


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secret. ``state``: active, failing (the last attempt failed), off (somebody switched it
    off) or disabled (the server did; ``off_reason`` says why). ``status`` of HTTP and ``trouble`` are of the last
    attempt, ``taken_at`` is when something was last taken (0 = never). ``missed`` events were thinned before they
    could be sent."""

    id: int
    url: str
    kinds: list[str]
    domain: str
    account: str
    description: str
    active: bool
    state: str
    off_reason: str
    created_at: float
    tried_at: float
    taken_at: float
    failing_since: float
    status: int
    trouble: str
    missed: int


class Webhooks(msgspec.Struct, frozen=True):
    """Oldest first."""

    webhooks: list[WebhookView]


class WebhookShown(msgspec.Struct, frozen=True):
    """A webhook and how many of its deliveries (as far as they are kept) wait, were taken, were dropped."""

    about: WebhookView
    waiting: int
    taken: int
    dropped: int


class WebhookMade(msgspec.Struct, frozen=True):
    """A webhook, and its secret if that is new: it is shown this once."""

    about: WebhookView
    secret: str = ""

    def __repr__(self) -> str:
        return f"WebhookMade({self.about!r}, ...)"


class WebhookTested(msgspec.Struct, frozen=True):
    """How the receiver took the test. ``status`` 0: no answer; ``trouble`` says why it was not taken."""

    id: int
    taken: bool
    status: int
    seconds: float
    trouble: str


class WebhookDelivery(msgspec.Struct, frozen=True):
    """One request. ``state``: waiting, taken or dropped; ``queue`` is its number in the queue. Times in seconds since
    1970; ``tried_at`` 0 = not yet."""

    id: int
    queue: int
    created_at: float
    first_event: int
    last_event: int
    events: int
    state: str
    attempts: int
    tried_at: float
    status: int
    trouble: str


class WebhookDeliveries(msgspec.Struct, frozen=True):
    """Newest first. ``next`` is the ``after`` of the page that follows, "" on the last."""

    deliveries: list[WebhookDelivery]
    next: str = ""


@use("webhook.add", right="change")
async def add(call: Call, wanted: NewWebhook) -> WebhookMade:
    """Have events sent to a URL; the secret that they are signed with is shown once."""
    kinds = check_kinds(wanted.kinds)
    domain, account = check_whose(wanted.domain, wanted.account)
    values: dict[str, Any] = {
        "url": _url(call, wanted.url),
        "secret": _secret(wanted.secret),
        "kinds": kinds,
        "domain": domain,
        "account": account,
        "description": _description(wanted.description),
        "created_at": time.time(),
    }

    def op(tx: Transaction) -> WebhookMade:
        if len(rows.every(tx)) >= rows.MOST_WEBHOOKS:
            raise ManageError(
                "refused", f"There are {rows.MOST_WEBHOOKS} webhooks.", "Remove one that is not needed."
            )
        made = _found(tx, rows.add(tx, call.context.feed, values))
        note(tx, call.actor, "webhook.add", str(made.id), after=_facts(made))
        return WebhookMade(_view(made), made.secret)

    return await call.context.database.run(op)


@use("webhook.list", right="view")
async def list_webhooks(call: Call, wanted: Nothing) -> Webhooks:
    """List the webhooks, never their secrets."""
    found = await call.context.database.scan(rows.every)
    return Webhooks([_view(each) for each in found])


@use("webhook.show", right="view")
async def show(call: Call, wanted: WebhookId) -> WebhookShown:
    """Show a webhook and how its deliveries went."""
    return await call.context.database.scan(_shown, wanted.id)


@use("webhook.change", right="change", conditional=True)
async def change(call: Call, wanted: WebhookChange) -> WebhookMade:
    """Change a webhook, switch it on or off, or give it a new secret (shown once)."""
    values: dict[str, Any] = {}
    if wanted.url is not None:
        values["url"] = _url(call, wanted.url)
    if wanted.kinds is not None:
        values["kinds"] = tuple(check_kinds(wanted.kinds))
    domain, account = check_whose(wanted.domain or "", wanted.account or "")
    if wanted.domain is not None:
        values["domain"] = domain
    if wanted.account is not None:
        values["account"] = account
    if wanted.description is not None:
        values["description"] = _description(wanted.description)
    if wanted.active is not None:
        values["active"] = wanted.active
    if wanted.new_secret:
        values["secret"] = new_secret()

    def op(tx: Transaction) -> WebhookMade:
        former = _found(tx, wanted.id, lock=True)
        call.check(_shown(tx, wanted.id))
        rows.change(tx, call.context.feed, former, values)
        now = _found(tx, wanted.id)
        before, after = _facts(former), _facts(now)
        differs = [name for name in after if before[name] != after[name]]
        if wanted.new_secret:
            after["new_secret"] = before["new_secret"] = (
                True  # masked: that there is another one is all to tell
            )
            differs.append("new_secret")
        note(
            tx,
            call.actor,
            "webhook.change",
            str(now.id),
            before={name: before[name] for name in differs},
            after={name: after[name] for name in differs},
        )
        return WebhookMade(_view(now), now.secret if wanted.new_secret else "")

    return await call.context.database.run(op)


@use("webhook.remove", right="change")
async def remove(call: Call, wanted: WebhookId) -> WebhookView:
    """Remove a webhook, with what still waits for it."""

    def op(tx: Transaction) -> WebhookView:
        found = _found(tx, wanted.id, lock=True)
        rows.remove(tx, found)
        note(tx, call.actor, "webhook.remove", str(found.id), before=_facts(found))
        return _view(found)

    return await call.context.database.run(op)


@use("webhook.test", right="change")
async def test(call: Call, wanted: WebhookId) -> WebhookTested:
    """Send a test event to a webhook at once, and say what its receiver answered."""
    tester = call.context.webhooks
    if tester is None:
        raise ManageError(
            "unavailable", "The server is stopped: nothing can be sent.", "Start it, then try again."
        )
    found = await call.context.database.scan(_found, wanted.id)
    answer = await tester.test(found)
    return WebhookTested(found.id, answer.taken, answer.status, round(answer.seconds, 3), answer.trouble)


@use("webhook.deliveries", right="view")
async def deliveries(call: Call, wanted: WebhookDeliveriesOf) -> WebhookDeliveries:
    """List what was sent to a webhook, and what waits for it."""
    limit = page_size(wanted.limit)
    below = 2**62
    if wanted.after:
        if not (wanted.after.isascii() and wanted.after.isdecimal() and len(wanted.after) < 19):
            raise ManageError("invalid", f"{wanted.after!r} is no delivery.", "Give a page's `next`.")
        below = int(wanted.after)

    def op(tx: Transaction) -> WebhookDeliveries:
        _found(tx, wanted.id)
        found = rows.deliveries(tx, wanted.id, below, limit)
        lines = [
            WebhookDelivery(
                each.id,
                each.queue_id,
                each.created_at,
                each.first_event,
                each.last_event,
                each.events,
                each.state,
                each.attempts,
                each.tried_at,
                each.status,
                each.trouble,
            )
            for each in found
        ]
        return WebhookDeliveries(lines, str(found[-1].id) if len(found) == limit else "")

    return await call.context.database.scan(op)


def _found(tx: Transaction, webhook_id: int, lock: bool = False) -> Stored:
    found = rows.by_id(tx, webhook_id) if lock else rows.find(tx, webhook_id)
    if found is None:
        raise ManageError(
            "missing", f"There is no webhook {webhook_id}.", "List webhooks to see those there are."
        )
    return found


def _shown(tx: Transaction, webhook_id: int) -> WebhookShown:
    found, counts = _found(tx, webhook_id), rows.counts(tx, webhook_id)
    numbers = [counts.get(each, 0) for each in (rows.WAITING, rows.TAKEN, rows.DROPPED)]
    return WebhookShown(_view(found), *numbers)


def _url(call: Call, text: str) -> str:
    url = text.strip()
    private = call.context.settings.now[settings_webhooks.ALLOW_PRIVATE]
    if complaint := check_url(url, private=private):
        raise ManageError("invalid", f"The URL {complaint}.", "Write it like https://example.org/hook.")
    return url


def _secret(text: str) -> str:
    text = text.strip()
    if not text:
        return new_secret()
    try:
        key_of(text)
    except ValueError as error:
        raise ManageError(
            "invalid", f"The secret {error}.", "Leave it out: a good one is made then."
        ) from None
    return text


def _description(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST_DESCRIPTION or not (text.isprintable() or not text):
        raise ManageError(
            "invalid",
            f"The description must be one line of at most {LONGEST_DESCRIPTION} characters.",
            "Say briefly what the webhook is for.",
        )
    return text


def _facts(found: Stored) -> dict[str, Any]:
    """For the audit: without secret, and without the path of the URL, which often holds one."""
    return {
        "place": found.place,
        "kinds": list(found.kinds),
        "domain": found.domain,
        "account": found.account,
        "description": found.description,
        "active": found.active,
    }


def _view(found: Stored) -> WebhookView:
    if found.active:
        state = "failing" if found.failing_since else "active"
    else:
        state = "disabled" if found.off_reason else "off"
    return WebhookView(
        id=found.id,
        url=found.url,
        kinds=list(found.kinds),
        domain=found.domain,
        account=found.account,
        description=found.description,
        active=found.active,
        state=state,
        off_reason=found.off_reason,
        created_at=found.created_at,
        tried_at=found.tried_at,
        taken_at=found.taken_at,
        failing_since=found.failing_since,
        status=found.status,
        trouble=found.trouble,
        missed=found.missed,
    )
