"""SQL Server is not among the engines the contract tests run on: there, every statement at least compiles."""

from __future__ import annotations

import pytest
from sqlalchemy.dialects import mssql
from sqlalchemy.schema import CreateIndex, CreateTable
from sqlalchemy.sql import Executable

from posthouse.database.schema import metadata
from posthouse.deliver import bounce_records as bounces
from posthouse.directory import records as directory
from posthouse.directory import suppression_records as suppressions
from posthouse.queue import records as queue

STATEMENTS = [
    pytest.param(value, id=f"{module.__name__.split('.')[1]}-{name}")
    for module in (bounces, suppressions, directory, queue)
    for name, value in vars(module).items()
    if name.isupper() and isinstance(value, Executable)
]
TABLES = ["domains", "accounts", "aliases", "settings_values", "versions", "secrets", "queue_messages"]
TABLES += ["suppressions", "bounces", "queue_recipients", "traces"]


def test_the_statements_are_found() -> None:
    """The list below is not empty by mistake."""
    assert len(STATEMENTS) >= 40


@pytest.mark.parametrize("statement", STATEMENTS)
def test_every_statement_compiles_for_sql_server(statement: Executable) -> None:
    """Under its dialect, with every value a parameter."""
    assert str(statement.compile(dialect=mssql.dialect()))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", TABLES)
def test_every_table_compiles_for_sql_server(name: str) -> None:
    """Tables and their indexes; text that people write is Unicode."""
    table = metadata.tables[name]
    text = str(CreateTable(table).compile(dialect=mssql.dialect()))
    for index in table.indexes:
        assert str(CreateIndex(index).compile(dialect=mssql.dialect()))
    if name == "accounts":
        assert "address NVARCHAR(320)" in text
