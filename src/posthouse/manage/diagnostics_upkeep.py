"""Checks of what has to happen again and again: backups, and errors that somebody should look at."""

from __future__ import annotations

import datetime
import time

from posthouse.manage.diagnostics import Finding, FindingState, Look, check
from posthouse.manage.logs import LogFilter
from posthouse.manage.warnings import BACKUP_DAYS, read_kept


def _finding(name: str, state: FindingState, text: str, mend: str = "") -> Finding:
    return Finding(name=name, group="machine", state=state, text=text, mend=mend)


@check("backup", "machine")
async def backup(look: Look) -> Finding:
    """A good one, not long ago."""
    kept = await look.context.database.scan(read_kept)
    mend = "Make one, and let it be made every night: posthouse backup --help"
    if kept.backup_at is None:
        return _finding("backup", "warn", "No backup was ever made.", mend)
    days = int((time.time() - kept.backup_at) // 86400)
    if days >= BACKUP_DAYS:
        return _finding("backup", "bad", f"The last good backup is {days} days old.", mend)
    when = f"{days} days ago" if days else "within the last day"
    return _finding("backup", "ok", f"The last good backup was made {when}.")


@check("errors", "machine")
async def errors(look: Look) -> Finding:
    """Errors in today's log, as far back as it is in memory."""
    if look.context.logs is None:
        return _finding(
            "errors", "unknown", "The server is stopped: it keeps no log in memory.", "Read its log."
        )
    midnight = datetime.datetime.now().astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    lines = await look.context.logs.tail(LogFilter(level="error"), 1000)
    today = [line for line in lines if line.at >= midnight.timestamp()]
    if not today:
        return _finding("errors", "ok", "No error was logged today.")
    kinds = sorted({line.event for line in today})
    text = f"{len(today)} errors were logged today: {', '.join(kinds[:5])}."
    return _finding("errors", "warn", text, "Read them: posthouse log tail --level error")
