"""A worker's end of its link to the supervisor."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from posthouse.cluster.link import Link, Message
from posthouse.cluster.local import LocalFeed, Notice

TELL_SECONDS = 0.5
"""How often changed counts are told to the supervisor."""

ASK_SECONDS = 5.0


class Member:
    """Join with :meth:`join`; then ``start`` is what the supervisor said first. ``stopping`` is set when it
    asks for the end, or is gone."""

    def __init__(self) -> None:
        self.start: dict[str, Any] = {}
        self.stopping = asyncio.Event()
        self.others: Callable[[Mapping[str, int]], None] | None = None
        """Called with the connections of the other workers, by source."""
        self.failures: Callable[[str, str, int], None] | None = None
        """Called with peer, login and number of failed sign-ins that another worker saw."""
        self._link = Link(self._receive, self._lost)
        self._told = asyncio.Event()
        self._feed: LocalFeed | None = None
        self._deltas: Counter[str] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._sessions: dict[str, int] = {}
        self._asked: dict[int, asyncio.Future[dict[str, int]]] = {}
        self._questions = 0

    async def join(self, descriptor: int) -> None:
        """Take up the link (an inherited socket) and wait to be told what to do. Raises ConnectionError."""
        loop = asyncio.get_running_loop()
        joined = socket.socket(fileno=descriptor)
        joined.setblocking(False)
        await loop.connect_accepted_socket(lambda: self._link, joined)
        await self._told.wait()
        if not self.start:
            raise ConnectionResetError("the supervisor is gone")

    def carry(self, feed: LocalFeed) -> None:
        """Carry this feed's notices to the other workers, and theirs to it."""
        self._feed = feed
        feed.forward = self._forward

    def count(self, source: str, delta: int) -> None:
        """A connection of a stranger came (+1) or went (-1)."""
        self._deltas[source] += delta

    def fail(self, peer: str, login: str) -> None:
        """A sign-in of this peer and login failed here."""
        self._failed[peer, login] += 1

    def ready(self) -> None:
        """Every listener of this worker takes connections."""
        self._link.send("ready")

    def failed(self, kind: str, what: str, mend: str) -> None:
        """This worker cannot start."""
        self._link.send("failed", kind, what, mend)

    async def tell(self, sessions: Callable[[], dict[str, int]]) -> None:
        """Tell the supervisor of changed counts, until cancelled."""
        while True:
            await asyncio.sleep(TELL_SECONDS)
            deltas = {source: delta for source, delta in self._deltas.items() if delta}
            self._deltas.clear()
            if deltas:
                self._link.send("count", deltas)
            failed = [[peer, login, times] for (peer, login), times in self._failed.items()]
            self._failed.clear()
            if failed:
                self._link.send("failures", failed)
            now = sessions()
            if now != self._sessions:
                self._sessions = now
                self._link.send("sessions", now)

    async def all_sessions(self) -> dict[str, int]:
        """Open sessions of all workers by protocol, at most a second old. Raises TimeoutError."""
        self._questions += 1
        number = self._questions
        answer: asyncio.Future[dict[str, int]] = asyncio.get_running_loop().create_future()
        self._asked[number] = answer
        try:
            self._link.send("ask", number)
            return await asyncio.wait_for(answer, ASK_SECONDS)
        finally:
            self._asked.pop(number, None)

    def _forward(self, notices: list[Notice]) -> None:
        self._link.send("feed", notices)

    def _receive(self, message: Message) -> None:
        match message:
            case ["start", dict(start)]:
                self.start = start
                self._told.set()
            case ["stop"]:
                self.stopping.set()
            case ["feed", list(notices)]:
                if self._feed is not None:
                    self._feed.deliver([(topic, key, version) for topic, key, version in notices])
            case ["failures", list(failures)]:
                if self.failures is not None:
                    for peer, login, times in failures:
                        self.failures(peer, login, times)
            case ["others", dict(counts)]:
                if self.others is not None:
                    self.others(counts)
            case ["live", int(number), dict(sessions)]:
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(sessions)

    def _lost(self) -> None:
        self._told.set()
        self.stopping.set()
