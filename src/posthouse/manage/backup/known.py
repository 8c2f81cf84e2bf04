"""What a place itself tells of its backups, for a server that does not remember making them."""

from __future__ import annotations

from typing import Any

from posthouse.manage.backup.repository import Repository
from posthouse.manage.backup.sealing import Damaged

TRIED = 5
"""Manifests looked at: where the newest are all damaged, there is no good backup to tell of."""


def newest_good(repository: Repository) -> dict[str, Any] | None:
    """The newest backup whose manifest can be read, as the state ``good`` remembers it; None if there is none.
    Blocking. Raises PlaceError."""
    for backup in reversed(repository.backups()[-TRIED:]):
        try:
            found = repository.read_manifest(backup)
        except Damaged:
            continue
        return {"started": found.started, "finished": found.finished, "ok": True, "id": found.id, "error": ""}
    return None
