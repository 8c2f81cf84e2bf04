"""What differs between the engines: one class each, chosen by the URL.

Everything here works on a :class:`Transaction`; the statements it builds are cached by table and columns, so
that on SQLite their text is compiled once as well.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, ClassVar, cast

from sqlalchemy import (
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    exists,
    insert,
    literal_column,
    select,
    update,
)
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.sql import Executable, Select

from posthouse.database.contract import Transaction

Names = tuple[str, ...]


class Engine(ABC):
    """One engine. PostgreSQL and SQLite agree on INSERT … ON CONFLICT, which the others do not have."""

    name: ClassVar[str]

    def upsert(
        self, tx: Transaction, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        """Insert key and values, or set the values where the key's row exists."""
        tx.execute(_upsert(self.name, table, tuple(key), tuple(values)), {**key, **values})

    def insert_ignore(self, tx: Transaction, table: Table, values: Mapping[str, Any]) -> None:
        """Insert a row unless its unique key exists."""
        tx.execute(_upsert(self.name, table, tuple(values), ()), values)

    def locking(self, statement: Executable) -> Executable:
        """The same SELECT, locking its rows until the transaction ends."""
        return cast("Select[Any]", statement).with_for_update()


class ServerEngine(Engine):
    """An engine that is a server of its own: units may collide there."""

    @abstractmethod
    def retryable(self, error: DBAPIError) -> bool:
        """Whether the unit lost a deadlock or serialisation race and may simply run again."""

    @abstractmethod
    def duplicate(self, error: IntegrityError) -> bool:
        """Whether a unique key was met (other integrity errors are our own mistakes)."""


class Sqlite(Engine):
    """SQLite. Its write transaction excludes every other writer, so nothing needs a row lock."""

    name = "sqlite"

    def locking(self, statement: Executable) -> Executable:
        return statement


class Postgresql(ServerEngine):
    """PostgreSQL through psycopg."""

    name = "postgresql"

    def retryable(self, error: DBAPIError) -> bool:
        return getattr(error.orig, "sqlstate", None) in ("40001", "40P01", "55P03")

    def duplicate(self, error: IntegrityError) -> bool:
        return getattr(error.orig, "sqlstate", None) == "23505"


class Mysql(ServerEngine):
    """MySQL and MariaDB through PyMySQL."""

    name = "mysql"

    def upsert(
        self, tx: Transaction, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        tx.execute(_mysql_upsert(table, tuple(key), tuple(values)), {**key, **values})

    def insert_ignore(self, tx: Transaction, table: Table, values: Mapping[str, Any]) -> None:
        tx.execute(_mysql_upsert(table, tuple(values), ()), values)

    def retryable(self, error: DBAPIError) -> bool:
        return _number(error) in (1213, 1205, 1020)

    def duplicate(self, error: IntegrityError) -> bool:
        return _number(error) in (1062, 1586)


class Mssql(ServerEngine):
    """SQL Server through pymssql. It has no INSERT … ON CONFLICT; the hints make the two statements one
    step."""

    name = "mssql"

    def upsert(
        self, tx: Transaction, table: Table, key: Mapping[str, Any], values: Mapping[str, Any]
    ) -> None:
        if not values:
            self.insert_ignore(tx, table, key)
            return
        change, add = mssql_upsert(table, tuple(key), tuple(values))
        everything = {**key, **values}
        if not tx.change(change, {f"k_{name}": value for name, value in key.items()} | dict(values)):
            tx.execute(add, everything)

    def insert_ignore(self, tx: Transaction, table: Table, values: Mapping[str, Any]) -> None:
        names, key = tuple(values), unique_key(table, frozenset(values))
        parameters = dict(values) | {f"k_{name}": values[name] for name in key}
        tx.execute(mssql_insert_ignore(table, names), parameters)

    def locking(self, statement: Executable) -> Executable:
        locked = cast("Select[Any]", statement)
        for source in locked.get_final_froms():
            if isinstance(source, Table):
                locked = locked.with_hint(source, "WITH (UPDLOCK, ROWLOCK)", "mssql")
        return locked

    def retryable(self, error: DBAPIError) -> bool:
        return _number(error) in (1205, 1222, 3960)

    def duplicate(self, error: IntegrityError) -> bool:
        return _number(error) in (2601, 2627)


def unique_key(table: Table, names: frozenset[str]) -> Names:
    """The columns of the first unique key that ``names`` cover: the primary key, else a unique constraint."""
    primary = tuple(column.name for column in table.primary_key.columns)
    if primary and names.issuperset(primary):
        return primary
    for constraint in sorted(table.constraints, key=lambda each: str(each.name)):
        columns = tuple(column.name for column in getattr(constraint, "columns", ()))
        if isinstance(constraint, UniqueConstraint) and names.issuperset(columns):
            return columns
    raise ValueError(f"no unique key of {table.name} is covered by {sorted(names)}")


def _number(error: DBAPIError) -> int | None:
    """The error number that MySQL's and SQL Server's drivers put first."""
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _values(names: Names) -> dict[str, Any]:
    return {name: bindparam(name) for name in names}


@lru_cache(maxsize=512)
def _upsert(engine: str, table: Table, key: Names, values: Names) -> Executable:
    insert_into = sqlite.insert if engine == "sqlite" else postgresql.insert
    statement: Any = insert_into(table).values(_values(key + values))
    if not values:
        return cast("Executable", statement.on_conflict_do_nothing())
    new = statement.excluded
    settings = {name: new[name] for name in values}
    return cast("Executable", statement.on_conflict_do_update(index_elements=list(key), set_=settings))


@lru_cache(maxsize=512)
def _mysql_upsert(table: Table, key: Names, values: Names) -> Executable:
    statement = mysql.insert(table).values(_values(key + values))
    if not values:
        # INSERT IGNORE would also swallow truncation and type errors; setting a key column to itself does not
        own = table.c[unique_key(table, frozenset(key))[0]]
        return statement.on_duplicate_key_update({own.name: own})
    return statement.on_duplicate_key_update({name: statement.inserted[name] for name in values})


@lru_cache(maxsize=512)
def mssql_upsert(table: Table, key: Names, values: Names) -> tuple[Executable, Executable]:
    """The UPDATE, and the INSERT for when it touched nothing."""
    change = (
        update(table)
        .with_hint("WITH (UPDLOCK, SERIALIZABLE)", dialect_name="mssql")
        .where(and_(*(table.c[name] == bindparam(f"k_{name}") for name in key)))
        .values(_values(values))
    )
    return change, insert(table).values(_values(key + values))


@lru_cache(maxsize=512)
def mssql_insert_ignore(table: Table, names: Names) -> Executable:
    """INSERT … SELECT … WHERE NOT EXISTS, with the key range locked."""
    key = unique_key(table, frozenset(names))
    present: Select[Any] = (
        select(literal_column("1"))
        .select_from(table)
        .with_hint(table, "WITH (UPDLOCK, SERIALIZABLE)", "mssql")
        .where(and_(*(table.c[name] == bindparam(f"k_{name}") for name in key)))
    )
    row = select(*(bindparam(name, type_=table.c[name].type).label(name) for name in names))
    return insert(table).from_select(list(names), row.where(~exists(present)))
