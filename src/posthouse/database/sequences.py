"""The ids that a database gives by itself: moved on after rows were put in with ids of their own, so that no id is
ever given twice."""

from __future__ import annotations

from sqlalchemy import Table, TextClause, text

from posthouse.database.contract import Transaction

_SQLITE_SET = text("UPDATE sqlite_sequence SET seq = max(seq, :upto) WHERE name = :name")
_SQLITE_ADD = text(
    "INSERT INTO sqlite_sequence (name, seq) SELECT :name, :upto "
    "WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = :name)"
)
_POSTGRESQL = text(
    "SELECT setval(CAST(pg_get_serial_sequence(:name, :key) AS regclass), greatest(CAST(:upto AS bigint), "
    "nextval(CAST(pg_get_serial_sequence(:name, :key) AS regclass)) - 1, 1))"
)


def advance(tx: Transaction, table: Table, upto: int) -> None:
    """The next id the database gives to a row of ``table`` is above ``upto``, and above every id there is. A table
    whose ids it does not give is left alone."""
    column = table.autoincrement_column
    if column is None or upto < 1:
        return
    if tx.engine == "sqlite":
        if table.dialect_kwargs.get("sqlite_autoincrement"):
            tx.execute(_SQLITE_ADD, {"name": table.name, "upto": upto})
            tx.execute(_SQLITE_SET, {"name": table.name, "upto": upto})
    elif tx.engine == "postgresql":
        tx.execute(_POSTGRESQL, {"name": table.name, "key": column.name, "upto": upto})
    elif tx.engine == "mysql":
        tx.execute(_mysql(table.name, upto + 1))


def _mysql(name: str, following: int) -> TextClause:
    """MySQL takes the higher of this and what is there, and no parameters here; it commits the unit by itself."""
    return text(f"ALTER TABLE {name} AUTO_INCREMENT = {following:d}")
