"""Webhooks. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.link import Tagged
from posthouse.client.topic import Topic, given, path_of


class WebhookDeliveries(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first. `next` is the `after` of the page that follows, "" on the last."""

    deliveries: list[WebhookDelivery]
    next: str = ""


class WebhookDelivery(msgspec.Struct, frozen=True, kw_only=True):
    """One request. `state`: waiting, taken or dropped; `queue` is its number in the queue. Times in seconds
    since 1970; `tried_at` 0 = not yet."""

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


class WebhookMade(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, and its secret if that is new: it is shown this once."""

    about: WebhookView
    secret: str = ""


class WebhookShown(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook and how many of its deliveries (as far as they are kept) wait, were taken, were dropped."""

    about: WebhookView
    waiting: int
    taken: int
    dropped: int


class WebhookTested(msgspec.Struct, frozen=True, kw_only=True):
    """How the receiver took the test. `status` 0: no answer; `trouble` says why it was not taken."""

    id: int
    taken: bool
    status: int
    seconds: float
    trouble: str


class WebhookView(msgspec.Struct, frozen=True, kw_only=True):
    """A webhook, without its secret. `state`: active, failing (the last attempt failed), off (somebody
    switched it off) or disabled (the server did; `off_reason` says why). `status` of HTTP and `trouble` are
    of the last attempt, `taken_at` is when something was last taken (0 = never). `missed` events were
    thinned before they could be sent."""

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


class Webhooks(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    webhooks: list[WebhookView]


class WebhooksCalls(Topic):
    """Calls of the topic Webhooks."""

    def webhook_list(self) -> Webhooks:
        """List the webhooks, never their secrets. Right: view."""
        return self._link.ask("GET", "/webhooks", Webhooks)

    def webhook_add(
        self,
        *,
        url: str,
        kinds: Sequence[str] = (),
        domain: str = "",
        account: str = "",
        description: str = "",
        secret: str = "",
        idempotency_key: str = "",
    ) -> WebhookMade:
        """Have events sent to a URL; the secret that they are signed with is shown once. Right: change."""
        return self._link.ask(
            "POST",
            "/webhooks",
            WebhookMade,
            body=given(
                {"url": url},
                ("kinds", kinds, ()),
                ("domain", domain, ""),
                ("account", account, ""),
                ("description", description, ""),
                ("secret", secret, ""),
            ),
            key=idempotency_key,
        )

    def webhook_remove(self, id: int) -> WebhookView:
        """Remove a webhook, with what still waits for it. Right: change."""
        return self._link.ask("DELETE", path_of("/webhooks/{}", id), WebhookView)

    def webhook_show(self, id: int) -> Tagged[WebhookShown]:
        """Show a webhook and how its deliveries went. Right: view."""
        return self._link.tagged("GET", path_of("/webhooks/{}", id), WebhookShown)

    def webhook_change(
        self,
        id: int,
        *,
        url: str | None = None,
        kinds: Sequence[str] | None = None,
        domain: str | None = None,
        account: str | None = None,
        description: str | None = None,
        active: bool | None = None,
        new_secret: bool = False,
        if_match: str = "",
    ) -> WebhookMade:
        """Change a webhook, switch it on or off, or give it a new secret (shown once). Right: change.
        `if_match`: only if it is still the version with this `etag`."""
        return self._link.ask(
            "PATCH",
            path_of("/webhooks/{}", id),
            WebhookMade,
            body=given(
                {},
                ("url", url, None),
                ("kinds", kinds, None),
                ("domain", domain, None),
                ("account", account, None),
                ("description", description, None),
                ("active", active, None),
                ("new_secret", new_secret, False),
            ),
            if_match=if_match,
        )

    def webhook_deliveries(self, id: int, *, limit: int = 50, after: str = "") -> WebhookDeliveries:
        """List what was sent to a webhook, and what waits for it. Right: view."""
        return self._link.ask(
            "GET",
            path_of("/webhooks/{}/deliveries", id),
            WebhookDeliveries,
            query=given({}, ("limit", limit, 50), ("after", after, "")),
        )

    def webhook_test(self, id: int, *, idempotency_key: str = "") -> WebhookTested:
        """Send a test event to a webhook at once, and say what its receiver answered. Right: change."""
        return self._link.ask("POST", path_of("/webhooks/{}/test", id), WebhookTested, key=idempotency_key)
