"""One consistent picture of all tables, on a connection of its own, for as long as it takes.

SQLite: a long read would keep the log from being reset, so the file is copied first (one read transaction, at the
disk's speed) and the copy is read. Servers: a read-only transaction that sees one moment.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
from sqlalchemy import Connection, Table, create_engine, func, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool
from sqlalchemy.sql import Select

from posthouse.database.contract import DatabaseUnavailable, Row
from posthouse.database.statements import Compiled
from posthouse.database.urls import parse

PAGES = 2000
"""Pages copied at a step (8 MB)."""
SPARE = 64 << 20
"""Bytes that stay free beside the copy."""
_ROWS = 500

Stop = Callable[[], None]
"""Called between steps; raises to end the work."""


class Picture:
    """The tables at one moment. One thread, one statement at a time."""

    def __init__(self, rows: Callable[[Select[Row]], Iterator[Row]], last_id: Callable[[Table], int]) -> None:
        self.rows = rows
        """Streams the rows of a SELECT."""
        self.last_id = last_id
        """The highest id a table ever gave out by itself, 0 if it gives none."""


@contextlib.contextmanager
def picture(url: str, scratch: Path, stop: Stop = lambda: None) -> Iterator[Picture]:
    """Take a picture of the database at ``url``; ``scratch`` is a folder for the copy. Blocking. Raises
    DatabaseUnavailable."""
    made = parse(url)
    kind = made.get_backend_name()
    if kind == "sqlite":
        with _sqlite(made.database or "", scratch, stop) as found:
            yield found
    elif kind in ("postgresql", "mysql"):
        with _server(made) as found:
            yield found
    else:
        raise DatabaseUnavailable(f"backups of {kind} are not supported; use its own")


@contextlib.contextmanager
def _sqlite(path: str, scratch: Path, stop: Stop) -> Iterator[Picture]:
    size = os.path.getsize(path)
    if shutil.disk_usage(scratch).free < size + SPARE:
        raise DatabaseUnavailable(
            f"a copy of the database ({size} bytes) has no room in {scratch}: make room there"
        )
    copy = str(scratch / "picture.db")
    try:
        _copy(path, copy, stop)
        connection = apsw.Connection(copy, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            yield Picture(
                lambda statement: _sqlite_rows(connection, statement),
                lambda table: _sqlite_id(connection, table),
            )
        finally:
            connection.close()
    except apsw.Error as error:
        raise DatabaseUnavailable(f"the database cannot be copied: {error}") from error
    finally:
        for end in ("", "-wal", "-shm", "-journal"):
            Path(copy + end).unlink(missing_ok=True)


def _copy(path: str, copy: str, stop: Stop) -> None:
    Path(copy).unlink(missing_ok=True)
    os.close(os.open(copy, os.O_CREAT | os.O_WRONLY, 0o600))
    source, target = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE), apsw.Connection(copy)
    try:
        source.set_busy_timeout(20_000)
        target.pragma("synchronous", "off")
        # Within a read transaction of the source's own connection the copy is of one moment, and is not begun anew
        # each time somebody writes.
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_schema").fetchall()
        with target.backup("main", source, "main") as copying:
            while not copying.done:
                stop()
                copying.step(PAGES)
        source.execute("COMMIT")
        target.pragma("journal_mode", "delete")
    finally:
        source.close()
        target.close()


def _sqlite_rows(connection: apsw.Connection, statement: Select[Row]) -> Iterator[Row]:
    made, values = Compiled(statement, None).ready(None)
    yield from connection.execute(made, values)


def _sqlite_id(connection: apsw.Connection, table: Table) -> int:
    if _gives_ids(table) is None:
        return 0
    rows: list[Row] = connection.execute(f'SELECT max("id") FROM "{table.name}"').fetchall()  # noqa: S608
    given = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = ?", (table.name,)).fetchall()
    return max([int(rows[0][0] or 0), *(int(str(row[0])) for row in given)])


@contextlib.contextmanager
def _server(url: URL) -> Iterator[Picture]:
    engine = create_engine(url, poolclass=NullPool, isolation_level="REPEATABLE READ")
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "postgresql":
                connection.execute(text("SET TRANSACTION READ ONLY"))
                connection.execute(text("SELECT 1"))
            else:
                # (rows are fetched as fast as they are written elsewhere, which may be slow)
                connection.exec_driver_sql("SET SESSION net_write_timeout = 3600")
                connection.exec_driver_sql("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
            yield Picture(
                lambda statement: _server_rows(connection, statement),
                lambda table: _server_id(connection, table),
            )
    except DBAPIError as error:
        raise DatabaseUnavailable(f"the database cannot be read: {error.orig}") from error
    finally:
        engine.dispose()


def _server_rows(connection: Connection, statement: Select[Row]) -> Iterator[Row]:
    with connection.execution_options(stream_results=True, yield_per=_ROWS).execute(statement) as result:
        for row in result:
            yield tuple(row)


def _server_id(connection: Connection, table: Table) -> int:
    column = _gives_ids(table)
    if column is None:
        return 0
    highest = connection.execute(select(func.max(table.c[column]))).scalar() or 0
    if connection.dialect.name == "postgresql":
        name = connection.execute(
            text("SELECT pg_get_serial_sequence(:table, :column)"), {"table": table.name, "column": column}
        ).scalar()
        given = connection.execute(text(f"SELECT last_value, is_called FROM {name}")).one()  # noqa: S608
        return max(int(highest), int(given[0]) if given[1] else 0)
    given = connection.execute(
        text(
            "SELECT AUTO_INCREMENT FROM information_schema.TABLES "
            "WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = :table"
        ),
        {"table": table.name},
    ).one()
    return max(int(highest), int(given[0] or 1) - 1)


def _gives_ids(table: Table) -> str | None:
    """The column whose values the database gives by itself."""
    column = table.autoincrement_column
    return None if column is None else column.name
