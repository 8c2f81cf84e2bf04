"""The feed within one process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

from posthouse.cluster.contract import Listener
from posthouse.observe.log import logger

log = logger("cluster.feed")

Notice = tuple[str, int, int]


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
        self.forward: Callable[[list[Notice]], None] | None = None

    def publish(self, topic: str, key: int, version: int) -> None:
        """Tell everyone soon. From any thread."""
        place = (topic, key)
        with self._lock:
            first = not self._waiting
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
