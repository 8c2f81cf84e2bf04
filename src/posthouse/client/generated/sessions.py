"""Sessions. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given


class Disconnected(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions end now."""

    sessions: list[OpenSession]


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """One open connection. `id` is that of the log, too. `since` in seconds since 1970; `received` and
    `sent` in bytes without TLS. `client` is what the peer calls itself (HELO, or ID in IMAP), `command` its
    last command word, `account` "" before the sign-in."""

    id: str
    protocol: str
    peer: str
    port: int
    tls: str
    cipher: str
    account: str
    client: str
    since: float
    command: str
    received: int
    sent: int
    worker: int


class SessionList(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first; `total` counts all that match. `next` is the `after` of the page that follows, "" on the
    last."""

    sessions: list[OpenSession]
    total: int
    next: str = ""


class SessionsCalls(Topic):
    """Calls of the topic Sessions."""

    def session_list(
        self,
        *,
        protocol: str = "",
        account: str = "",
        limit: int = 200,
        peer: str = "",
        id: str = "",
        after: str = "",
    ) -> SessionList:
        """List who is connected over all workers: protocol, TLS, address, account, client, last command,
        bytes. Right: view."""
        return self._link.ask(
            "GET",
            "/sessions",
            SessionList,
            query=given(
                {},
                ("protocol", protocol, ""),
                ("account", account, ""),
                ("limit", limit, 200),
                ("peer", peer, ""),
                ("id", id, ""),
                ("after", after, ""),
            ),
        )

    def session_disconnect(
        self, *, id: str = "", account: str = "", idempotency_key: str = ""
    ) -> Disconnected:
        """End one session, or all sessions of an account; the peer is told why, and may connect again.
        Right: change."""
        return self._link.ask(
            "POST",
            "/sessions/disconnect",
            Disconnected,
            body=given({}, ("id", id, ""), ("account", account, "")),
            key=idempotency_key,
        )
