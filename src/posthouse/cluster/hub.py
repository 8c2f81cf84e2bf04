"""The middle of a node: what workers tell one another goes through here, in the supervisor.

Messages from a worker: ``ready``; ``failed`` (kind, what, mend) instead of it; ``feed`` (notices) and
``failures`` (of sign-ins: peer, login, times) and ``spent`` (of rates: kind, source, rate, times), all passed on to
the others; ``count``
(connections by source, as changes); ``sessions`` (open sessions by protocol); ``ask`` (number), answered with
``live`` (number, sessions of all workers by protocol); ``attend``, answered with ``attending``: from then on
questions are put to it; ``question`` (number, topic, asked), passed on to the others that attend with the asker's
number, after the asker was told ``asked`` (number, whom); ``answer`` (asker, number, good, answered), which goes back
to it; ``tell`` (worker, topic, told), passed on to that one as ``told``;
``logging`` (how log lines are written from now on). Messages to a worker: ``start``, ``stop``, ``feed``,
``others`` (connections of the other workers by source), ``gone`` (worker): it answers nothing any more.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

from posthouse.cluster.link import Link, Message
from posthouse.cluster.strangers import Tally

TELL_SECONDS = 0.5
"""How often changed counts are told to the workers."""


class Hub:
    """``ready`` and ``failed`` are called with the worker's number when it says so."""

    def __init__(
        self,
        ready: Callable[[int], None],
        failed: Callable[[int, tuple[str, str, str]], None],
        logging: Callable[[dict[str, Any]], None] = lambda how: None,
    ) -> None:
        self._ready = ready
        self._failed = failed
        self._logging = logging
        self._links: dict[int, Link] = {}
        self._attending: set[int] = set()
        self._tally = Tally()
        self._sessions: dict[int, dict[str, int]] = {}
        self._telling: asyncio.TimerHandle | None = None

    def add(self, worker: int, link: Link) -> None:
        """A worker's link is up."""
        self._links[worker] = link

    def remove(self, worker: int) -> None:
        """A worker is gone."""
        self._links.pop(worker, None)
        self._attending.discard(worker)
        self.send_all("gone", worker)
        self._sessions.pop(worker, None)
        self._tally.forget(worker)
        self._tell_soon()

    def send_all(self, *message: object) -> None:
        """Say something to every worker."""
        for link in self._links.values():
            link.send(*message)

    def close(self) -> None:
        """End all links."""
        if self._telling is not None:
            self._telling.cancel()
            self._telling = None
        for link in self._links.values():
            link.close()

    def receive(self, worker: int, message: Message) -> None:
        """Act on a worker's message."""
        match message:
            case ["feed" | "failures" | "spent", list()]:
                for number, link in self._links.items():
                    if number != worker:
                        link.send(*message)
            case ["count", dict(deltas)]:
                self._tally.change(worker, deltas)
                self._tell_soon()
            case ["sessions", dict(sessions)]:
                self._sessions[worker] = sessions
            case ["ask", int(number)]:
                total: Counter[str] = Counter()
                for sessions in self._sessions.values():
                    total.update(sessions)
                asker = self._links.get(worker)
                if asker is not None:
                    asker.send("live", number, dict(total))
            case ["attend"]:
                self._attending.add(worker)
                if worker in self._links:
                    self._links[worker].send("attending")
            case ["question", int(number), str(topic), asked]:
                self._ask(worker, number, topic, asked)
            case ["answer", int(to), int(number), bool(good), answered]:
                if to in self._links:
                    self._links[to].send("answer", worker, number, good, answered)
            case ["tell", int(to), str(topic), told]:
                if to in self._links:
                    self._links[to].send("told", worker, topic, told)
            case ["logging", dict(how)]:
                self._logging(how)
            case ["ready"]:
                self._ready(worker)
            case ["failed", str(kind), str(what), str(mend)]:
                self._failed(worker, (kind, what, mend))

    def _ask(self, asker: int, number: int, topic: str, asked: Any) -> None:
        others = [worker for worker in self._links if worker != asker and worker in self._attending]
        if asker in self._links:
            self._links[asker].send("asked", number, others)
        for worker in others:
            self._links[worker].send("question", asker, number, topic, asked)

    def _tell_soon(self) -> None:
        if self._telling is None and len(self._links) > 1:
            self._telling = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def _tell(self) -> None:
        self._telling = None
        for worker, link in self._links.items():
            link.send("others", self._tally.others(worker))
