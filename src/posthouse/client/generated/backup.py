"""Backup. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from typing import Literal

import msgspec

from posthouse.client.generated.shared import Progress
from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given, path_of


class BackupChecked(msgspec.Struct, frozen=True, kw_only=True):
    """What was checked. `content`: also what the files hold (the recovery key was given). `errors` has the
    first thousand lines. `lost`: messages that were damaged already when the backup was made."""

    id: str
    content: bool
    objects: int
    bytes: int
    errors: list[str]
    error_count: int
    lost: int


class BackupLine(msgspec.Struct, frozen=True, kw_only=True):
    """One backup. Times in seconds since 1970; `trouble` is set where its manifest cannot be read."""

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


class BackupLines(msgspec.Struct, frozen=True, kw_only=True):
    """Newest first."""

    place: str
    backups: list[BackupLine]


class BackupStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`ready`: a place and keys are set. `running`: what a backup under way does now, else empty. `last_*`:
    the newest run, `good_at` when the newest one that worked began; `next_at` when the schedule makes the
    next. Times in seconds since 1970, 0 for never."""

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


class BackupView(msgspec.Struct, frozen=True, kw_only=True):
    """What is in a backup. `bytes`: of all messages, each once. `tables` counts rows."""

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


class BackupsPruned(msgspec.Struct, frozen=True, kw_only=True):
    """What went, or would go."""

    backups: list[str]
    objects: int
    bytes: int
    dry_run: bool


class BackupsReady(msgspec.Struct, frozen=True, kw_only=True):
    """`recovery_key` is shown this once; nobody keeps it. Empty with a passphrase and after adopting."""

    place: str
    protection: str
    recovery_key: str


class HeldAccount(msgspec.Struct, frozen=True, kw_only=True):
    """An account in a backup."""

    address: str
    mailboxes: int
    messages: int
    bytes: int


class Restored(msgspec.Struct, frozen=True, kw_only=True):
    """What changed, or would change. `changes` holds the first ten thousand lines, `change_count` counts
    all. `lost`: messages that were damaged already when the backup was made."""

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


class BackupCalls(Topic):
    """Calls of the topic Backup."""

    def backup_status(self) -> BackupStatus:
        """Show how the last backup went and when the next one is due. Right: view."""
        return self._link.ask("GET", "/backup", BackupStatus)

    def backup_list(self) -> BackupLines:
        """List the backups with when they were made and what they hold. Right: view."""
        return self._link.ask("GET", "/backup/backups", BackupLines)

    def backup_run(self) -> Stream[Progress, BackupLine]:
        """Make a backup now, while mail flows. Only what no earlier backup holds is written. Right: change.
        What is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream("POST", "/backup/backups", BackupLine, (Progress,))

    def backup_show(self, id: str) -> BackupView:
        """Show what is in a backup: domains, accounts, counts and sizes. Right: view."""
        return self._link.ask("GET", path_of("/backup/backups/{}", id), BackupView)

    def backup_verify(
        self, id: str, *, place: str = "", key: str = "", mend: bool = False
    ) -> Stream[Progress, BackupChecked]:
        """Check that every file of a backup is there and whole, without restoring it. Right: change. What is
        told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "POST",
            path_of("/backup/backups/{}/verify", id),
            BackupChecked,
            (Progress,),
            body=given({}, ("place", place, ""), ("key", key, ""), ("mend", mend, False)),
        )

    def backup_init(
        self,
        *,
        place: str = "",
        protection: Literal["key", "passphrase", "none"] = "key",
        passphrase: str = "",
        adopt: bool = False,
        key: str = "",
        force: bool = False,
        idempotency_key: str = "",
    ) -> BackupsReady:
        """Begin to keep backups in a place, and make the recovery key that alone can read them. Right:
        change."""
        return self._link.ask(
            "POST",
            "/backup/init",
            BackupsReady,
            body=given(
                {},
                ("place", place, ""),
                ("protection", protection, "key"),
                ("passphrase", passphrase, ""),
                ("adopt", adopt, False),
                ("key", key, ""),
                ("force", force, False),
            ),
            key=idempotency_key,
        )

    def backup_prune(self, *, dry_run: bool = False, idempotency_key: str = "") -> BackupsPruned:
        """Remove backups that the settings do not keep, and files that no backup needs any more. Right:
        change."""
        return self._link.ask(
            "POST",
            "/backup/prune",
            BackupsPruned,
            body=given({}, ("dry_run", dry_run, False)),
            key=idempotency_key,
        )

    def backup_restore(
        self,
        *,
        key: str = "",
        place: str = "",
        id: str = "",
        at: str = "",
        domain: str = "",
        account: str = "",
        folder: str = "",
        uid: int = 0,
        mode: Literal["auto", "merge", "exact"] = "auto",
        flags: bool = False,
        skip_damaged: bool = False,
        dry_run: bool = False,
    ) -> Stream[Progress, Restored]:
        """Put back what a backup holds: all of it, a domain, an account, a folder or one message. Right:
        change. What is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "POST",
            "/backup/restore",
            Restored,
            (Progress,),
            body=given(
                {},
                ("key", key, ""),
                ("place", place, ""),
                ("id", id, ""),
                ("at", at, ""),
                ("domain", domain, ""),
                ("account", account, ""),
                ("folder", folder, ""),
                ("uid", uid, 0),
                ("mode", mode, "auto"),
                ("flags", flags, False),
                ("skip_damaged", skip_damaged, False),
                ("dry_run", dry_run, False),
            ),
        )
