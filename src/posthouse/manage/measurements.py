"""What is measured over time: kept every minute, thinned with age, read for plots; and all numbers of now."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Literal, Protocol

import msgspec

from posthouse.database.contract import Database, Transaction
from posthouse.manage import sample_records as records
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Nothing, use
from posthouse.observe.counters import Counted

MINUTE, FIVE, HOUR, DAY, WEEK = 60, 300, 3600, 86400, 604800
BATCH = 400
POINTS = 300

Topic = Literal[
    "messages.accepted",
    "messages.refused",
    "messages.delivered",
    "messages.sent",
    "messages.deferred",
    "messages.failed",
    "signin.failures",
    "connections",
    "sessions.smtp",
    "sessions.submission",
    "sessions.imap",
    "sessions.pop3",
    "queue.messages",
    "queue.age",
    "disk.free",
    "cpu",
    "memory",
]
"""``messages.*``, ``signin.failures`` and ``connections`` are counts per minute, ``cpu`` is percent of one core
over all workers, ``queue.age`` is in seconds, ``disk.free`` and ``memory`` are in bytes."""


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: ``cpu`` in seconds used since it began, ``memory`` in bytes, ``files`` open."""

    worker: int
    pid: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    files: int = 0
    sessions: int = 0


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that all workers of the node count (see ``observe.counters``), and each worker's own.
    ``missing`` workers did not answer. ``certificate_ends`` is in seconds since 1970 by host name; ``self_made``
    says that the default certificate is the server's own."""

    counted: Counted
    processes: list[ProcessFacts]
    sessions: dict[str, int]
    workers: int
    certificate_ends: dict[str, float]
    self_made: bool


class Measures(Protocol):
    """The numbers of the running node."""

    async def now(self) -> NodeFacts:
        """All workers' numbers."""

    async def exposition(self) -> str:
        """The same in Prometheus's text format."""


class ReadHistory(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``since`` and ``until`` in seconds since 1970 (0: a day ago, and now). At most ``points`` are given, each
    the mean of its stretch."""

    topic: Topic
    since: float = 0.0
    until: float = 0.0
    points: int = 120


class Point(msgspec.Struct, frozen=True):
    """``at`` is where the stretch begins, in seconds since 1970."""

    at: int
    value: float


class History(msgspec.Struct, frozen=True):
    """Oldest first; a stretch without a measurement is left out. ``width`` of each stretch in seconds."""

    topic: Topic
    width: int
    points: list[Point]


class Metrics(msgspec.Struct, frozen=True):
    """``text`` is in Prometheus's text format."""

    text: str


@use("status.history", right="view")
async def read_history(call: Call, wanted: ReadHistory) -> History:
    """Show how one measurement went over time: messages, sessions, queue, disk, processor, memory."""
    until = wanted.until or time.time()
    since = wanted.since or until - DAY
    if not (math.isfinite(since) and math.isfinite(until) and 0 <= since < until < 1e11):
        raise ManageError(
            "invalid", "The time to show ends before it begins.", "Give a since before the until."
        )
    points = max(1, min(wanted.points, POINTS))
    width = max(MINUTE, math.ceil((until - since) / points / MINUTE) * MINUTE)
    values = {"of_topic": wanted.topic, "since": int(since), "until": math.ceil(until), "width": width}

    def op(tx: Transaction) -> list[Point]:
        return [Point(int(at), float(value)) for at, value in tx.execute(records.SELECT_HISTORY, values)]

    # The first stretch may begin before ``since``: one more than asked for.
    return History(wanted.topic, width, (await call.context.database.scan(op))[-points:])


@use("status.metrics", right="view")
async def show_metrics(call: Call, wanted: Nothing) -> Metrics:
    """Show all counters and gauges of the server in Prometheus's text format."""
    if call.context.measures is None:
        raise ManageError("unavailable", "The server is stopped: it counts nothing.", "Start it first.")
    return Metrics(await call.context.measures.exposition())


# ---------------------------------------------------------------------- keeping


def keep(tx: Transaction, at: int, values: Mapping[str, float]) -> None:
    """Write one sample of each topic."""
    minute = at - at % MINUTE
    for topic in values:
        tx.change(records.DELETE_ONE, {"of_topic": topic, "of_at": minute})
    tx.execute_many(
        records.INSERT,
        [{"topic": topic, "at": minute, "span": MINUTE, "value": value} for topic, value in values.items()],
    )


async def thin(database: Database, now: float, keep_days: int) -> None:
    """Replace minutes older than a day by means of five minutes, those older than a week by means of an hour, and
    forget what is too old; in small units."""
    for span, into, age in ((MINUTE, FIVE, DAY), (FIVE, HOUR, WEEK)):
        before = int(now - age) // into * into  # whole stretches only
        while await database.run(_thin_some, span, into, before):
            pass
    await database.run(_forget, int(now - keep_days * DAY))


def _thin_some(tx: Transaction, span: int, into: int, before: int) -> bool:
    """Thin some rows; whether there may be more."""
    rows = tx.execute(records.SELECT_OLD, {"of_span": span, "before": before, "count": BATCH})
    if not rows:
        return False
    full = len(rows) == BATCH
    last = rows[-1][1] // into
    # A batch may end within a stretch, which the next one takes whole.
    taken = [row for row in rows if not full or row[1] // into != last] or rows
    stretches: dict[tuple[str, int], list[float]] = defaultdict(list)
    for topic, at, value in taken:
        stretches[topic, at // into * into].append(value)
    # A mean may be there already, where the clock was set back: the later one counts.
    gone = {(topic, at) for topic, at, _ in taken} | set(stretches)
    tx.execute_many(records.DELETE_ONE, [{"of_topic": topic, "of_at": at} for topic, at in sorted(gone)])
    tx.execute_many(
        records.INSERT,
        [
            {"topic": topic, "at": at, "span": into, "value": sum(values) / len(values)}
            for (topic, at), values in stretches.items()
        ],
    )
    return full


def _forget(tx: Transaction, before: int) -> None:
    first = tx.execute(records.SELECT_FIRST)[0][0]
    if first is not None and first < before:
        # A day at a time: an hour of each topic is one row by now.
        tx.change(records.DELETE_OLD, {"since": first, "before": min(before, int(first) + DAY)})
