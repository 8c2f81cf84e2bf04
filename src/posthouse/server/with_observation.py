"""Log files, live log, measurements, sessions of all workers."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import time
from pathlib import Path

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.http import health
from posthouse.manage import measurements
from posthouse.net.certificates import end_of
from posthouse.net.tls import ServerContexts
from posthouse.observe import spans
from posthouse.observe.log import logger
from posthouse.observe.steering import Steering, how
from posthouse.queue import view
from posthouse.server.built import Built
from posthouse.server.observe_logs import NodeLogs
from posthouse.server.observe_measures import NodeMeasures
from posthouse.server.observe_sessions import NodeSessions
from posthouse.server.pieces import hostname
from posthouse.settings import limits as settings_limits
from posthouse.settings import observe as settings_observe

log = logger("server.observation")

LOOK_SECONDS = 1.0
"""How soon a change of the log settings counts, and how long a session in the middle of an answer may be late."""

READY_SECONDS = 5.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    config, member, settings = built.share.config, built.member, built.settings
    steering = Steering()
    steering.apply(how(settings.now, config.data, hostname(config)))
    built.stack.callback(steering.close)
    built.jobs.start(_steer(built, steering), "logging")
    if hasattr(signal, "SIGHUP"):
        loop = asyncio.get_running_loop()
        with contextlib.suppress(RuntimeError, ValueError):  # not in the main thread
            loop.add_signal_handler(signal.SIGHUP, steering.reopen)

    sessions = NodeSessions(built.house, member, built.share.number)
    logs = NodeLogs(member, built.share.number)
    built.stack.push_async_callback(logs.close)
    measures = NodeMeasures(
        database=built.database,
        member=member,
        worker=built.share.number,
        workers=built.share.workers,
        sessions=built.house.counts,
        certificates=lambda: (_ends(built.contexts), built.contexts.self_made),
        data=config.data,
        started_at=built.share.started_at,
        keep_days=lambda: settings.now[settings_observe.SAMPLE_DAYS],
    )
    built.context.sessions, built.context.logs, built.context.measures = sessions, logs, measures
    endpoint = settings.now[settings_observe.OTEL_ENDPOINT]
    if endpoint:
        built.stack.callback(spans.start(endpoint, hostname(config), built.share.number))
    if not built.first:
        return
    sampler = PeriodicJob(
        built.database,
        "status.samples",
        lambda: float(measurements.MINUTE),
        measures.sample,
        holder=built.owner,
    )
    built.jobs.start(sampler.run(), "samples")
    health.register(built.http.well_known, built.context, lambda: _reasons(built))


async def _steer(built: Built, steering: Steering) -> None:
    """Follow the settings."""
    config = built.share.config
    seen = None
    pending = True
    while True:
        now = built.settings.now
        if now is not seen:
            seen = now
            told = how(now, config.data, hostname(config))
            steering.apply(told)
            if built.first and built.member is not None:
                built.member.steer_logging(told)
            pending = True
        if pending:
            pending = built.house.steer_talks()
        await asyncio.sleep(LOOK_SECONDS)


async def _reasons(built: Built) -> list[str]:
    """Why no mail can be taken now."""
    found = []
    try:
        await asyncio.wait_for(built.database.read(_touch), READY_SECONDS)
    except (DatabaseUnavailable, TimeoutError) as error:
        log.warning("health.database", reason=str(error) or "no answer in time")
        found.append("The database does not answer.")
    mail = [listener for listener in built.share.config.listeners if listener.protocol != "http"]
    if mail and not any(listener.protocol != "http" for listener, _ in built.house.listeners):
        found.append("The listeners are not open.")
    if built.stop.wanted.is_set():
        found.append("The server is stopping.")
    least = built.settings.now[settings_limits.FREE_SPACE]
    if shutil.disk_usage(built.share.config.data).free < least:
        found.append(
            f"Less than {least} bytes are free in the data folder (setting {settings_limits.FREE_SPACE.name})."
        )
    return found


def _touch(tx: Transaction) -> None:
    view.count_queue(tx)


_known_ends: dict[Path, tuple[float, float]] = {}


def _ends(contexts: ServerContexts) -> dict[str, float]:
    """When each host's certificate ends; files are read again when they change."""
    found = {}
    for host, path in contexts.chains.items():
        try:
            changed = path.stat().st_mtime
            known = _known_ends.get(path)
            if known is None or known[0] != changed:
                known = _known_ends[path] = (changed, end_of(path.read_bytes()))
            found[host] = known[1]
        except (OSError, ValueError):
            found[host] = time.time()  # gone or broken: it will not be loaded again
    return found
