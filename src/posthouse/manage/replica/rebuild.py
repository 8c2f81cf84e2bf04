"""A new database, filled from the replica and from the bodies that are there; beside the old one until it is whole."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw

from posthouse.database.migrate import migrate
from posthouse.database.urls import sqlite_url
from posthouse.manage.errors import ManageError
from posthouse.manage.replica.copying import transaction
from posthouse.manage.replica.places import GROUPS, MAIL
from posthouse.observe import steps
from posthouse.store.boxes import MAX_UID
from posthouse.store.contract import DELETED, SEEN

GAP = 10_000
"""UIDs, modseqs, UIDVALIDITYs and ids of every table that are skipped: some may have been given out after the replica's
last copy, and none is given to anything else."""

Body = tuple[bytes, int, int]
"""Digest, size and time of a body that is there."""

_NAMED = (
    "SELECT body FROM messages UNION SELECT body FROM deleted_messages UNION SELECT body FROM queue_messages"
)
_ADDRESS = "(SELECT a.address FROM accounts a WHERE a.id = b.account_id)"
_COUNTED = f"""UPDATE mailboxes SET
 messages = coalesce(c.n, 0), unseen = coalesce(c.unseen, 0), deleted = coalesce(c.deleted, 0),
 deleted_size = coalesce(c.deleted_size, 0), size = coalesce(c.size, 0)
FROM mailboxes b LEFT JOIN (SELECT mailbox_id, count(*) n, sum(flags & {SEEN} = 0) unseen,
 sum(flags & {DELETED} != 0) deleted, sum((flags & {DELETED} != 0) * size) deleted_size, sum(size) size
 FROM messages GROUP BY mailbox_id) c ON c.mailbox_id = b.id WHERE b.id = mailboxes.id"""  # noqa: S608
_MOVED_ON = f"""UPDATE mailboxes SET
 uidnext = min({MAX_UID}, {GAP} + max(uidnext, 1 + coalesce((SELECT max(id) & 4294967295 FROM messages
 WHERE messages.id BETWEEN mailboxes.id << 32 AND (mailboxes.id << 32) + 4294967295), 0))),
 highest_modseq = {GAP} + max(highest_modseq, coalesce((SELECT max(modseq) FROM messages
 WHERE mailbox_id = mailboxes.id), 0))"""  # noqa: S608


class Building:
    """The new database, under another name than the one it gets."""

    def __init__(self, main: Path, replica: Path) -> None:
        self.path = Path(f"{main}.repairing")
        for end in ("", "-wal", "-shm", "-journal"):
            Path(f"{self.path}{end}").unlink(missing_ok=True)  # of a repair that was cut off
        migrate(sqlite_url(self.path))
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_URI
        self._connection = apsw.Connection(str(self.path), flags=flags)
        # Nobody sees it before it is whole and flushed.
        self._connection.pragma("journal_mode", "delete")
        self._connection.pragma("synchronous", "off")
        self._connection.execute("ATTACH ? AS r", (f"{replica.as_uri()}?mode=rw",))

    def fill(self) -> list[str]:
        """Take all rows of the replica; the tables it does not have. Raises ManageError, apsw.Error."""
        if self._rows("PRAGMA r.quick_check") != [("ok",)]:
            raise ManageError(
                "failed",
                "The replica records.db is damaged, too.",
                "Restore a backup (docs/manual/backup.md).",
            )
        missing = []
        for name in (*(each for group in GROUPS.values() for each in group), *MAIL):
            with transaction(self._connection):
                if not self._take(name):
                    missing.append(name)
            steps.step("repair.table")
        return missing

    def _take(self, name: str) -> bool:
        listed = "SELECT name FROM pragma_table_info(?, ?)"
        theirs = {row[0] for row in self._rows(listed, (name, "r"))}
        columns = ", ".join(f'"{row[0]}"' for row in self._rows(listed, (name, "main")) if row[0] in theirs)
        if not columns:
            return False
        self._connection.execute(f'DELETE FROM main."{name}"')  # noqa: S608
        self._connection.execute(f'INSERT INTO main."{name}" ({columns}) SELECT {columns} FROM r."{name}"')  # noqa: S608
        return True

    def check_bodies(self, bodies: Iterable[Body]) -> list[str]:
        """Enter the bodies that are there, and keep out what has none; a line for each such row."""
        with transaction(self._connection):
            self._connection.executemany("INSERT INTO bodies VALUES (?, ?, ?, NULL)", bodies)
        without = "body NOT IN (SELECT digest FROM bodies)"
        with transaction(self._connection):
            lost = [
                f"{address or f'account {account}'}: {name}, UID {identity & MAX_UID}"
                for identity, name, account, address in self._rows(
                    f"SELECT m.id, b.name, b.account_id, {_ADDRESS} FROM messages m "  # noqa: S608
                    f"JOIN mailboxes b ON b.id = m.mailbox_id WHERE m.{without}"
                )
            ]
            queued = self._rows(f"SELECT id FROM queue_messages WHERE {without}")  # noqa: S608
            lost += [f"the queue: message {row[0]}" for row in queued]
            for table in ("messages", "deleted_messages", "queue_messages"):
                self._connection.execute(f"DELETE FROM {table} WHERE {without}")  # noqa: S608
            self._connection.execute(
                "DELETE FROM queue_recipients WHERE message_id NOT IN (SELECT id FROM queue_messages)"
            )
        return lost

    def unnamed(self) -> list[str]:
        """Digests of bodies that no row names."""
        rows = self._rows(f"SELECT digest FROM bodies WHERE digest NOT IN ({_NAMED})")  # noqa: S608
        return [bytes(row[0]).hex() for row in rows]

    def settle(self) -> tuple[int, int]:
        """Count anew, and move on all numbers that must not be given out twice; how many mailboxes and messages there
        are."""
        with transaction(self._connection):
            run = self._connection.execute
            run(_COUNTED)
            run(_MOVED_ON)
            run("UPDATE mailboxes SET tombstones_from = highest_modseq")
            run("UPDATE counters SET value = value + ? WHERE name = 'uidvalidity'", (GAP,))
            run("UPDATE queue_recipients SET lease_token = '', lease_owner = '', lease_until = 0.0")
            run("DELETE FROM sqlite_sequence WHERE name IN (SELECT name FROM r._given)")
            run("INSERT INTO sqlite_sequence (name, seq) SELECT name, seq + ? FROM r._given", (GAP,))
            run("INSERT OR REPLACE INTO backup_state SELECT name, value FROM r._kept WHERE name = 'lineage'")
            ((boxes, messages),) = self._rows(
                "SELECT (SELECT count(*) FROM mailboxes), (SELECT count(*) FROM messages)"
            )
        return int(boxes), int(messages)

    def finish(self) -> None:
        """Check it and put it on the disk. Raises ManageError."""
        found = self._rows("PRAGMA main.quick_check")
        self.close()
        if found != [("ok",)]:
            raise ManageError("failed", "The new database cannot be read.", "Look at the disk.")
        descriptor = os.open(self.path, os.O_RDWR)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.chmod(self.path, 0o600)

    def close(self) -> None:
        """Let go of the files. May be called twice."""
        self._connection.close()

    def _rows(self, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        return self._connection.execute(text, values).fetchall()
