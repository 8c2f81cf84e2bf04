"""Backups."""

from __future__ import annotations

from posthouse.api.route import Route

_HERE: dict[str, object] = {"place": "", "key": ""}
"""A recovery key does not belong into an address that is logged: what is looked at by GET is the server's own place."""

ROUTES = (
    Route("GET", "/backup", "backup.status", "Backup"),
    Route("POST", "/backup/init", "backup.init", "Backup", status=201),
    Route("GET", "/backup/backups", "backup.list", "Backup", items="backups", fixed=_HERE),
    Route("POST", "/backup/backups", "backup.run", "Backup", status=201, stream=True),
    Route("GET", "/backup/backups/{id}", "backup.show", "Backup", fixed=_HERE),
    Route("POST", "/backup/backups/{id}/verify", "backup.verify", "Backup", stream=True),
    Route("POST", "/backup/restore", "backup.restore", "Backup", stream=True),
    Route("POST", "/backup/prune", "backup.prune", "Backup"),
)
