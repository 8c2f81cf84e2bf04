"""Is the database the one the replica was made of, and not older? Else the replica must not follow it."""

from __future__ import annotations

import apsw

LINEAGE = "lineage"
"""The name under which the database (in ``backup_state``) and the replica (in ``_kept``) keep their lineage."""

_OWN = "SELECT value FROM main._kept WHERE name = 'lineage'"
_MAIN = "SELECT value FROM m.backup_state WHERE name = 'lineage'"
_GIVEN = (
    "SELECT g.name FROM main._given g LEFT JOIN m.sqlite_sequence s ON s.name = g.name "
    "WHERE coalesce(s.seq, 0) < g.seq LIMIT 1"
)
_BEHIND = (
    "SELECT p.mailbox_id FROM main._progress p JOIN m.mailboxes b ON b.id = p.mailbox_id "
    "WHERE b.highest_modseq < p.modseq OR b.uidnext < p.uidnext LIMIT 1"
)


def prepare(connection: apsw.Connection) -> None:
    """Make the replica's own tables."""
    for text in (
        "CREATE TABLE IF NOT EXISTS main._kept (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE IF NOT EXISTS main._given (name TEXT PRIMARY KEY, seq INTEGER NOT NULL)",
        "CREATE TABLE IF NOT EXISTS main._progress "
        "(mailbox_id INTEGER PRIMARY KEY, modseq INTEGER NOT NULL, uidnext INTEGER NOT NULL)",
    ):
        connection.execute(text)


def compare(connection: apsw.Connection) -> str:
    """Why the replica must not follow the database; "" when it may. ``prepare`` was called before."""
    own, main = connection.execute(_OWN).fetchall(), connection.execute(_MAIN).fetchall()
    if not own:
        return ""
    if not main or main[0][0] != own[0][0]:
        return "the database is not the one that was here before"
    found = connection.execute(_GIVEN).fetchall()
    if found:
        return f"the database is older than what is known of it (table {found[0][0]})"
    found = connection.execute(_BEHIND).fetchall()
    return f"the database is older than what is known of it (mailbox {found[0][0]})" if found else ""


def adopt(connection: apsw.Connection) -> None:
    """Take over the database's lineage, where the replica has none."""
    connection.execute(
        "INSERT OR IGNORE INTO main._kept SELECT name, value FROM m.backup_state WHERE name = 'lineage'"
    )
