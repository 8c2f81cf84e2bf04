"""Status: what runs, what it holds, what waits."""

from __future__ import annotations

import shutil
import time

import msgspec

from posthouse import __version__
from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.manage.measurements import MINUTE, NodeFacts, ProcessFacts
from posthouse.manage.queues import COUNTED
from posthouse.manage.sample_records import SELECT_HISTORY
from posthouse.manage.use import Call, Nothing, use
from posthouse.manage.warnings import Advice, Kept, read_kept, warnings_of
from posthouse.queue import destinations, view
from posthouse.settings.keeping import WARNING_LEVELS

MOST_DOWN = 1000
LATELY = 6 * 3600
"""Seconds of which the recent mail to other servers is told."""


class Recent(msgspec.Struct, frozen=True):
    """Recipients in the last ``hours``, from the measurements of every minute: whose message other servers took, whose
    was put off (each time it is tried), and whose failed."""

    hours: int = LATELY // 3600
    sent: int = 0
    deferred: int = 0
    failed: int = 0


class Listening(msgspec.Struct, frozen=True):
    """One open listener; ``where`` for people, ``address`` and ``port`` or ``path`` for programs."""

    protocol: str
    tls: str
    where: str
    address: str
    port: int
    path: str


class QueueCounts(msgspec.Struct, frozen=True):
    """What waits; ``held`` recipients wait for an administrator, ``due`` ones (counted up to 10001) should be tried
    now. ``paused`` destinations, and those that are ``down`` (could not be reached, counted up to 1000);
    ``all_paused``: nothing is delivered at all."""

    messages: int
    recipients: int
    held: int
    due: int = 0
    paused: int = 0
    all_paused: bool = False
    down: int = 0


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What happened since the start: messages taken and refused, copies put into mailboxes, recipients whose message
    other servers took, deliveries put off and given up, connections, sign-ins that were good and that were refused."""

    accepted: int = 0
    refused: int = 0
    delivered: int = 0
    sent: int = 0
    deferred: int = 0
    failed: int = 0
    connections: int = 0
    signed_in: int = 0
    signin_failures: int = 0


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """``uptime`` in seconds, sizes in bytes. ``running`` False: asked of a stopped server's data folder,
    and then there are no listeners and sessions. ``certificates``: host name to SHA-256 fingerprint;
    ``certificate_ends``: to seconds since 1970. ``counts`` is since the start, ``oldest`` the age of the oldest
    message in the queue in seconds. ``recent``: mail to other servers in the last hours.
    ``warnings``: what the administrator should see to."""

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
    counts: Counts = Counts()
    processes: list[ProcessFacts] = []
    oldest: float = 0.0
    warnings: list[Advice] = []
    recent: Recent = Recent()


@use("status", right="view")
async def status(call: Call, wanted: Nothing) -> Status:
    """Show whether the server runs, what listens, how much it holds and how much waits."""
    context = call.context
    live = await context.live()
    facts = await context.measures.now() if context.measures is not None else None
    now = time.time()

    def op(tx: Transaction) -> tuple[int, int, int, int, int, QueueCounts, Kept, Recent]:
        domains = admin.list_domains(tx)
        used, messages = context.mail.total_in(tx)
        return (
            len(domains),
            sum(domain.accounts for domain in domains),
            sum(domain.aliases for domain in domains),
            messages,
            used,
            _queue(tx, now),
            read_kept(tx, call.context.settings.now[WARNING_LEVELS]),
            _recent(tx, now),
        )

    domains, accounts, aliases, messages, used, queue, kept, recent = await context.database.scan(op)
    return Status(
        version=__version__,
        running=context.running,
        uptime=max(0.0, now - live.started_at) if context.running and live.started_at else 0.0,
        workers=live.workers,
        data=context.config.data,
        database=_engine(context.config.database_url),
        disk_free=shutil.disk_usage(context.config.data).free,
        listeners=[
            Listening(row.protocol, row.tls, row.where, row.address, row.port, row.path)
            for row in live.listeners
        ],
        sessions=live.sessions,
        certificates=live.certificates,
        domains=domains,
        accounts=accounts,
        aliases=aliases,
        messages=messages,
        used=used,
        queue=queue,
        certificate_ends=facts.certificate_ends if facts is not None else {},
        counts=_counts(facts),
        processes=facts.processes if facts is not None else [],
        oldest=max(0.0, now - kept.oldest) if kept.oldest is not None else 0.0,
        warnings=warnings_of(context, facts, kept, now),
        recent=recent,
    )


def _recent(tx: Transaction, now: float) -> Recent:
    """From the rate of each minute."""
    counts = {}
    for name in ("sent", "deferred", "failed"):
        values = {
            "of_topic": f"messages.{name}",
            "since": int(now) - LATELY,
            "until": int(now) + MINUTE,
            "width": MINUTE,
        }
        rates = tx.execute(SELECT_HISTORY, values)
        counts[name] = round(sum(float(rate) for _, rate in rates))
    return Recent(LATELY // 3600, **counts)


def _queue(tx: Transaction, now: float) -> QueueCounts:
    messages, recipients, held = view.count_queue(tx)
    paused = destinations.paused(tx)
    all_paused = destinations.EVERYTHING in paused
    due = view.count_due(tx, now, COUNTED)
    down = sum(each.down_until > now for each in destinations.failing(tx, 1, MOST_DOWN))
    return QueueCounts(messages, recipients, held, due, len(paused) - all_paused, all_paused, down)


def _counts(facts: NodeFacts | None) -> Counts:
    if facts is None:
        return Counts()
    return Counts(
        **{name: int(sum(facts.counted.get(name, {}).values())) for name in Counts.__struct_fields__}
    )


def _engine(url: str) -> str:
    """The kind of database and its host; never the user or the password."""
    if not url:
        return "SQLite in the data folder"
    scheme, _, rest = url.partition("://")
    return f"{scheme} on {rest.rpartition('@')[2].partition('?')[0]}"
