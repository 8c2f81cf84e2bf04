"""The replica of one data folder, followed by one thread at a time."""

from __future__ import annotations

import os
import time
from pathlib import Path

import apsw

from posthouse.database.folder import hold
from posthouse.manage.replica import files
from posthouse.manage.replica.copying import copy_mail, copy_tables
from posthouse.manage.replica.guard import adopt, compare, prepare
from posthouse.manage.replica.places import GROUPS
from posthouse.observe.log import logger

END_SECONDS = 4.0
"""How long copying goes on when the server stops."""
LEAST_SECONDS = 2.0
"""Between two copies of the same tables."""
SHARE = 50.0
"""What takes a second is done again after this many, at the soonest."""
PAUSE = 0.002
"""Seconds between two units of a long copy."""

ALL = ("directory", "mail", "queue", "history")
MEND = "see docs/manual/repair.md: posthouse repair, or posthouse repair --keep to take the database as it is"

log = logger("records")


class Ended(Exception):
    """The server stops; what is left is copied after its next start."""


class Replica:
    """Blocking; one call at a time, from any thread."""

    def __init__(self, data: str | os.PathLike[str], main: Path) -> None:
        self._data = Path(data)
        self._main = main
        self._connection: apsw.Connection | None = None
        self._due = dict.fromkeys(ALL, 0.0)
        self._dirty = set(ALL)
        self._version = -1
        self._checked = False
        self._until = 0.0

    def check(self) -> str:
        """Compare the database with the replica; why it is not followed, "" when it is. That stays so until a repair
        decided. Raises apsw.Error, OSError."""
        marker = files.marker_path(self._data)
        if not marker.exists():
            with hold(self._data / "records.lock") as held:
                if not held:
                    return ""
                reason = self._compare()
                self._checked = True
            if not reason:
                return ""
            marker.write_text(reason + "\n", encoding="utf-8")
        reason = marker.read_text(encoding="utf-8").strip()
        log.warning("records.ahead", reason=reason, mend=MEND)
        return reason

    def _compare(self) -> str:
        try:
            return compare(self._open())
        except (apsw.CorruptError, apsw.NotADBError) as error:
            self.close()
            moved = files.put_replica_aside(self._data)
            log.warning("records.damaged", reason=str(error), aside=str(moved[0]) if moved else "")
            return compare(self._open())

    def once(self, *, changed: bool = True) -> float:
        """Copy what is new. Seconds after which to call it again although nothing changes; 0: no need. Raises
        apsw.Error, OSError."""
        if files.is_ahead(self._data) or (not self._checked and (self.check() or not self._checked)):
            return 0.0
        with hold(self._data / "records.lock") as held:
            if held:
                try:
                    self._copy(changed)
                except Ended:
                    return 0.0
        if not self._dirty:
            return 0.0
        return max(0.1, min(self._due[name] for name in self._dirty) - time.monotonic())

    def end(self) -> None:
        """The next copy is the last one, and is not to take long."""
        self._until = time.monotonic() + END_SECONDS
        self._due = dict.fromkeys(ALL, 0.0)

    def close(self) -> None:
        """Let go of the files. May be called twice."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _copy(self, changed: bool) -> None:
        connection = self._open()
        adopt(connection)
        version = connection.execute("PRAGMA m.data_version").fetchall()[0][0]
        if changed or version != self._version:
            self._dirty = set(ALL)
        self._version = int(str(version))
        for name in ALL:
            begun = time.monotonic()
            if name not in self._dirty or self._due[name] > begun:
                continue
            if name == "mail":
                copy_mail(connection, self._pause)
            else:
                copy_tables(connection, GROUPS[name])
            self._dirty.discard(name)
            now = time.monotonic()
            self._due[name] = now + max(LEAST_SECONDS, SHARE * (now - begun))

    def _pause(self) -> None:
        if self._until and time.monotonic() > self._until:
            raise Ended
        time.sleep(PAUSE)

    def _open(self) -> apsw.Connection:
        if self._connection is None:
            connection = files.attach(files.replica_path(self._data), self._main)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection
