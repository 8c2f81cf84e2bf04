"""The use that puts things back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from posthouse.directory.names import domain_name, own_address
from posthouse.manage.backup.access import Stopped, Work, get_state, only_one, repository_of, translated
from posthouse.manage.backup.contents import Contents
from posthouse.manage.backup.exact import STATE, is_empty, restore_exactly
from posthouse.manage.backup.merge import merge
from posthouse.manage.backup.merge_job import Changes, MergeJob, Scope
from posthouse.manage.backup.repository import Repository
from posthouse.manage.backup.retention import moment_of
from posthouse.manage.backup.uses import choose
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Private, use
from posthouse.wire.imap.names import canonical

TELL_SECONDS = 0.5

Mode = Literal["auto", "merge", "exact"]


class Restore(Private, frozen=True, forbid_unknown_fields=True):
    """``key``: the recovery key or passphrase. Which backup: ``id``, or the newest at the moment ``at`` (a date
    means its end), or the newest. What of it: ``domain``, or ``account``, and of that ``folder`` (with those below),
    and of that the message ``uid``; everything if all are empty. ``mode``: ``merge`` adds what is missing, ``exact``
    puts everything onto an empty server as it was, ``auto`` chooses. ``flags``: messages that are there get the
    flags they had. ``skip_damaged``: messages whose files in the backup are damaged are left out, instead of ending
    the restore. ``dry_run``: only say what would change."""

    key: str = ""
    place: str = ""
    id: str = ""
    at: str = ""
    domain: str = ""
    account: str = ""
    folder: str = ""
    uid: int = 0
    mode: Mode = "auto"
    flags: bool = False
    skip_damaged: bool = False
    dry_run: bool = False


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What changed, or would change. ``changes`` holds the first ten thousand lines, ``change_count`` counts all.
    ``lost``: messages that were damaged already when the backup was made."""

    id: str
    made_at: float
    mode: str
    dry_run: bool
    changes: list[str]
    change_count: int
    accounts: int
    mailboxes: int
    messages: int
    flags: int
    settings: int
    lost: int


@use("backup.restore", right="change")
async def restore(call: Call, wanted: Restore) -> Restored:
    """Put back what a backup holds: all of it, a domain, an account, a folder or one message."""
    scope = _scope(wanted)
    work = Work()

    async def aside(job: Callable[[], Any]) -> Any:
        work.check_asked()
        return await asyncio.to_thread(translated, job)

    contents: Contents = await aside(lambda: _open(call, wanted, work))
    mode = await _mode(call, wanted, scope)
    runner = asyncio.ensure_future(_restore(call, contents, scope, work, aside, wanted, mode))
    teller = asyncio.ensure_future(_tell(call, work))
    try:
        await asyncio.wait((runner, teller), return_when=asyncio.FIRST_COMPLETED)
        if teller.done():
            teller.result()
        changes = runner.result()
    finally:
        work.stop()
        teller.cancel()
        while not runner.done():
            try:
                await asyncio.wait((runner,))
            except asyncio.CancelledError:
                continue
        await asyncio.gather(runner, teller, return_exceptions=True)
    return Restored(
        id=contents.manifest.id,
        made_at=contents.manifest.started,
        mode=mode,
        dry_run=wanted.dry_run,
        changes=changes.lines,
        change_count=changes.line_count,
        accounts=changes.accounts,
        mailboxes=changes.mailboxes,
        messages=changes.messages,
        flags=changes.flags,
        settings=changes.settings,
        lost=changes.lost,
    )


async def _restore(
    call: Call, contents: Contents, scope: Scope, work: Work, aside: Any, wanted: Restore, mode: str
) -> Changes:
    try:
        return await _changed(call, contents, scope, work, aside, wanted, mode)
    except Stopped:
        raise ManageError(
            "unavailable", "The restore was stopped.", "Start it again; what is done stays done."
        ) from None


async def _changed(
    call: Call, contents: Contents, scope: Scope, work: Work, aside: Any, wanted: Restore, mode: str
) -> Changes:
    if mode == "exact":
        changes: Changes = await aside(lambda: _everything(contents))
        if not wanted.dry_run:
            async with only_one(call.context, work):
                await restore_exactly(call, contents, work, aside)
                changes.lost = len(contents.lost)
        return changes
    job = MergeJob(call, contents, scope, work, aside, flags=wanted.flags, dry=wanted.dry_run)
    if wanted.dry_run:
        return await merge(job)
    async with only_one(call.context, work):
        return await merge(job)


async def _tell(call: Call, work: Work) -> None:
    told = work.now
    while True:
        await asyncio.sleep(TELL_SECONDS)
        if work.now is not told:
            told = work.now
            await call.emit(told)


def _open(call: Call, wanted: Restore, work: Work) -> Contents:
    repository = repository_of(call.context, wanted.place, wanted.key, work=work)
    if repository.keys.private is None:
        raise ManageError(
            "refused",
            "Restoring needs the recovery key.",
            "Give the key that `posthouse backup init` showed.",
        )
    backup = choose(repository, wanted.id) if not wanted.at else _newest_at(repository, wanted.at)
    contents = Contents(repository, repository.read_manifest(backup), skip_damaged=wanted.skip_damaged)
    contents.check_known()
    return contents


def _newest_at(repository: Repository, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ManageError(
            "invalid", f"{text!r} is no date.", "Write it like 2026-11-20 or 2026-11-20T08:30."
        ) from None
    try:
        upto = (moment + timedelta(days=1) if len(text) <= 10 else moment).timestamp()
    except (ValueError, OverflowError, OSError):
        raise ManageError("invalid", f"{text} is out of range.", "Write a date of this century.") from None
    found = [backup for backup in repository.backups() if moment_of(backup) < upto]
    if not found:
        raise ManageError(
            "missing", f"There is no backup as old as {text}.", "`posthouse backup list` shows them."
        )
    return found[-1]


def _scope(wanted: Restore) -> Scope:
    if wanted.id and wanted.at:
        raise ManageError("invalid", "A backup is named by its id or by a date.", "Give one of them.")
    if wanted.domain and wanted.account:
        raise ManageError("invalid", "Domain and account exclude one another.", "Give one of them.")
    if (wanted.folder and not wanted.account) or (wanted.uid and not wanted.folder) or wanted.uid < 0:
        raise ManageError(
            "invalid",
            "A folder is one of an account, a UID one of a folder.",
            "Give what it belongs to as well.",
        )
    return Scope(
        domain_name(wanted.domain) if wanted.domain else "",
        own_address(wanted.account).key if wanted.account else "",
        canonical(wanted.folder) if wanted.folder else "",
        wanted.uid,
    )


async def _mode(call: Call, wanted: Restore, scope: Scope) -> str:
    whole = scope == Scope()
    database = call.context.database
    under_way = await database.scan(get_state, STATE)
    able = whole and (under_way is not None or await database.scan(is_empty))
    if under_way is not None and not (able and wanted.mode != "merge"):
        raise ManageError(
            "refused",
            f"The restore of backup {under_way['backup']} has not ended.",
            "Run it again with the same backup; it goes on where it was cut off.",
        )
    if wanted.mode == "exact" and not able:
        raise ManageError(
            "refused",
            "Only an empty server can be restored exactly, and only as a whole.",
            "Use the mode merge, which adds what is missing.",
        )
    return "exact" if able and wanted.mode != "merge" else "merge"


def _everything(contents: Contents) -> Changes:
    manifest = contents.manifest
    changes = Changes(
        domains=len(manifest.domains),
        accounts=len(manifest.accounts),
        mailboxes=sum(each.mailboxes for each in manifest.accounts),
        messages=sum(each.messages for each in manifest.accounts),
        lost=len(manifest.lost),
    )
    changes.say(
        f"put back everything as it was at {time.strftime('%Y-%m-%d %H:%M:%S', time.localtime(manifest.started))}"
    )
    for name in manifest.domains:
        changes.say(f"make domain {name}")
    for each in manifest.accounts:
        changes.say(
            f"make account {each.address} with {each.messages} messages in {each.mailboxes} mailboxes"
        )
    for table in manifest.tables:
        if table.name == "settings_values":
            changes.settings = table.rows
        if table.rows:
            changes.say(f"put back {table.rows} rows of {table.name}")
    return changes
