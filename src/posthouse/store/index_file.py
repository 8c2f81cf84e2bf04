"""One mailbox's search index: an SQLite file with an FTS5 table of trigrams. Blocking; one thread at a time.

The files of a mailbox lie in a folder named after its id, each named after the nanosecond it was made. The newest one
counts: a file that is damaged, of another format or of another mailbox is never repaired or removed under its readers
but followed by a new, empty one, and removed an hour later. So any number of processes may use the folder: readers see
the newest file at their next question, and of two that fill, the one whose lease it is goes on.

Documents have their message's UID as rowid. They are never removed one by one: content never changes, a UID is never
used again, and whoever asks ignores what is no longer there.
"""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from posthouse.store.index_text import TEXTS

FORMAT = f"1.{TEXTS}.{unicodedata.unidata_version}"
"""Layout of the file, texts in it, and Python's knowledge of letters. A file of another format is made anew."""

LEASE = 60
"""Seconds until another process may go on with filling, when nothing was heard of the one that had begun."""

REMOVAL_WAIT = 3600
"""Seconds a file is left to its readers after a newer one has taken its place."""

_FULL = (apsw.FullError, apsw.NoMemError)
_BUSY = (apsw.BusyError, apsw.LockedError, apsw.InterruptError)
_JOURNAL_BYTES = 8 << 20
_CHECKPOINT_PAGES = 2000
_READER_WAIT, _WRITER_WAIT = 200, 5000
_MERGE_PAGES = 100
_WRITER_CACHE_KB = 8192
_FILE = re.compile(r"[0-9]{20}\.db")

_SCHEMA = (
    "PRAGMA journal_mode = WAL",
    "CREATE TABLE state (format TEXT, mailbox TEXT, upto INTEGER, mark TEXT, documents INTEGER, filler TEXT,"
    " until INTEGER)",
    "CREATE TABLE unread (uid INTEGER PRIMARY KEY)",
    "CREATE VIRTUAL TABLE texts USING fts5(text, content='', columnsize=0, detail=none,"
    " tokenize='trigram case_sensitive 1')",
    "INSERT INTO texts (texts, rank) VALUES ('automerge', 8)",
    "INSERT INTO texts (texts, rank) VALUES ('hashsize', 4194304)",
)
"""``upto``: the last UID looked at, ``mark`` the body's digest of that message, ``documents`` how many were added.
``unread``: messages that could not be indexed; they are candidates of every search."""


class IndexDamaged(Exception):
    """The file is no index of this mailbox that this program can use: a new one must take its place."""


class IndexUnavailable(Exception):
    """The index cannot be used for now: disk full, file locked, folder not writable."""


@dataclass(frozen=True, slots=True)
class IndexState:
    """How far a mailbox is indexed."""

    upto: int
    mark: str
    documents: int


class IndexFile:
    """An open file. Raises :class:`IndexDamaged` and :class:`IndexUnavailable`, nothing else. ``documents``: how
    many it held when it was opened."""

    def __init__(self, path: Path, mailbox: str, *, writing: bool) -> None:
        self.path = path
        self._mailbox = mailbox
        try:
            self._connection = apsw.Connection(os.fspath(path), flags=apsw.SQLITE_OPEN_READWRITE)
        except apsw.Error as error:
            raise _trouble(error) from error
        try:
            self._prepare(writing)
            self.documents = self.state().documents
        except apsw.Error as error:
            self.close()
            raise _trouble(error) from error
        except BaseException:
            self.close()
            raise

    def _prepare(self, writing: bool) -> None:
        connection = self._connection
        connection.set_busy_timeout(_WRITER_WAIT if writing else _READER_WAIT)
        connection.execute("PRAGMA synchronous = NORMAL")
        if writing:
            connection.execute(f"PRAGMA cache_size = -{_WRITER_CACHE_KB}")
            connection.execute(f"PRAGMA journal_size_limit = {_JOURNAL_BYTES}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
        else:
            connection.execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Give it back."""
        with suppress(apsw.Error):
            self._connection.close(True)

    def state(self) -> IndexState:
        """How far it is filled."""
        try:
            return self._state()
        except apsw.Error as error:
            raise _trouble(error) from error

    def _state(self) -> IndexState:
        rows: list[tuple[Any, ...]] = self._connection.execute(
            "SELECT format, mailbox, upto, mark, documents FROM state"
        ).fetchall()
        if len(rows) != 1 or rows[0][:2] != (FORMAT, self._mailbox):
            raise IndexDamaged("of another format or mailbox")
        return IndexState(*rows[0][2:])

    def find(self, expression: str) -> tuple[IndexState, list[int]]:
        """The state, and the UIDs up to it that may match, in no order."""
        connection = self._connection
        try:
            with _transaction(connection, "DEFERRED"):  # one snapshot
                state = self._state()
                found = [row[0] for row in connection.execute("SELECT uid FROM unread")]
                rows = connection.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (expression,))
                found += [row[0] for row in rows]
        except apsw.Error as error:
            raise _trouble(error) from error
        return state, found

    # filling

    def claim(self, filler: str) -> IndexState | None:
        """Take the lease, unless another has it."""
        now = int(time.time())
        changed = self._change(
            "UPDATE state SET filler = ?1, until = ?2 WHERE filler = ?1 OR until < ?3 OR until > ?4",
            (filler, now + LEASE, now, now + 2 * LEASE),
        )
        return self.state() if changed else None

    def release(self, filler: str) -> None:
        """Give the lease back."""
        self._change("UPDATE state SET until = 0 WHERE filler = ?", (filler,))

    def add(self, filler: str, documents: Iterable[tuple[int, str, str | None]]) -> int | None:
        """Add messages as (UID, digest, text), in order of UID, in one transaction; a text of None cannot be indexed.
        Returns the last UID added, None when the lease is lost or there was nothing to add."""
        connection = self._connection
        upto, mark, count = 0, "", 0
        try:
            with _transaction(connection, "IMMEDIATE"):
                if not self._change(
                    "UPDATE state SET until = ? WHERE filler = ?", (int(time.time()) + LEASE, filler)
                ):
                    return None
                for uid, digest, text in documents:
                    if text is None:
                        connection.execute("INSERT OR IGNORE INTO unread (uid) VALUES (?)", (uid,))
                    else:
                        connection.execute("INSERT INTO texts (rowid, text) VALUES (?, ?)", (uid, text))
                    upto, mark, count = uid, digest, count + 1
                connection.execute(
                    "UPDATE state SET upto = ?, mark = ?, documents = documents + ? WHERE ?",
                    (upto, mark, count, count > 0),
                )
        except apsw.Error as error:
            raise _trouble(error) from error
        return upto or None

    def merge(self, first: bool) -> bool:
        """One short step towards a single segment, in which questions are quickest; False once nothing is left to
        do."""
        before = self._connection.total_changes()
        pages = -_MERGE_PAGES if first else _MERGE_PAGES
        self._change("INSERT INTO texts (texts, rank) VALUES ('merge', ?)", (pages,))
        return self._connection.total_changes() - before >= 2

    def _change(self, statement: str, values: Sequence[object]) -> int:
        try:
            self._connection.execute(statement, values)
            return self._connection.changes()
        except apsw.Error as error:
            raise _trouble(error) from error


@contextmanager
def _transaction(connection: apsw.Connection, kind: str) -> Iterator[None]:
    connection.execute(f"BEGIN {kind}")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _trouble(error: apsw.Error) -> Exception:
    if isinstance(error, (*_FULL, *_BUSY, apsw.CantOpenError, apsw.ReadOnlyError, apsw.PermissionsError)):
        return IndexUnavailable(str(error))
    return IndexDamaged(str(error))


# the folder of a mailbox


def newest(folder: Path) -> Path | None:
    """The file that counts, None without any."""
    names = [name for name in _names(folder) if _FILE.fullmatch(name)]
    return folder / max(names) if names else None


def make(folder: Path, mailbox: str) -> Path:
    """A new, empty file, which from now on is the newest. Nobody but the server's account may read it."""
    current = newest(folder)
    name = f"{max(time.time_ns(), _born(current) + 1 if current else 0):020d}"
    draft = folder / f"{name}.new"
    try:
        folder.parent.mkdir(mode=0o700, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = apsw.Connection(os.fspath(draft), flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            for statement in _SCHEMA:
                connection.execute(statement)
            connection.execute("INSERT INTO state VALUES (?, ?, 0, '', 0, '', 0)", (FORMAT, mailbox))
        finally:
            connection.close()
        path = folder / f"{name}.db"
        os.rename(draft, path)
    except (OSError, apsw.Error) as error:
        raise IndexUnavailable(str(error)) from error
    return path


def remove(folder: Path) -> None:
    """Remove a mailbox's index. What somebody has open on a system that forbids it stays for the next time."""
    for name in _names(folder):
        with suppress(OSError):
            os.unlink(folder / name)
    with suppress(OSError):
        folder.rmdir()


def remove_old(folder: Path) -> None:
    """Remove files that a newer one has replaced, and drafts that were never finished, once their time is over."""
    current = newest(folder)
    before = time.time_ns() - REMOVAL_WAIT * 10**9
    if current is not None and _born(current) > before:
        return
    for name in _names(folder):
        path = folder / name
        if (current is None or not name.startswith(current.name)) and _born(path) < before:
            with suppress(OSError):
                os.unlink(path)


def _born(path: Path) -> int:
    """When a file was made, by its name."""
    number = path.name.partition(".")[0]
    return int(number) if number.isdecimal() else 0


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
