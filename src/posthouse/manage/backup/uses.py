"""The uses of backups. Making, listing and checking need only what the server knows; looking into messages and
restoring need the recovery key, which the server forgets again."""

from __future__ import annotations

from typing import Any

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.stored import put_setting
from posthouse.manage.audit import note
from posthouse.manage.backup import keys
from posthouse.manage.backup.access import (
    Work,
    get_state,
    in_thread,
    only_one,
    place_of,
    put_state,
    repository_of,
)
from posthouse.manage.backup.contents import check
from posthouse.manage.backup.keys import Protection
from posthouse.manage.backup.known import newest_good
from posthouse.manage.backup.making import at_work, due_at, make_backup, prune_backups
from posthouse.manage.backup.manifest import Manifest
from posthouse.manage.backup.place import Place
from posthouse.manage.backup.repository import DESCRIPTOR, ID, Repository
from posthouse.manage.backup.retention import moment_of
from posthouse.manage.backup.sealing import Damaged
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Nothing, Private, use
from posthouse.settings import backup as settings

MAX_LISTED = 10_000


class InitBackups(Private, frozen=True, forbid_unknown_fields=True):
    """``place``: where, the setting if empty. ``protection``: ``key`` makes a recovery key, ``passphrase`` takes the
    one given, ``none`` leaves the key beside the backups. ``adopt``: go on with the backups that are there, whose
    recovery key (or passphrase) is ``key``. ``force``: begin anew although backups are set up already; those there
    are stay where they are, and only the recovery key of then reads them."""

    place: str = ""
    protection: Protection = "key"
    passphrase: str = ""
    adopt: bool = False
    key: str = ""
    force: bool = False


class BackupsReady(Private, frozen=True):
    """``recovery_key`` is shown this once; nobody keeps it. Empty with a passphrase and after adopting."""

    place: str
    protection: str
    recovery_key: str


class WhichPlace(Private, frozen=True, forbid_unknown_fields=True):
    """Another place than the settings' one, with its recovery key."""

    place: str = ""
    key: str = ""


class WhichBackup(Private, frozen=True, forbid_unknown_fields=True):
    """A backup by its id, the newest if empty; in another place with its recovery key."""

    id: str = ""
    place: str = ""
    key: str = ""


class CheckBackup(Private, frozen=True, forbid_unknown_fields=True):
    """Without ``key`` every file's signature is checked, with it every message's own hash as well. ``mend`` removes
    damaged files, so that the next backup writes them again from what the server still has."""

    id: str = ""
    place: str = ""
    key: str = ""
    mend: bool = False


class PruneBackups(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``dry_run``: only say what would go."""

    dry_run: bool = False


class BackupLine(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Times in seconds since 1970; ``trouble`` is set where its manifest cannot be read."""

    id: str
    started: float
    finished: float = 0.0
    accounts: int = 0
    messages: int = 0
    bytes: int = 0
    new_objects: int = 0
    new_bytes: int = 0
    lost: int = 0
    trouble: str = ""


class BackupLines(msgspec.Struct, frozen=True):
    """Newest first."""

    place: str
    backups: list[BackupLine]


class HeldAccount(msgspec.Struct, frozen=True):
    """An account in a backup."""

    address: str
    mailboxes: int
    messages: int
    bytes: int


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. ``bytes``: of all messages, each once. ``tables`` counts rows."""

    id: str
    started: float
    finished: float
    parent: str
    program: str
    hostname: str
    domains: list[str]
    accounts: list[HeldAccount]
    tables: dict[str, int]
    bodies: int
    bytes: int
    new_objects: int
    new_bytes: int
    lost: int


class BackupChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked. ``content``: also what the files hold (the recovery key was given). ``errors`` has the first
    thousand lines. ``lost``: messages that were damaged already when the backup was made."""

    id: str
    content: bool
    objects: int
    bytes: int
    errors: list[str]
    error_count: int
    lost: int


class BackupsPruned(msgspec.Struct, frozen=True):
    """What went, or would go."""

    backups: list[str]
    objects: int
    bytes: int
    dry_run: bool


class BackupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """``ready``: a place and keys are set. ``running``: what a backup under way does now, else empty. ``last_*``: the
    newest run, ``good_at`` when the newest one that worked began; ``next_at`` when the schedule makes the next. Times
    in seconds since 1970, 0 for never."""

    ready: bool
    place: str
    running: str
    last_at: float
    last_ok: bool
    last_id: str
    last_error: str
    good_at: float
    next_at: float
    restoring: str


@use("backup.init", right="change")
async def init(call: Call, wanted: InitBackups) -> BackupsReady:
    """Begin to keep backups in a place, and make the recovery key that alone can read them."""
    where = wanted.place or call.context.settings.now[settings.PLACE]
    if (
        wanted.protection == "passphrase"
        and not wanted.adopt
        and len(wanted.passphrase) < keys.MIN_PASSPHRASE
    ):
        raise ManageError(
            "invalid",
            f"The passphrase has fewer than {keys.MIN_PASSPHRASE} characters.",
            "Take several words; whoever gets at the backups can try passphrases as long as they like.",
        )
    if not wanted.adopt and not wanted.force:
        _refuse_again(call)
    work = Work()

    def job() -> tuple[str, keys.Keys, str, dict[str, Any] | None]:
        place = place_of(call.context, where)
        if wanted.adopt:
            repository = repository_of(call.context, where, wanted.key)
            return "adopted", repository.keys, "", newest_good(repository)
        _refuse_used(place, where)
        descriptor, made, text = keys.make(wanted.protection, wanted.passphrase)
        place.put(DESCRIPTOR, [msgspec.json.encode(descriptor)])
        place.settle()
        return wanted.protection, made, text, None

    def op(tx: Transaction, protection: str, made: keys.Keys, good: dict[str, Any] | None) -> None:
        feed = call.context.feed
        put_setting(tx, settings.PLACE.name, where, feed=feed)
        put_setting(tx, settings.RECIPIENT.name, made.recipient.hex(), feed=feed)
        put_setting(tx, settings.SECRET.name, made.secret.hex(), feed=feed)
        put_state(tx, "last", None)  # the schedule begins anew here, whatever went wrong elsewhere
        if wanted.adopt:
            put_state(tx, "good", good)
        note(tx, call.actor, "backup.init", where, after={"place": where, "protection": protection})

    protection, made, text, good = await in_thread(call, work, job)
    await call.context.database.run(op, protection, made, good)
    return BackupsReady(where, protection, text)


def _refuse_again(call: Call) -> None:
    """Another place or key is nothing to get by a slip: the recovery key of before would not read new backups."""
    now = call.context.settings.now
    if now[settings.PLACE] and now[settings.SECRET]:
        raise ManageError(
            "exists",
            f"Backups are set up already, in {now[settings.PLACE]}.",
            "To go on in another place with another recovery key, say so (--force).",
        )


def _refuse_used(place: Place, where: str) -> None:
    """A place with backups in it must not get another key. Blocking."""
    if place.size(DESCRIPTOR) is not None and next(place.names("manifests"), None) is not None:
        raise ManageError(
            "exists",
            f"There are backups in {where} already.",
            "Go on with them by --adopt and their recovery key, or name an empty place.",
        )


@use("backup.run", right="change")
async def run(call: Call, wanted: Nothing) -> BackupLine:
    """Make a backup now, while mail flows. Only what no earlier backup holds is written."""
    return _line(await make_backup(call))


@use("backup.list", right="view")
async def list_backups(call: Call, wanted: WhichPlace) -> BackupLines:
    """List the backups with when they were made and what they hold."""

    def job() -> list[BackupLine]:
        repository = repository_of(call.context, wanted.place, wanted.key)
        lines = []
        for backup in reversed(repository.backups()[-MAX_LISTED:]):
            try:
                lines.append(_line(repository.read_manifest(backup)))
            except Damaged as trouble:
                lines.append(BackupLine(id=backup, started=moment_of(backup), trouble=str(trouble)))
        return lines

    lines = await in_thread(call, Work(), job)
    return BackupLines(wanted.place or call.context.settings.now[settings.PLACE], lines)


@use("backup.show", right="view")
async def show(call: Call, wanted: WhichBackup) -> BackupView:
    """Show what is in a backup: domains, accounts, counts and sizes."""

    def job() -> Manifest:
        repository = repository_of(call.context, wanted.place, wanted.key)
        return repository.read_manifest(choose(repository, wanted.id))

    found = await in_thread(call, Work(), job)
    return BackupView(
        id=found.id,
        started=found.started,
        finished=found.finished,
        parent=found.parent,
        program=found.program,
        hostname=found.hostname,
        domains=found.domains,
        accounts=[
            HeldAccount(each.address, each.mailboxes, each.messages, each.size) for each in found.accounts
        ],
        tables={table.name: table.rows for table in found.tables},
        bodies=found.bodies,
        bytes=found.body_bytes,
        new_objects=found.new_objects,
        new_bytes=found.new_bytes,
        lost=len(found.lost),
    )


@use("backup.verify", right="change")
async def verify(call: Call, wanted: CheckBackup) -> BackupChecked:
    """Check that every file of a backup is there and whole, without restoring it."""
    work = Work()

    def job() -> BackupChecked:
        repository = repository_of(call.context, wanted.place, wanted.key, work=work)
        manifest = repository.read_manifest(choose(repository, wanted.id))
        found = check(repository, manifest, work.tell, mend=wanted.mend)
        return BackupChecked(
            id=manifest.id,
            content=repository.keys.private is not None,
            objects=found.objects,
            bytes=found.size,
            errors=found.errors,
            error_count=found.error_count,
            lost=len(manifest.lost),
        )

    if wanted.mend:
        async with only_one(call.context, work):
            return await in_thread(call, work, job)
    return await in_thread(call, work, job)


@use("backup.prune", right="change")
async def prune(call: Call, wanted: PruneBackups) -> BackupsPruned:
    """Remove backups that the settings do not keep, and files that no backup needs any more."""
    done = await prune_backups(call, dry=wanted.dry_run)
    return BackupsPruned(done.backups, done.objects, done.size, wanted.dry_run)


@use("backup.status", right="view")
async def status(call: Call, wanted: Nothing) -> BackupStatus:
    """Show how the last backup went and when the next one is due."""
    context = call.context
    now = context.settings.now

    def op(tx: Transaction) -> tuple[dict[str, object], dict[str, object], dict[str, object]]:
        return get_state(tx, "last") or {}, get_state(tx, "good") or {}, get_state(tx, "restoring") or {}

    last, good, restoring = await context.database.scan(op)
    due = await due_at(context) if context.running else None
    return BackupStatus(
        ready=bool(now[settings.PLACE] and now[settings.SECRET]),
        place=now[settings.PLACE],
        running=at_work(context),
        last_at=_number(last.get("started")),
        last_ok=bool(last.get("ok")),
        last_id=str(last.get("id", "")),
        last_error=str(last.get("error", "")),
        good_at=_number(good.get("started")),
        next_at=due or 0.0,
        restoring=str(restoring.get("backup", "")),
    )


def choose(repository: Repository, backup: str) -> str:
    """The id of the backup meant: the newest if none is named. Raises ManageError."""
    found = repository.backups()
    if backup and not ID.fullmatch(backup):
        raise ManageError(
            "invalid", f"{backup!r} is no id of a backup.", "`posthouse backup list` shows them."
        )
    if backup and backup not in found:
        raise ManageError(
            "missing", f"There is no backup {backup}.", "`posthouse backup list` shows those there are."
        )
    if not found:
        raise ManageError("missing", "There are no backups yet.", "`posthouse backup run` makes one.")
    return backup or found[-1]


def _line(made: Manifest) -> BackupLine:
    return BackupLine(
        id=made.id,
        started=made.started,
        finished=made.finished,
        accounts=len(made.accounts),
        messages=sum(each.messages for each in made.accounts),
        bytes=made.body_bytes,
        new_objects=made.new_objects,
        new_bytes=made.new_bytes,
        lost=len(made.lost),
    )


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
