"""One backup from beginning to end, asked for by somebody or due by the schedule; and what is remembered of it."""

from __future__ import annotations

import socket
import time
from typing import Any

from posthouse.cluster import events
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.manage.audit import note
from posthouse.manage.backup.access import (
    Work,
    get_state,
    in_thread,
    only_one,
    place_of,
    put_state,
    repository_of,
    scratch,
    sweep,
    url_of,
)
from posthouse.manage.backup.manifest import Manifest
from posthouse.manage.backup.retention import Policy, Pruned, keepers, next_run, prune
from posthouse.manage.backup.writing import Writer
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.observe.log import logger
from posthouse.settings import backup as settings

log = logger("backup")

RETRY_SECONDS = 900.0
"""How soon after a run that failed the schedule tries again."""
CLOCK_SLACK = 60.0
"""Seconds that the last run may seem to lie in the future."""

_running: dict[int, Work] = {}
"""By the identity of the context: what the backup under way does now."""


def at_work(context: Context) -> str:
    """What a backup under way does now, "" while there is none."""
    work = _running.get(id(context))
    if work is None:
        return ""
    now = work.now
    return f"{now.text} {now.done}" + (f" of {now.total}" if now.total else "") if now.done else now.text


async def make_backup(call: Call) -> Manifest:
    """Make a backup and remember how it went. Raises ManageError."""
    context = call.context
    # Without a place nothing is begun, and so nothing is remembered as having failed.
    await in_thread(call, Work(), lambda: place_of(context))
    work = Work()
    started = time.time()
    async with only_one(context, work):
        _running[id(context)] = work
        try:
            made: Manifest = await in_thread(call, work, lambda: _write(context, work))
        except ManageError as error:
            log.error("backup.failed", reason=error.what, mend=error.mend)
            await _remember(call, {"started": started, "ok": False, "error": f"{error.what} {error.mend}"})
            raise
        except Exception:
            await _remember(
                call, {"started": started, "ok": False, "error": "It failed inside; see the log."}
            )
            raise
        finally:
            _running.pop(id(context), None)
    if made.lost:
        log.error("backup.incomplete", backup=made.id, lost=len(made.lost))
    log.info("backup.made", backup=made.id, objects=made.new_objects, size=made.new_bytes)
    await _remember(
        call,
        {
            "started": started,
            "finished": made.finished,
            "ok": True,
            "id": made.id,
            "error": f"{len(made.lost)} messages were damaged already; `posthouse verify` names them."
            if made.lost
            else "",
        },
        made,
    )
    return made


def _write(context: Context, work: Work) -> Manifest:
    work.tell("Looking at what is there")
    repository = repository_of(context, work=work)
    sweep(repository.place)
    hostname = context.config.hostname or socket.gethostname()
    with scratch(context.config.data) as folder:
        gentle = bool(context.settings.now[settings.RATE])
        writer = Writer(repository, context.bodies.path, hostname, work.tell, gentle=gentle)
        return writer.run(url_of(context), folder)


async def _remember(call: Call, result: dict[str, Any], made: Manifest | None = None) -> None:
    def op(tx: Transaction) -> None:
        put_state(tx, "last", result)
        if made is None:
            events.write(tx, [events.Fact("backup.failed", {"error": result["error"]})])
        if made is not None:
            put_state(tx, "good", result)
            note(
                tx,
                call.actor,
                "backup.run",
                made.id,
                after={"objects": made.new_objects, "bytes": made.new_bytes, "messages_bodies": made.bodies},
            )

    try:
        await call.context.database.run(op)
    except DatabaseUnavailable as error:
        log.warning("backup.not_remembered", reason=str(error))


async def prune_backups(call: Call, *, dry: bool) -> Pruned:
    """Remove what the settings do not keep. Raises ManageError."""
    context = call.context
    work = Work()
    good = await context.database.scan(get_state, "good")
    # The one made last, also where its id seems old because the clock was set back since the others.
    latest = good["id"] if good else ""

    def job() -> Pruned:
        repository = repository_of(context, work=work)
        backups = repository.backups()
        kept = keepers(backups, Policy.of(context.settings.now)) | {latest}
        return prune(repository, [each for each in backups if each not in kept], work.tell, dry=dry)

    async with only_one(context, work):
        done = await in_thread(call, work, job)
    if done.backups and not dry:

        def op(tx: Transaction) -> None:
            note(
                tx,
                call.actor,
                "backup.prune",
                f"{len(done.backups)} backups",
                before={"backups": done.backups},
            )

        await context.database.run(op)
    return done


async def due_at(context: Context) -> float | None:
    """When the next backup is due, in seconds since 1970; None without schedule or place."""
    now = context.settings.now
    times, interval = now[settings.TIMES], now[settings.INTERVAL]
    if not now[settings.PLACE] or not (times or interval):
        return None
    last = await context.database.scan(get_state, "last")
    moment = time.time()
    if last and last["started"] > moment + CLOCK_SLACK:
        return moment  # the clock was ahead then: nobody knows how old that backup is
    if not last and interval:
        return moment
    due = next_run(moment, last["started"] if last else context.started_at, times, interval)
    if last and not last["ok"] and due is not None:
        due = min(due, last["started"] + RETRY_SECONDS)
    return due
