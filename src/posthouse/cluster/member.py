"""A worker's end of its link to the supervisor, and through it to the other workers.

Besides what has a message of its own, parts of the workers talk to each other by topic: ``ask`` puts a question to
every other worker, which the ``handlers`` of that topic answer there; ``tell`` sends something to one worker without
an answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from posthouse.cluster.link import Link, Message
from posthouse.cluster.local import LocalFeed, Notice
from posthouse.observe.log import logger

log = logger("cluster.member")

Handler = Callable[[Any], Awaitable[Any]]
"""Answers a question; what it takes and gives is plain (numbers, texts, bytes, lists, dicts)."""

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
        self.spent: Callable[[str, str, int, int], None] | None = None
        """Called with kind, source, rate and how often another worker counted it against that rate."""
        self.handlers: dict[str, Handler] = {}
        """What answers the questions of other workers, by topic."""
        self.hearers: dict[str, Callable[[int, Any], None]] = {}
        """What is called with (worker, what it told), by topic. Must be short and not raise."""
        self._answering: set[asyncio.Task[None]] = set()
        self._open: dict[int, _Question] = {}
        self._link = Link(self._receive, self._lost)
        self._told = asyncio.Event()
        self._attending = asyncio.Event()
        self._feed: LocalFeed | None = None
        self._deltas: Counter[str] = Counter()
        self._failed: Counter[tuple[str, str]] = Counter()
        self._spent: Counter[tuple[str, str, int]] = Counter()
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

    def spend(self, kind: str, source: str, rate: int) -> None:
        """Something was counted against a rate (so many a minute). The others hear of it at once, with what else
        happens in this turn of the loop: a rate is used up faster than counts are told. Event loop only."""
        if not self._spent:
            asyncio.get_running_loop().call_soon(self._tell_spent)
        self._spent[kind, source, rate] += 1

    def _tell_spent(self) -> None:
        self._link.send("spent", [[*spent, times] for spent, times in self._spent.items()])
        self._spent.clear()

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

    async def attend(self) -> None:
        """From here on questions are put to this worker. Returns when the supervisor knows it: what was told to the
        workers before has then been received here."""
        self._link.send("attend")
        await self._attending.wait()

    async def ask(self, topic: str, asked: Any, seconds: float = ASK_SECONDS) -> dict[int, Any]:
        """What the other workers answer, by their number. One that does not answer in time, that cannot, or that
        is being started is not among them."""
        question = await self._put(topic, asked, seconds)
        if question.missing:
            log.warning("link.unanswered", topic=topic, missing=question.missing)
        return question.answers

    async def consult(self, topic: str, asked: Any, seconds: float = ASK_SECONDS) -> list[int]:
        """Wait until every other worker has answered, whatever it says; the numbers of those that are late. One that
        ends meanwhile is not waited for."""
        return list((await self._put(topic, asked, seconds)).missing)

    async def _put(self, topic: str, asked: Any, seconds: float) -> _Question:
        self._questions += 1
        number = self._questions
        question = self._open[number] = _Question()
        try:
            self._link.send("question", number, topic, asked)
            await asyncio.wait_for(question.complete.wait(), seconds)
        except TimeoutError:
            pass
        finally:
            self._open.pop(number, None)
        return question

    def steer_logging(self, how: dict[str, Any]) -> None:
        """Tell the supervisor how log lines are to be written (``observe.steering.how``)."""
        self._link.send("logging", how)

    def tell_worker(self, worker: int, topic: str, told: Any) -> None:
        """Tell one other worker something. Nothing happens when it is not there."""
        self._link.send("tell", worker, topic, told)

    async def _answer(self, asker: int, number: int, topic: str, asked: Any) -> None:
        handler = self.handlers.get(topic)
        try:
            if handler is None:
                raise LookupError(f"nobody here answers {topic}")
            self._link.send("answer", asker, number, True, await handler(asked))
        except Exception as error:
            log.warning("link.no_answer", topic=topic, reason=f"{type(error).__name__}: {error}")
            self._link.send("answer", asker, number, False, None)

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
            case ["spent", list(spent)]:
                if self.spent is not None:
                    for kind, who, rate, times in spent:
                        self.spent(kind, who, rate, times)
            case ["others", dict(counts)]:
                if self.others is not None:
                    self.others(counts)
            case ["question", int(asker), int(number), str(topic), asked]:
                task = asyncio.create_task(self._answer(asker, number, topic, asked))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            case ["asked", int(number), list(workers)]:
                if (question := self._open.get(number)) is not None:
                    question.expect(workers)
            case ["answer", int(worker), int(number), bool(good), answered]:
                if (question := self._open.get(number)) is not None:
                    question.answered(worker, good, answered)
            case ["attending"]:
                self._attending.set()
            case ["gone", int(worker)]:
                for question in self._open.values():
                    question.answered(worker, False, None)
            case ["told", int(worker), str(topic), told]:
                hearer = self.hearers.get(topic)
                if hearer is not None:
                    hearer(worker, told)
            case ["live", int(number), dict(sessions)]:
                answer = self._asked.get(number)
                if answer is not None and not answer.done():
                    answer.set_result(sessions)

    def _lost(self) -> None:
        self._told.set()
        self._attending.set()
        for question in self._open.values():
            question.complete.set()  # nobody is left who could answer
        self.stopping.set()


class _Question:
    """One that waits for its answers. Whom they are to come from is told first, as the link keeps its order."""

    def __init__(self) -> None:
        self.answers: dict[int, Any] = {}
        self.missing: list[int] = []
        self.complete = asyncio.Event()

    def expect(self, workers: list[int]) -> None:
        """It was put to these."""
        self.missing = list(workers)
        self._look()

    def answered(self, worker: int, good: bool, answer: Any) -> None:
        """One has answered."""
        if worker in self.missing:
            self.missing.remove(worker)
            if good:
                self.answers[worker] = answer
            self._look()

    def _look(self) -> None:
        if not self.missing:
            self.complete.set()
