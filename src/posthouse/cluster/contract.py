"""The change feed: who hears that something changed, in this process, in other workers, later on other nodes.

A lost notice costs delay, never correctness: listeners compare versions at their own boundaries.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

Listener = Callable[[str, int, int], None]
"""Called in the event loop as listener(topic, key, version); must be short and must not raise."""


class Feed(Protocol):
    """Topics in use: ``"mailbox"`` (key = mailbox id, version = its modseq), ``"account"`` (key = account id:
    its set of mailboxes, subscriptions or quota changed), ``"directory"`` (key 0: domains, accounts, aliases,
    passwords), ``"settings"`` (key 0), ``"queue"`` (key 0: a message was put, version = its id;
    key 1: what was there before is due now)."""

    def publish(self, topic: str, key: int, version: int) -> None:
        """Tell everyone. Thread-safe (ops' after_commit calls it from the writer thread); returns at once."""

    def subscribe(self, topic: str, key: int | None, listener: Listener) -> Callable[[], None]:
        """Hear a topic (key None: all its keys). Returns the call that ends the subscription. Event loop
        only."""

    def follow(self, caught_up: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Who acts on notices only a moment after they came says so: a command is answered when ``caught_up`` has
        returned in every worker. Returns the call that ends it. Event loop only."""
