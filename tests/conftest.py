"""Fixtures shared by all kinds of tests: databases, real where the machine has them."""

from __future__ import annotations

import imaplib
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from sqlalchemy import create_engine, inspect, text

sys.path.insert(0, str(Path(__file__).parent / "doubles"))

from servers import Absent, MariadbServer, PostgresqlServer

from posthouse.database.contract import Database
from posthouse.database.migrate import migrate
from posthouse.database.open import open_database
from posthouse.database.urls import parse, sqlite_url
from skips import (
    pytest_make_collect_report,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_terminal_summary,
)

__all__ = [
    "pytest_make_collect_report",
    "pytest_runtest_makereport",
    "pytest_runtest_setup",
    "pytest_terminal_summary",
]

imaplib.Commands["ID"] = ("NONAUTH", "AUTH", "SELECTED")
"""``xatom`` otherwise remembers, for all later tests of the process, the state in which the first one asked."""


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file; copy it for each test."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(sqlite_url(path))
    return path


@pytest.fixture
def sqlite_database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The URL of an empty, migrated SQLite database of this test's own."""
    path = tmp_path / "posthouse.db"
    shutil.copy(sqlite_template, path)
    return sqlite_url(path)


def _migrated(kind: type[PostgresqlServer] | type[MariadbServer]) -> Iterator[str]:
    try:
        server = kind()
    except Absent as absent:
        pytest.skip(str(absent))
    try:
        url = server.make()
        migrate(url)
        yield url
    finally:
        server.close()


@pytest.fixture(scope="session")
def postgresql_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database on a private PostgreSQL."""
    yield from _migrated(PostgresqlServer)


@pytest.fixture(scope="session")
def mariadb_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """A migrated database on a private MariaDB."""
    yield from _migrated(MariadbServer)


def empty(url: str) -> None:
    """Delete every row that a test before left."""
    engine = create_engine(parse(url))
    with engine.begin() as connection:
        names = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
        if engine.dialect.name == "postgresql":
            connection.execute(text(f"TRUNCATE {', '.join(names)} CASCADE"))
        else:
            connection.execute(text("SET foreign_key_checks = 0"))
            for name in names:
                connection.execute(text(f"DELETE FROM {name}"))
    engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql", "mariadb"])
def database_url(request: Any) -> str:
    """An empty, migrated database on each engine in turn."""
    if request.param == "sqlite":
        found: str = request.getfixturevalue("sqlite_database_url")
        return found
    url: str = request.getfixturevalue(f"{request.param}_database")
    empty(url)
    return url


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """The open database of contract tests, on each engine in turn."""
    opened = await open_database(database_url, threads=6, upgrade=False)
    yield opened
    await opened.close()


@pytest_asyncio.fixture
async def sqlite_database(sqlite_database_url: str) -> AsyncIterator[Database]:
    """An open SQLite database for tests that need just one."""
    opened = await open_database(sqlite_database_url, threads=2, upgrade=False)
    yield opened
    await opened.close()
