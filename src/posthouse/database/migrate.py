"""Bring a database to this program's schema version: ``python -m posthouse.database.migrate URL``.

For SQLite, Alembic works through the standard library's SQLite, and two SQLite libraries in one process drop
each other's locks on the file. So Alembic always runs in a child process, before this one opens the file; and
because that child costs half a second, it is only started when the version table does not show the newest
version already.
"""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import apsw
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from posthouse.database import migrations
from posthouse.database.contract import DatabaseUnavailable
from posthouse.database.urls import extra_for, parse

_URL_VARIABLE = "POSTHOUSE_MIGRATE_URL"
"""The URL reaches the child in its environment: other users can read a command line, and it may hold a
password."""


class SchemaTooNew(DatabaseUnavailable):
    """The database was made by a newer posthouse."""


def migrate(url: str) -> None:
    """Bring the database at ``url`` up to date; returns at once when it is. Blocking.

    The caller holds the data folder's lock when the database is a SQLite file. Raises :class:`SchemaTooNew`,
    :class:`DatabaseUnavailable` or ``urls.BadUrl``.
    """
    if current(url) != migrations.HEAD:
        _migrate_in_child(url)
        found = current(url)
        if found != migrations.HEAD:
            raise DatabaseUnavailable(f"the migration ended, but the schema version is {found or 'missing'}")


def current(url: str) -> str:
    """The schema version of a database, "" when it is empty or absent. Raises :class:`SchemaTooNew`."""
    made = parse(url)
    version = _sqlite_version(made) if made.get_backend_name() == "sqlite" else _server_version(made)
    if version and version not in migrations.VERSIONS:
        raise SchemaTooNew(
            f"the database has schema version {version}, this posthouse knows versions up "
            f"to {migrations.HEAD}: install the posthouse that made it, or a newer one"
        )
    return version


def _sqlite_version(url: URL) -> str:
    path = url.database or ""
    if not os.path.exists(path) or os.path.getsize(path) == 0:
        return ""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
        try:
            connection.set_busy_timeout(5000)
            known = connection.execute(
                "SELECT 1 FROM sqlite_schema WHERE name = 'alembic_version'"
            ).fetchall()
            rows = connection.execute("SELECT version_num FROM alembic_version").fetchall() if known else []
        finally:
            connection.close()
    except apsw.Error as error:
        raise DatabaseUnavailable(f"cannot read {path}: {error}") from error
    return str(rows[0][0]) if rows else ""


def _server_version(url: URL) -> str:
    try:
        engine = create_engine(url)
    except ModuleNotFoundError as error:
        raise DatabaseUnavailable(
            f"the driver {error.name} is not installed: pip install 'posthouse[{extra_for(url)}]'"
        ) from error
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return ""
            row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    except SQLAlchemyError as error:
        raise DatabaseUnavailable(
            f"cannot reach the database: {' '.join(str(getattr(error, 'orig', None) or error).split())}"
        ) from error
    finally:
        engine.dispose()
    return str(row[0]) if row else ""


def _migrate_in_child(url: str) -> None:
    made = parse(url)
    fresh = (
        made.get_backend_name() == "sqlite"
        and bool(made.database)
        and not os.path.exists(made.database or "")
    )
    done = subprocess.run(
        [sys.executable, "-m", "posthouse.database.migrate"],
        env={**os.environ, _URL_VARIABLE: made.render_as_string(hide_password=False)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 0:
        return
    if fresh and made.database:
        with suppress(OSError):
            os.unlink(made.database)
    last = done.stderr.strip().splitlines()
    raise DatabaseUnavailable(f"the schema migration failed: {last[-1] if last else 'no reason given'}")


def upgrade(url: str) -> None:
    """Run Alembic in this process. Only for the child: see above."""
    from alembic import command
    from alembic.config import Config

    made = parse(url)
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = made
    command.upgrade(config, "head")
    if made.get_backend_name() == "sqlite":
        _set_wal(made.database or "")


def _set_wal(path: str) -> None:
    """The journal mode is kept in the file; setting it here spares the server a switch with readers about."""
    import sqlite3

    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = wal")
    connection.close()
    os.chmod(path, 0o600)


def main(arguments: list[str]) -> int:
    """``python -m posthouse.database.migrate [URL]``; without URL it is taken from the environment."""
    url = arguments[0] if arguments else os.environ.get(_URL_VARIABLE, "")
    if not url:
        print("usage: python -m posthouse.database.migrate URL", file=sys.stderr)
        return 2
    try:
        current(url)
        upgrade(url)
    except (DatabaseUnavailable, ValueError, SQLAlchemyError, OSError) as error:
        print(f"{type(error).__name__}: {error}".replace("\n", " "), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
