"""The schema: the migrations make exactly what the folders declare, on every engine."""

from __future__ import annotations

import importlib.util
import io
import re
import sqlite3
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import Select, create_engine
from sqlalchemy.dialects import mssql, mysql, postgresql, sqlite
from sqlalchemy.schema import CreateColumn, CreateIndex, CreateTable
from sqlalchemy.sql import ClauseElement, Delete, Executable, Insert, Update

from posthouse.database import migrations, schema
from posthouse.database.engines import Mssql, mssql_insert_ignore, mssql_upsert, unique_key
from posthouse.store.records import counters, subscriptions

HOUSE = Path(__file__).parents[2] / "house" / "make_migration.py"


def tool() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_migration", HOUSE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.load()
    return module


def test_migrations_make_what_is_declared(sqlite_template: Path, tmp_path: Path) -> None:
    """The migrated SQLite schema is that of the declared tables: columns, keys and indexes (a column that was added
    later stands elsewhere in the table, which no statement sees)."""
    tool()
    engine = create_engine(f"sqlite:///{tmp_path}/declared.db")
    schema.metadata.create_all(engine)
    engine.dispose()

    def shape(path: Path) -> dict[str, Any]:
        connection = sqlite3.connect(path)
        tables = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'table'").fetchall()
        found = {}
        for name, sql in tables:
            if not name.startswith(("sqlite_", "alembic_")):
                columns = {row[1:] for row in connection.execute(f"PRAGMA table_xinfo({name})")}
                foreign = {row[2:] for row in connection.execute(f"PRAGMA foreign_key_list({name})")}
                found[name] = (columns, foreign, "AUTOINCREMENT" in sql, "STRICT" in sql)
        indexes = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        found |= {name: "".join(text.split()) for name, text in indexes}
        uniques = [
            (row[0], row[1])
            for row in connection.execute("SELECT tbl_name, name FROM sqlite_schema WHERE sql IS NULL")
        ]
        for table, name in uniques:
            if table.startswith("alembic_"):
                continue
            keys = tuple(row[2] for row in connection.execute(f"PRAGMA index_info({name})"))
            found[f"unique {table} {keys}"] = True
        connection.close()
        return found

    assert shape(sqlite_template) == shape(tmp_path / "declared.db")


@pytest.mark.parametrize("url", ["postgresql+psycopg://", "mysql+pymysql://", "mssql+pymssql://"])
def test_migrations_write_the_declared_tables_for_servers(url: str) -> None:
    """The SQL of the migrations for a server engine is the declared tables' own."""
    from alembic.migration import MigrationContext
    from alembic.operations import Operations

    tool()
    dialect = create_engine(url).dialect
    written = io.StringIO()
    context = MigrationContext.configure(dialect=dialect, opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        for version in migrations.VERSIONS:
            [path] = (Path(migrations.__file__).parent / "versions").glob(f"{version}_*.py")
            spec = importlib.util.spec_from_file_location(path.stem, path)
            assert spec is not None
            assert spec.loader is not None
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
            module.upgrade()
    made = "".join(written.getvalue().split())
    for table in schema.metadata.sorted_tables:
        text = "".join(str(CreateTable(table).compile(dialect=dialect)).split())
        for column in [each for each in table.columns if each.info.get("since")]:
            later = "".join(str(CreateColumn(column).compile(dialect=dialect)).split())
            assert re.search(f"ALTERTABLE{table.name}ADD(COLUMN)?{re.escape(later)}", made), column
            assert text.count(f"{later},") == 1, column
            text = text.replace(f"{later},", "")
        assert text in made
        for index in table.indexes:
            assert "".join(str(CreateIndex(index).compile(dialect=dialect)).split()) in made


def test_versions_are_those_of_the_files() -> None:
    """VERSIONS names every migration file in order."""
    files = sorted((Path(migrations.__file__).parent / "versions").glob("[0-9]*.py"))
    assert tuple(path.name[:4] for path in files) == migrations.VERSIONS


def test_columns_use_the_portable_types_only() -> None:
    """On SQLite no type conversion runs: every column is of a type that needs none."""
    tool()
    for table in schema.metadata.sorted_tables:
        for column in table.columns:
            assert hasattr(column.type, "_posthouse_source"), f"{table.name}.{column.name}"
            assert column.default is None, f"{table.name}.{column.name} has a Python-side default"


def statements() -> list[tuple[str, Executable]]:
    """Every statement that some folder builds at import."""
    owners = {module.split(".")[1] for module in tool().modules()}
    found = []
    for name, module in sorted(sys.modules.items()):
        if name.startswith("posthouse.") and name.split(".")[1] in (*owners, "deliver", "receive"):
            for word, value in vars(module).items():
                if isinstance(value, Select | Insert | Update | Delete):
                    found.append((f"{name}.{word}", value))
    return found


@pytest.mark.parametrize(
    "dialect", [sqlite, postgresql, mysql, mssql], ids=lambda each: each.__name__.split(".")[-1]
)
def test_every_statement_compiles(dialect: Any) -> None:
    """SQL Server, too, which no test here can run: schema and statements compile under its dialect."""
    found = statements()
    assert len(found) > 80
    for name, statement in found:
        assert str(statement.compile(dialect=dialect.dialect())), name
    for table in schema.metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect.dialect()))


def text(statement: Any) -> str:
    assert isinstance(statement, ClauseElement)
    return " ".join(str(statement.compile(dialect=mssql.dialect())).split())


def test_sql_server_upsert_and_lock() -> None:
    """Where SQL Server has no statement of its own, two statements under a key-range lock do it."""
    change, add = mssql_upsert(counters, ("name",), ("value",))
    assert "UPDATE counters WITH (UPDLOCK, SERIALIZABLE) SET value=" in text(change)
    assert text(add).startswith("INSERT INTO counters")
    ignored = text(mssql_insert_ignore(subscriptions, ("account_id", "name")))
    assert "WHERE NOT (EXISTS (SELECT 1 FROM subscriptions WITH (UPDLOCK, SERIALIZABLE) WHERE" in ignored
    from posthouse.store.records import SELECT_MAILBOX

    assert "FROM mailboxes WITH (UPDLOCK, ROWLOCK)" in text(Mssql().locking(SELECT_MAILBOX))


def test_unique_key_of_values() -> None:
    """insert_ignore's key is the primary key, else a unique constraint the values cover."""
    from posthouse.store.records import facts, mailboxes

    assert unique_key(facts, frozenset(["body", "data"])) == ("body",)
    assert unique_key(mailboxes, frozenset(["account_id", "name", "size"])) == ("account_id", "name")
    with pytest.raises(ValueError, match="no unique key"):
        unique_key(facts, frozenset(["data"]))
