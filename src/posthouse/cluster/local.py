"""The feed within one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable

from posthouse.cluster.contract import Listener
from posthouse.observe.log import logger

log = logger("cluster.feed")

Notice = tuple[str, int, int]

PASSING = frozenset(("mailbox", "account", "queue", "queue.destinations", "events", "webhooks"))
"""Topics of the daily traffic of mail. A notice of any other topic is a change that somebody made."""


class LocalFeed:
    """A :class:`posthouse.cluster.contract.Feed` of the running event loop.

    Notices published in a burst are coalesced: for each topic and key only the newest version is told.
    ``forward`` is called with each batch that was published here (not with what ``deliver`` brings in).
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self._loop = loop or asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._waiting: dict[tuple[str, int], int] = {}
        self._listeners: dict[tuple[str, int | None], dict[object, Listener]] = {}
        self._followers: dict[object, Callable[[], Awaitable[None]]] = {}
        self.forward: Callable[[list[Notice]], None] | None = None
        self.changes = 0
        """How many notices were published here that are not :data:`PASSING`."""

    def publish(self, topic: str, key: int, version: int) -> None:
        """Tell everyone soon. From any thread."""
        place = (topic, key)
        with self._lock:
            first = not self._waiting
            if topic not in PASSING:
                self.changes += 1
            known = self._waiting.get(place)
            if known is None or version > known:
                self._waiting[place] = version
        if first:
            try:
                self._loop.call_soon_threadsafe(self._tell)
            except RuntimeError:  # the loop is closed: nobody is left to hear
                pass

    def subscribe(self, topic: str, key: int | None, listener: Listener) -> Callable[[], None]:
        """Hear a topic, or one key of it."""
        place = (topic, key)
        token = object()
        self._listeners.setdefault(place, {})[token] = listener

        def end() -> None:
            listeners = self._listeners.get(place)
            if listeners is not None:
                listeners.pop(token, None)
                if not listeners:
                    del self._listeners[place]

        return end

    def follow(self, caught_up: Callable[[], Awaitable[None]]) -> Callable[[], None]:
        """Somebody acts on notices a moment after they came: ``caught_up`` returns once all that came before it was
        called are acted on. Returns the call that ends this."""
        token = object()
        self._followers[token] = caught_up

        def end() -> None:
            self._followers.pop(token, None)

        return end

    async def settled(self) -> None:
        """Return when all that was published or delivered here is told and acted on in this process. Event loop
        only."""
        self._tell()
        for caught_up in list(self._followers.values()):
            await caught_up()

    def deliver(self, notices: list[Notice]) -> None:
        """Tell the listeners of this process. Event loop only."""
        for topic, key, version in notices:
            for place in ((topic, key), (topic, None)):
                listeners = self._listeners.get(place)
                if not listeners:
                    continue
                for listener in list(listeners.values()):
                    try:
                        listener(topic, key, version)
                    except Exception:
                        log.exception("feed.listener_failed", topic=topic)

    def _tell(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        notices = [(topic, key, version) for (topic, key), version in waiting.items()]
        self.deliver(notices)
        if self.forward is not None and notices:
            self.forward(notices)
