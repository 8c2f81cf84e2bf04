"""The numbers of the node: all workers added up, kept every minute, shown to Prometheus."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from typing import Any

from posthouse import __version__
from posthouse.cluster.member import Member
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.manage import measurements
from posthouse.manage.measurements import NodeFacts, ProcessFacts
from posthouse.observe import counters as counting
from posthouse.observe.counters import Counted
from posthouse.observe.exposition import Gauge, exposition
from posthouse.queue import view

ASKED = "measures"
SESSIONS = ("smtp", "submission", "imap", "pop3")

Certificates = Callable[[], tuple[dict[str, float], bool]]
"""When each host's certificate ends, and whether the default one is self-made."""


class NodeMeasures:
    """A :class:`posthouse.manage.measurements.Measures`, and the writer of samples."""

    def __init__(
        self,
        *,
        database: Database,
        member: Member | None,
        worker: int,
        workers: int,
        sessions: Callable[[], dict[str, int]],
        certificates: Certificates,
        data: str,
        started_at: float,
        keep_days: Callable[[], int],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._member = member
        self._worker = worker
        self._workers = workers
        self._sessions = sessions
        self._certificates = certificates
        self._data = data
        self._started_at = started_at
        self._keep_days = keep_days
        self._clock = clock
        self._last: tuple[float, Counted, float] = (started_at, {}, 0.0)
        self._thinned_at = 0.0
        if member is not None:
            member.handlers[ASKED] = self._asked

    async def now(self) -> NodeFacts:
        """All workers' numbers."""
        answers = {self._worker: self._own()}
        if self._member is not None:
            answers.update(await self._member.ask(ASKED, None))
        sessions = counting.total([{"": answer["sessions"]} for answer in answers.values()])[""]
        ends, self_made = self._certificates()
        return NodeFacts(
            counted=counting.total([answer["counted"] for answer in answers.values()]),
            processes=[_process(worker, answer) for worker, answer in sorted(answers.items())],
            sessions={protocol: int(count) for protocol, count in sessions.items()},
            workers=self._workers,
            certificate_ends=ends,
            self_made=self_made,
        )

    async def exposition(self) -> str:
        """Prometheus's text."""
        facts = await self.now()
        gauges = _gauges(facts, self._data, self._started_at)
        try:
            messages, recipients, held, oldest = await self._database.scan(_queue)
            gauges += [
                ("queue_messages", "Messages in the queue.", {"": messages}, ""),
                (
                    "queue_recipients",
                    "Recipients that messages in the queue are owed to.",
                    {"": recipients},
                    "",
                ),
                ("queue_held_recipients", "Of these, those that wait for an administrator.", {"": held}, ""),
                (
                    "queue_oldest_seconds",
                    "Age of the oldest message in the queue.",
                    {"": self._age(oldest)},
                    "",
                ),
                ("database_up", "Whether the database answers.", {"": 1}, ""),
            ]
        except DatabaseUnavailable:
            gauges.append(("database_up", "Whether the database answers.", {"": 0}, ""))
        cpu = {"cpu": {str(one.worker): one.cpu for one in facts.processes}}
        return exposition({**facts.counted, **cpu}, gauges, __version__)

    async def sample(self) -> None:
        """Measure and keep; once a minute."""
        now = self._clock()
        facts = await self.now()
        queue = await self._database.scan(_queue)
        values = self._values(now, facts, queue)
        await self._database.run(measurements.keep, int(now), values)
        if now - self._thinned_at >= measurements.FIVE:
            self._thinned_at = now
            await measurements.thin(self._database, now, self._keep_days())

    # ------------------------------------------------------------------ inside

    def _values(
        self, now: float, facts: NodeFacts, queue: tuple[int, int, int, float | None]
    ) -> dict[str, float]:
        before, counted, cpu_before = self._last
        cpu = sum(process.cpu for process in facts.processes)
        self._last = (now, facts.counted, cpu)
        seconds = max(1.0, now - before)

        def rate(name: str) -> float:
            # A worker that was started anew counts from nought.
            moved = sum(facts.counted.get(name, {}).values()) - sum(counted.get(name, {}).values())
            return max(0.0, moved) * 60 / seconds

        values = {
            "messages.accepted": rate("accepted"),
            "messages.refused": rate("refused"),
            "messages.delivered": rate("delivered"),
            "messages.sent": rate("sent"),
            "messages.deferred": rate("deferred"),
            "messages.failed": rate("failed"),
            "signin.failures": rate("signin_failures"),
            "connections": rate("connections"),
            "queue.messages": float(queue[0]),
            "queue.age": self._age(queue[3]),
            "disk.free": float(shutil.disk_usage(self._data).free),
            "cpu": max(0.0, cpu - cpu_before) * 100 / seconds,
            "memory": sum(process.memory for process in facts.processes),
        }
        for protocol in SESSIONS:
            values[f"sessions.{protocol}"] = float(facts.sessions.get(protocol, 0))
        return values

    def _age(self, oldest: float | None) -> float:
        return max(0.0, self._clock() - oldest) if oldest else 0.0

    def _own(self) -> dict[str, Any]:
        return {
            "counted": counting.counters.read(),
            "facts": counting.process_facts(),
            "sessions": self._sessions(),
        }

    async def _asked(self, asked: Any) -> Any:
        return self._own()


def _queue(tx: Transaction) -> tuple[int, int, int, float | None]:
    messages, recipients, held = view.count_queue(tx)
    return messages, recipients, held, view.oldest(tx)


def _process(worker: int, answer: dict[str, Any]) -> ProcessFacts:
    facts = answer["facts"]
    return ProcessFacts(
        worker=worker,
        pid=int(facts.get("pid", 0)),
        cpu=facts["cpu"],
        memory=facts.get("memory", 0.0),
        files=int(facts.get("files", 0)),
        sessions=sum(answer["sessions"].values()),
    )


def _gauges(facts: NodeFacts, data: str, started_at: float) -> list[Gauge]:
    each = {str(process.worker): process for process in facts.processes}
    return [
        ("start_time_seconds", "When the server was started (seconds since 1970).", {"": started_at}, ""),
        ("workers", "Workers that the server is to run.", {"": facts.workers}, ""),
        ("workers_up", "Workers that answer.", {"": len(each)}, ""),
        (
            "sessions",
            "Open sessions.",
            {name: float(count) for name, count in facts.sessions.items()},
            "protocol",
        ),
        ("disk_free_bytes", "Free space where the data is.", {"": shutil.disk_usage(data).free}, ""),
        (
            "certificate_end_time_seconds",
            "When a certificate ends (seconds since 1970).",
            facts.certificate_ends,
            "host",
        ),
        ("worker_memory_bytes", "Memory held.", {name: one.memory for name, one in each.items()}, "worker"),
        (
            "worker_open_files",
            "Open files.",
            {name: float(one.files) for name, one in each.items()},
            "worker",
        ),
    ]
