"""Checks of what an administrator looks after: backups, bans, and errors in the log."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import os
import time

from posthouse.database.contract import Transaction
from posthouse.directory import bans
from posthouse.manage.diagnostics import Finding, FindingState, Look, check
from posthouse.manage.logs import LogFilter
from posthouse.manage.warnings import BACKUP_DAYS, read_kept
from posthouse.settings import backup as settings_backup


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


@check("backup-place", "machine")
async def place(look: Look) -> list[Finding]:
    """The folder that backups are made in can be written. Where none is set, the check above says that there is no
    backup."""
    where = look.context.settings.now[settings_backup.PLACE]
    if not where:
        return []
    if where.startswith("s3://"):
        text = f"Backups go to {where}; whether it can be written shows when one is made."
        return [_finding("backup-place", "unknown", text, "Make one: posthouse backup run")]
    if not await asyncio.to_thread(_is_writable, where):
        mend = f"Make {where}, and let the server's user write there."
        return [_finding("backup-place", "bad", f"Backups cannot be written to {where}.", mend)]
    return [_finding("backup-place", "ok", f"Backups can be written to {where}.")]


def _is_writable(where: str) -> bool:
    return os.path.isdir(where) and os.access(where, os.W_OK | os.X_OK)


MANY_BANS = 10_000
"""More networks than this are banned by some mistake, or by a list that belongs into a firewall."""


@check("bans", "server")
async def banned(look: Look) -> Finding:
    """Nobody has banned the server itself, or half the world."""

    def finding(state: FindingState, text: str, mend: str = "") -> Finding:
        return Finding(name="bans", group="server", state=state, text=text, mend=mend)

    # Loopback addresses cannot be banned at all.
    own = {*look.addresses.public, *look.addresses.own}
    around = sorted({network for address in own for network in _networks(address)})

    def op(tx: Transaction) -> tuple[int, list[str]]:
        ours = [network for network in around if bans.find_ban(tx, network) is not None]
        return bans.page_bans(tx, "", "", 1)[1], ours

    count, ours = await look.context.database.scan(op)
    if ours:
        mend = f"Lift it: posthouse ban remove {ours[0]}"
        return finding("bad", f"{', '.join(ours[:5])} is banned, which is this server itself.", mend)
    if count > MANY_BANS:
        mend = "See whether all of them are needed: posthouse ban list"
        return finding("warn", f"{count} networks are banned.", mend)
    words = {0: "No network is banned.", 1: "One network is banned."}
    return finding("ok", words.get(count, f"{count} networks are banned."))


def _networks(address: str) -> list[str]:
    """Every network that holds the address."""
    most = ipaddress.ip_address(address).max_prefixlen
    return [str(ipaddress.ip_network(f"{address}/{bits}", strict=False)) for bits in range(most + 1)]


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
