"""Server. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.generated.shared import Progress
from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given, path_of


class Advice(msgspec.Struct, frozen=True, kw_only=True):
    """`code` is for programs and stays the same; `what` is the trouble, `mend` what to do about it."""

    code: str
    what: str
    mend: str


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the start: messages taken and refused, copies put into mailboxes, recipients whose
    message other servers took, deliveries put off and given up, connections, sign-ins that were good and
    that were refused."""

    accepted: int = 0
    refused: int = 0
    delivered: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    connections: int = 0
    signed_in: int = 0
    signin_failures: int = 0


class History(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first; a stretch without a measurement is left out. `width` of each stretch in seconds."""

    topic: Literal[
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
    width: int
    points: list[Point]


class Listening(msgspec.Struct, frozen=True, kw_only=True):
    """One open listener; `where` for people, `address` and `port` or `path` for programs."""

    protocol: str
    tls: str
    where: str
    address: str
    port: int
    path: str


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """`text` is in Prometheus's text format."""

    text: str


class Point(msgspec.Struct, frozen=True, kw_only=True):
    """`at` is where the stretch begins, in seconds since 1970."""

    at: int
    value: float


class ProcessFacts(msgspec.Struct, frozen=True, kw_only=True):
    """One worker: `cpu` in seconds used since it began, `memory` in bytes, `files` open."""

    worker: int
    pid: int = 0
    cpu: float = 0.0
    memory: float = 0.0
    files: int = 0
    sessions: int = 0


class QueueCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What waits; `held` recipients wait for an administrator, `due` ones (counted up to 10001) should be
    tried now. `paused` destinations, and those that are `down` (could not be reached, counted up to 1000);
    `all_paused`: nothing is delivered at all."""

    messages: int
    recipients: int
    held: int
    due: int = 0
    paused: int = 0
    all_paused: bool = False
    down: int = 0


class Recent(msgspec.Struct, frozen=True, kw_only=True):
    """Recipients in the last `hours`, from the measurements of every minute: whose message other servers
    took, whose was put off (each time it is tried), and whose failed."""

    hours: int = 6
    sent: int = 0
    deferred: int = 0
    failed: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """`uptime` in seconds, sizes in bytes. `running` False: asked of a stopped server's data folder, and
    then there are no listeners and sessions. `certificates`: host name to SHA-256 fingerprint;
    `certificate_ends`: to seconds since 1970. `counts` is since the start, `oldest` the age of the oldest
    message in the queue in seconds. `recent`: mail to other servers in the last hours. `warnings`: what the
    administrator should see to."""

    version: str
    running: bool
    uptime: float
    workers: int
    data: str
    database: str
    disk_free: int
    listeners: list[Listening]
    sessions: dict[str, int]
    certificates: dict[str, str]
    domains: int
    accounts: int
    aliases: int
    messages: int
    used: int
    queue: QueueCounts
    certificate_ends: dict[str, float] = {}
    counts: Counts = msgspec.field(default_factory=lambda: Counts())
    processes: list[ProcessFacts] = []
    oldest: float = 0.0
    warnings: list[Advice] = []
    recent: Recent = msgspec.field(default_factory=lambda: Recent())


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was looked at and found. `deleted` are messages that were deleted and may come back. `errors` and
    `warnings` hold the first thousand lines each, the counts all. Warnings are what a crash leaves and the
    removal job clears away."""

    bodies: int
    files: int
    mailboxes: int
    messages: int
    deleted: int
    queued: int
    errors: list[str]
    error_count: int
    warnings: list[str]
    warning_count: int


class ServerCalls(Topic):
    """Calls of the topic Server."""

    def status(self) -> Status:
        """Show whether the server runs, what listens, how much it holds and how much waits. Right: view."""
        return self._link.ask("GET", "/status", Status)

    def status_history(
        self,
        topic: Literal[
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
        ],
        *,
        since: float = 0.0,
        until: float = 0.0,
        points: int = 120,
    ) -> History:
        """Show how one measurement went over time: messages, sessions, queue, disk, processor, memory.
        Right: view."""
        return self._link.ask(
            "GET",
            path_of("/status/history/{}", topic),
            History,
            query=given({}, ("since", since, 0.0), ("until", until, 0.0), ("points", points, 120)),
        )

    def status_metrics(self) -> Metrics:
        """Show all counters and gauges of the server in Prometheus's text format. Right: view."""
        return self._link.ask("GET", "/status/metrics", Metrics)

    def verify(self) -> Stream[Progress, Verified]:
        """Check the hash of every body, every row, every file and every counter. Changes nothing. Right:
        view. What is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream("POST", "/verify", Verified, (Progress,))
