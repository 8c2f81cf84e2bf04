"""Backups, as ``app.backup_manager``."""

from __future__ import annotations

from typing import Literal

from posthouse.client import generated as api
from posthouse.client.stream import Stream


class Backup:
    """One backup, to be restored from."""

    def __init__(self, calls: api.Calls, seen: api.BackupView) -> None:
        self._calls = calls
        self.about = seen

    def __repr__(self) -> str:
        return f"<Backup {self.about.id}>"

    @property
    def contains_domains(self) -> bool:
        """Whether there are domains in it."""
        return bool(self.about.domains)

    @property
    def contains_messages(self) -> bool:
        """Whether there are messages in it."""
        return any(account.messages for account in self.about.accounts)

    def verify(self, *, key: str = "") -> Stream[api.Progress, api.BackupChecked]:
        """Read all of it and compare, without restoring. With ``key`` the content too."""
        return self._calls.backup_verify(self.about.id, key=key)

    def start_restore(
        self,
        *,
        key: str = "",
        domain: str = "",
        account: str = "",
        folder: str = "",
        uid: int = 0,
        mode: Literal["auto", "merge", "exact"] = "auto",
        dry_run: bool = False,
    ) -> Stream[api.Progress, api.Restored]:
        """Restore all of it, or one domain, account, folder or message; with ``dry_run`` only say what would change.
        Iterate over it or ``wait()``."""
        return self._calls.backup_restore(
            id=self.about.id,
            key=key,
            domain=domain,
            account=account,
            folder=folder,
            uid=uid,
            mode=mode,
            dry_run=dry_run,
        )


class BackupManager:
    """``app.backup_manager``."""

    def __init__(self, calls: api.Calls) -> None:
        self._calls = calls

    def start_backup(self) -> api.BackupLine:
        """Make a backup now, and wait for its end."""
        return self.watch_backup().wait()

    def watch_backup(self) -> Stream[api.Progress, api.BackupLine]:
        """The same, telling how far it is."""
        return self._calls.backup_run()

    @property
    def backups(self) -> list[api.BackupLine]:
        """Those at the server's place for backups."""
        return self._calls.backup_list().backups

    @property
    def status(self) -> api.BackupStatus:
        """Whether backups are set up, when the last one was made, when the next will be."""
        return self._calls.backup_status()

    def load_backup(self, backup_id: str) -> Backup:
        """One backup by its id. Raises NotFound."""
        return Backup(self._calls, self._calls.backup_show(backup_id))
