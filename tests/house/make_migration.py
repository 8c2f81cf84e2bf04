"""Write the newest migration from the tables as declared: ``python tests/house/make_migration.py``.

It makes the tables that the migrations before it do not make, and adds the columns and indexes that say
``schema.since`` with its number to those that do. Earlier migrations are shipped and never edited.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from pathlib import Path

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from posthouse.database import migrations, schema

VERSIONS = Path(migrations.__file__).parent / "versions"
NUMBER = "0004"
TARGET = VERSIONS / f"{NUMBER}_household.py"

HEADER = '''"""What the household keeps: more about domains, accounts, aliases; lists, groups, sharing, ways in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from posthouse.database import schema

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of the household, and add to those of the directory."""
'''


def modules() -> list[str]:
    """Every module that declares tables: ``records.py``, or ``…_records.py`` beside it."""
    source = Path(migrations.__file__).parents[2]
    return sorted(f"posthouse.{path.parent.name}.{path.stem}" for path in source.glob("*/*records.py"))


def load() -> None:
    """Import every module that declares tables."""
    for module in modules():
        importlib.import_module(module)


def _shipped() -> set[str]:
    """The tables that earlier migrations make."""
    earlier = [path for path in VERSIONS.glob("0*.py") if path.name < TARGET.name]
    return {name for path in earlier for name in re.findall(r'create_table\(\s*"(\w+)"', path.read_text())}


def render() -> str:
    """The text of the migration."""
    load()
    shipped = _shipped()
    return HEADER + "".join(
        _added(table) if table.name in shipped else _table(table) for table in schema.metadata.sorted_tables
    )


def _added(table: Table) -> str:
    """What this migration adds to a table of an earlier one."""
    columns = [each for each in table.columns if each.info.get("since") == NUMBER]
    lines = [f'    op.add_column("{table.name}", {_column(each)})\n' for each in columns]
    indexes = [each for each in table.indexes if each.info.get("since") == NUMBER]
    return "".join(lines) + _indexes(table, indexes)


def _table(table: Table) -> str:
    lines = [f'    op.create_table(\n        "{table.name}",\n']
    lines += [f"        {_column(column)},\n" for column in table.columns]
    lines += [f"        {_constraint(each)},\n" for each in table._sorted_constraints]
    own = {key: value for key, value in table.dialect_kwargs.items() if key not in schema.OPTIONS}
    lines += [f"        {key}={value!r},\n" for key, value in sorted(own.items())]
    lines += ["        **schema.OPTIONS,\n    )\n"]
    return "".join(lines) + _indexes(table, table.indexes)


def _indexes(table: Table, indexes: Iterable[Index]) -> str:
    lines = []
    for index in sorted(indexes, key=lambda each: str(each.name)):
        columns = [column.name for column in index.columns]
        lines.append(
            f'    op.create_index("{index.name}", "{table.name}", {columns!r}, unique={index.unique})\n'
        )
    return "".join(lines)


def _column(column: Column) -> str:
    parts = [repr(column.name), column.type._posthouse_source]
    if column.primary_key and column.autoincrement is not True and not _assigned(column):
        parts.append("autoincrement=False")
    if column.server_default is not None:
        parts.append(f"server_default={str(column.server_default.arg)!r}")
    parts.append(f"nullable={column.nullable}")
    return f"sa.Column({', '.join(parts)})"


def _assigned(column: Column) -> bool:
    return column.table.autoincrement_column is column


def _constraint(constraint: object) -> str:
    names = ", ".join(repr(column.name) for column in constraint.columns)
    if isinstance(constraint, PrimaryKeyConstraint):
        return f"sa.PrimaryKeyConstraint({names}, name=op.f({str(constraint.name or _pk(constraint))!r}))"
    if isinstance(constraint, UniqueConstraint):
        return f"sa.UniqueConstraint({names}, name=op.f({_name(constraint)!r}))"
    if isinstance(constraint, ForeignKeyConstraint):
        targets = [element.target_fullname for element in constraint.elements]
        own = [column.name for column in constraint.columns]
        return f"sa.ForeignKeyConstraint({own!r}, {targets!r}, name=op.f({_name(constraint)!r}))"
    if isinstance(constraint, CheckConstraint):
        return f"sa.CheckConstraint({str(constraint.sqltext)!r}, name=op.f({_name(constraint)!r}))"
    raise TypeError(f"no rule to write {constraint!r}")


def _pk(constraint: PrimaryKeyConstraint) -> str:
    return f"pk_{constraint.table.name}"


def _name(constraint: object) -> str:
    from sqlalchemy.dialects import sqlite
    from sqlalchemy.sql import naming  # noqa: F401  (registers the naming convention)

    return sqlite.dialect().identifier_preparer.format_constraint(constraint)


if __name__ == "__main__":
    TARGET.write_text(render())
