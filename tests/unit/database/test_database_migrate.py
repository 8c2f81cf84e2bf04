"""Migrating: at start, by a child process, refusing what is newer."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from posthouse.database import migrate as module
from posthouse.database import migrations
from posthouse.database.contract import DatabaseUnavailable
from posthouse.database.migrate import SchemaTooNew, current, migrate
from posthouse.database.open import open_database
from posthouse.database.urls import BadUrl, parse, sqlite_url


async def test_open_makes_the_schema(tmp_path: Path) -> None:
    """A first start makes the file with every table; no second SQLite library is loaded in this process for
    it."""
    code = (
        "import asyncio, sys; from posthouse.database.open import open_database\n"
        "async def main():\n"
        "    await (await open_database(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "assert '_sqlite3' not in sys.modules\n"
    )
    url = sqlite_url(tmp_path / "new.db")
    subprocess.run([sys.executable, "-c", code, url], check=True)
    assert current(url) == migrations.HEAD
    assert os.stat(tmp_path / "new.db").st_mode & 0o077 == 0


async def test_an_up_to_date_database_needs_no_child(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Start-up is quick: no child process when the version is the newest."""
    shutil.copy(sqlite_template, tmp_path / "x.db")
    monkeypatch.setattr(module.subprocess, "run", lambda *_, **__: pytest.fail("a child was started"))
    await (await open_database(sqlite_url(tmp_path / "x.db"))).close()


async def test_a_newer_database_is_refused(sqlite_template: Path, tmp_path: Path) -> None:
    """A version this program does not know is refused, by the server and by the migration."""
    path = tmp_path / "newer.db"
    shutil.copy(sqlite_template, path)
    connection = apsw.Connection(str(path))
    connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(SchemaTooNew, match="schema version 9999"):
        await open_database(sqlite_url(path))
    assert module.main([sqlite_url(path)]) == 1


async def test_workers_do_not_migrate(tmp_path: Path) -> None:
    """Without the right to upgrade an empty database is refused and not made."""
    with pytest.raises(DatabaseUnavailable, match="schema version none"):
        await open_database(sqlite_url(tmp_path / "none.db"), upgrade=False)
    assert not (tmp_path / "none.db").exists()


def test_a_failed_migration_leaves_no_half_made_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The child fails: its last line is the reason, and a file it had begun is removed."""
    path = tmp_path / "half.db"

    def fail(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        path.write_bytes(b"x")
        return subprocess.CompletedProcess([], 1, "", "trace\nOperationalError: disk I/O error\n")

    monkeypatch.setattr(module.subprocess, "run", fail)
    with pytest.raises(DatabaseUnavailable, match="disk I/O error"):
        migrate(sqlite_url(path))
    assert not path.exists()


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    """Refused with the file's name."""
    (tmp_path / "x.db").write_bytes(b"this is not a database" * 100)
    with pytest.raises(DatabaseUnavailable, match=r"x\.db"):
        current(sqlite_url(tmp_path / "x.db"))


def test_unreachable_server() -> None:
    """A server that does not answer is a clear refusal, without the password."""
    with pytest.raises(DatabaseUnavailable) as error:
        current("postgresql://user:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    "url",
    ["", "nonsense", "oracle://x/y", "sqlite://", "sqlite:///:memory:", "http://user:hunter2@host:port/x"],
)
def test_bad_urls(url: str) -> None:
    """Refused in plain words, without a password."""
    with pytest.raises(BadUrl) as error:
        parse(url)
    assert "hunter2" not in str(error.value)


def test_our_drivers() -> None:
    """Plain URLs get our drivers; MySQL speaks full Unicode; a chosen driver is kept."""
    assert parse("postgresql://h/d").drivername == "postgresql+psycopg"
    assert parse("mariadb://h/d").render_as_string() == "mysql+pymysql://h/d?charset=utf8mb4"
    assert parse("mysql+mysqldb://h/d").drivername == "mysql+mysqldb"
    assert parse("mssql://h/d").drivername == "mssql+pymssql"
