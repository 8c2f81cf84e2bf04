"""Queue. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given, path_of


class Owed(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient still owed. `state`: waiting, held, or being delivered."""

    recipient: str
    destination: str
    due_at: float
    expires_at: float
    attempts: int
    state: str
    reason: str


class TriedAgain(msgspec.Struct, frozen=True, kw_only=True):
    """How many recipients are due now."""

    id: int
    recipients: int


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting message. `recipients` still owed, `held` of them until an administrator acts; `next_at`:
    when the first is tried. Times in seconds since 1970."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: int
    held: int
    next_at: float
    attempts: int


class WaitingList(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first; `total` counts all that wait (or are found). `next` is the `after` of the page that
    follows, "" on the last."""

    messages: list[Waiting]
    total: int
    next: str = ""


class WaitingMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A waiting message with every recipient still owed."""

    id: int
    trace: str
    sender: str
    size: int
    received_at: float
    recipients: list[Owed]


class QueueCalls(Topic):
    """Calls of the topic Queue."""

    def queue_list(self, *, limit: int = 100, after: str = "", search: str = "") -> WaitingList:
        """List the messages that wait, oldest first. Right: view."""
        return self._link.ask(
            "GET",
            "/queue",
            WaitingList,
            query=given({}, ("limit", limit, 100), ("after", after, ""), ("search", search, "")),
        )

    def queue_show(self, id: int) -> WaitingMessage:
        """Show one waiting message and each recipient it is still owed to. Right: view."""
        return self._link.ask("GET", path_of("/queue/{}", id), WaitingMessage)

    def queue_retry(self, id: int, *, idempotency_key: str = "") -> TriedAgain:
        """Try every recipient of a waiting message now, held ones too. Right: change."""
        return self._link.ask("POST", path_of("/queue/{}/retry", id), TriedAgain, key=idempotency_key)
