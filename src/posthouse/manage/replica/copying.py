"""What is new in the database, put into the replica: in SQLite itself, beside everybody else (no lock of Python's is
held while it works). ``m`` is the database, ``main`` the replica; a read of ``m`` sees one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import apsw

UNIT = 500
"""Messages copied in one transaction."""

_CHANGED = (
    "SELECT b.id, coalesce(p.modseq, -1) FROM m.mailboxes b LEFT JOIN main._progress p ON p.mailbox_id = b.id "
    "WHERE p.modseq IS NULL OR b.highest_modseq > p.modseq ORDER BY b.id"
)
_GONE = "SELECT mailbox_id FROM main._progress WHERE mailbox_id NOT IN (SELECT id FROM m.mailboxes)"
_RESTORED = (
    "SELECT 1 FROM m.backup_state b LEFT JOIN main._kept k ON k.name = b.name "
    "WHERE b.name = 'restored' AND b.value IS NOT k.value"
)
_KNOW_RESTORED = (
    "INSERT OR REPLACE INTO main._kept SELECT name, value FROM m.backup_state WHERE name = 'restored'"
)
_PART = (
    "FROM m.messages WHERE mailbox_id = ? AND (modseq, id) > (?, ?) AND id BETWEEN ? AND ? "
    "ORDER BY modseq, id LIMIT ?"
)
_BY_TOMBSTONES = (
    "DELETE FROM main.messages WHERE id IN "
    "(SELECT (mailbox_id << 32) | uid FROM m.tombstones WHERE mailbox_id = ? AND modseq > ?)"
)
_BY_COMPARING = (
    "DELETE FROM main.messages WHERE id BETWEEN ? AND ? "
    "AND id NOT IN (SELECT id FROM m.messages WHERE mailbox_id = ?)"
)
_REACHED = (
    "INSERT OR REPLACE INTO main._progress SELECT id, highest_modseq, uidnext FROM m.mailboxes WHERE id = ?"
)


@contextmanager
def transaction(connection: apsw.Connection) -> Iterator[None]:
    """One of the replica; the database is read at one moment within."""
    connection.execute("BEGIN")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def copy_tables(connection: apsw.Connection, names: Sequence[str]) -> None:
    """Make these tables what they are in the database, all at one moment."""
    with transaction(connection):
        for name in names:
            _same(connection, name)
        connection.execute("INSERT OR REPLACE INTO main._given SELECT name, seq FROM m.sqlite_sequence")


def copy_mail(connection: apsw.Connection, pause: Callable[[], None]) -> None:
    """Bring mailboxes and messages up to date. ``pause`` is called between the units, and may raise to end it."""
    with transaction(connection):
        _same(connection, "mailboxes")
        if _ensure(connection, "messages"):
            connection.execute("DELETE FROM main._progress")
        for (mailbox,) in _rows(connection, _GONE):
            connection.execute("DELETE FROM main.messages WHERE id BETWEEN ? AND ?", _range(int(mailbox)))
            connection.execute("DELETE FROM main._progress WHERE mailbox_id = ?", (mailbox,))
        if _rows(connection, _RESTORED):  # rows came in that are older than what was copied
            connection.execute("DELETE FROM main._progress")
            connection.execute(_KNOW_RESTORED)
        changed = _rows(connection, _CHANGED)
    for mailbox, since in changed:
        _mailbox(connection, int(mailbox), int(since), pause)


def _mailbox(connection: apsw.Connection, mailbox: int, since: int, pause: Callable[[], None]) -> None:
    first, last = _range(mailbox)
    reached = (since, last)
    while True:
        pause()
        with transaction(connection):
            if since < 0:  # so that what is copied of it goes when the mailbox goes
                connection.execute("INSERT OR IGNORE INTO main._progress VALUES (?, -1, 0)", (mailbox,))
            rest = (mailbox, *reached, first, last, UNIT)
            rows = _rows(connection, f"SELECT modseq, id {_PART}", rest)
            connection.execute(f"INSERT OR REPLACE INTO main.messages SELECT * {_PART}", rest)
            if len(rows) < UNIT:
                _expunged(connection, mailbox, since)
                connection.execute(_REACHED, (mailbox,))
                return
            reached = (int(rows[-1][0]), int(rows[-1][1]))


def _expunged(connection: apsw.Connection, mailbox: int, since: int) -> None:
    known = _rows(connection, "SELECT tombstones_from FROM m.mailboxes WHERE id = ?", (mailbox,))
    if since >= 0 and known and int(known[0][0]) <= since:
        connection.execute(_BY_TOMBSTONES, (mailbox, since))
    else:
        connection.execute(_BY_COMPARING, (*_range(mailbox), mailbox))


def _rows(connection: apsw.Connection, text: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    return connection.execute(text, values).fetchall()


def _range(mailbox: int) -> tuple[int, int]:
    """The ids that messages of a mailbox may have."""
    return mailbox << 32, (mailbox << 32) | 0xFFFFFFFF


def _same(connection: apsw.Connection, name: str) -> None:
    _ensure(connection, name)
    keys = connection.execute("SELECT name FROM pragma_table_info(?) WHERE pk > 0", (name,)).fetchall()
    same = " AND ".join(f'o."{key}" = main."{name}"."{key}"' for (key,) in keys)
    gone = f'DELETE FROM main."{name}" WHERE NOT EXISTS (SELECT 1 FROM m."{name}" o WHERE {same})'  # noqa: S608
    new = f'INSERT OR REPLACE INTO main."{name}" SELECT * FROM m."{name}" EXCEPT SELECT * FROM main."{name}"'  # noqa: S608
    connection.execute(gone)
    connection.execute(new)


def _ensure(connection: apsw.Connection, name: str) -> bool:
    """The table as the database has it; whether it had to be made, and so is empty."""
    of = "SELECT sql FROM {}.sqlite_schema WHERE type = 'table' AND name = ?"
    wanted = connection.execute(of.format("m"), (name,)).fetchall()
    if connection.execute(of.format("main"), (name,)).fetchall() == wanted:
        return False
    connection.execute(f'DROP TABLE IF EXISTS main."{name}"')
    connection.execute(str(wanted[0][0]))
    return True
