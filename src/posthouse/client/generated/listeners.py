"""Listeners. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import msgspec

from posthouse.client.topic import Topic, given


class ListenerView(msgspec.Struct, frozen=True, kw_only=True):
    """A listener. `name` is where it listens (`*:25`, `127.0.0.1:2525`, `[::1]:993` or a path). `state`:
    `open`; `at the next start` (not open yet); `until the next start` (removed, still open); `stopped` (the
    server does not run)."""

    name: str
    protocol: str
    address: str
    port: int
    path: str
    tls: str
    proxy_from: list[str]
    state: str


class Listeners(msgspec.Struct, frozen=True, kw_only=True):
    """In their order. `source` is where they come from: listeners.toml (changed by administration),
    posthouse.toml, POSTHOUSE_LISTENER or the defaults."""

    listeners: list[ListenerView]
    source: str


class ListenersChanged(msgspec.Struct, frozen=True, kw_only=True):
    """What was changed. `waits` says why it takes effect at the next start only, "" when it has already;
    `probation`: the change to confirm, 0 for none."""

    name: str
    waits: str = ""
    probation: int = 0


class ListenersCalls(Topic):
    """Calls of the topic Listeners."""

    def listener_remove(self, *, name: str, now: bool = False) -> ListenersChanged:
        """Listen on a port or Unix socket no more; sessions that are open go on. On probation. Right:
        change."""
        return self._link.ask(
            "DELETE", "/listeners", ListenersChanged, query=given({"name": name}, ("now", now, False))
        )

    def listener_list(self) -> Listeners:
        """List what the server listens on, and where that is said. Right: view."""
        return self._link.ask("GET", "/listeners", Listeners)

    def listener_change(
        self,
        *,
        name: str,
        port: int | None = None,
        address: str | None = None,
        path: str | None = None,
        tls: Literal["none", "starttls", "implicit"] | None = None,
        proxy_from: Sequence[str] | None = None,
        now: bool = False,
    ) -> ListenersChanged:
        """Change port, address, TLS or trusted proxies of a listener. On probation. Right: change."""
        return self._link.ask(
            "PATCH",
            "/listeners",
            ListenersChanged,
            body=given(
                {"name": name},
                ("port", port, None),
                ("address", address, None),
                ("path", path, None),
                ("tls", tls, None),
                ("proxy_from", proxy_from, None),
                ("now", now, False),
            ),
        )

    def listener_add(
        self,
        *,
        protocol: Literal["smtp", "submission", "lmtp", "imap", "pop3", "http"],
        port: int = 0,
        address: str = "",
        path: str = "",
        tls: Literal["none", "starttls", "implicit"] | None = None,
        proxy_from: Sequence[str] = (),
        now: bool = False,
        idempotency_key: str = "",
    ) -> ListenersChanged:
        """Listen on one more port or Unix socket. On probation. Right: change."""
        return self._link.ask(
            "POST",
            "/listeners",
            ListenersChanged,
            body=given(
                {"protocol": protocol},
                ("port", port, 0),
                ("address", address, ""),
                ("path", path, ""),
                ("tls", tls, None),
                ("proxy_from", proxy_from, ()),
                ("now", now, False),
            ),
            key=idempotency_key,
        )

    def listener_reset(self, *, now: bool = False, idempotency_key: str = "") -> ListenersChanged:
        """Go back to the listeners of posthouse.toml. On probation. Right: change."""
        return self._link.ask(
            "POST",
            "/listeners/reset",
            ListenersChanged,
            body=given({}, ("now", now, False)),
            key=idempotency_key,
        )
