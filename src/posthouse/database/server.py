"""PostgreSQL, MySQL/MariaDB and SQL Server: the same units, synchronously, on a pool of threads."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

from sqlalchemy import Connection, create_engine, event
from sqlalchemy import Engine as Pool
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.sql import Executable

from posthouse.database.contract import DatabaseUnavailable, DuplicateKey, Row, Transaction
from posthouse.database.engines import Mssql, Mysql, Postgresql, ServerEngine
from posthouse.observe import steps
from posthouse.observe.log import logger

P = ParamSpec("P")
T = TypeVar("T")
Op = Callable[..., Any]

ATTEMPTS = 16
"""How often a unit that lost a deadlock or its connection is run before the caller is told."""

log = logger("database.server")

_ENGINES: dict[str, ServerEngine] = {"postgresql": Postgresql(), "mysql": Mysql(), "mssql": Mssql()}


class ServerTransaction:
    """A unit on one connection of the pool."""

    __slots__ = ("_after", "_connection", "_differences", "_locking")

    def __init__(
        self,
        connection: Connection,
        differences: ServerEngine,
        locking: dict[int, tuple[Executable, Executable]],
    ) -> None:
        self._connection = connection
        self._differences = differences
        self._locking = locking
        self._after: list[Callable[[], None]] = []

    @property
    def engine(self) -> str:
        return self._differences.name

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        result = self._run(statement, parameters)
        return [tuple(row) for row in result] if result.returns_rows else []

    def execute_many(self, statement: Executable, parameters: Sequence[Mapping[str, Any]]) -> None:
        if parameters:
            self._run(statement, list(parameters))

    def insert(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        key = self._run(statement, parameters).inserted_primary_key
        assert key is not None
        return int(key[0])

    def change(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
        return int(self._run(statement, parameters).rowcount)

    def upsert(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        self._differences.upsert(self, table, key, values)

    def insert_ignore(self, table: Any, values: Mapping[str, Any]) -> None:
        self._differences.insert_ignore(self, table, values)

    def lock(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        known = self._locking.get(id(statement))
        if known is None:
            known = self._locking[id(statement)] = (statement, self._differences.locking(statement))
        return self.execute(known[1], parameters)

    def after_commit(self, call: Callable[[], None]) -> None:
        self._after.append(call)

    def committed(self) -> None:
        """Make the calls that wait for the commit."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("after_commit.failed")

    def _run(self, statement: Executable, parameters: Any) -> Any:
        try:
            return self._connection.execute(statement, parameters or {})
        except IntegrityError as error:
            if self._differences.duplicate(error):
                raise DuplicateKey(str(error.orig)) from error
            raise


def make_pool(url: URL, threads: int) -> Pool:
    """The connections, one per thread, with the isolation and durability this program relies on."""
    pool = create_engine(
        url,
        pool_size=threads,
        max_overflow=0,
        pool_recycle=1800,
        isolation_level="READ COMMITTED",
        query_cache_size=2000,
    )
    if pool.dialect.name == "postgresql":
        event.listen(pool, "connect", _postgresql_connected)
    elif pool.dialect.name in ("mysql", "mariadb"):
        event.listen(pool, "connect", _mysql_connected)
    return pool


def _postgresql_connected(connection: Any, _: Any) -> None:
    """A server that answers COMMIT before the log is on disk is told to wait; a stricter choice of its is
    kept."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) "
            "WHERE current_setting('synchronous_commit') IN ('off')"
        )
        cursor.execute("SET lock_timeout = '20s'")
    connection.commit()


def _mysql_connected(connection: Any, _: Any) -> None:
    """Errors instead of silently cut values, whatever the server's default."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', innodb_lock_wait_timeout = 20"
        )
    connection.commit()


class ServerDatabase:
    """A database server. Every unit is one transaction; units never share a commit."""

    inline: Literal[False] = False

    def __init__(self, url: URL, threads: int) -> None:
        self._differences = _ENGINES[url.get_backend_name()]
        self._engine = make_pool(url, threads)
        self._threads = ThreadPoolExecutor(threads, "posthouse-database")
        self._loop = asyncio.get_running_loop()
        self._locking: dict[int, tuple[Executable, Executable]] = {}
        self._closed = False

    async def run(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        result: T = await self._hand_over(True, op, args, kwargs)
        return result

    async def read(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        result: T = await self._hand_over(False, op, args, kwargs)
        return result

    async def scan(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        result: T = await self._hand_over(False, op, args, kwargs)
        return result

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    async def _hand_over(self, writing: bool, op: Op, args: Any, kwargs: Any) -> Any:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        return await self._loop.run_in_executor(self._threads, self._unit, writing, op, args, kwargs)

    def _unit(self, writing: bool, op: Op, args: Any, kwargs: Any) -> Any:
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(random.uniform(0, 0.005 * 2 ** min(attempt, 7)))  # noqa: S311
            try:
                return self._attempt(writing, op, args, kwargs)
            except _Again as again:
                cause = again.cause
        raise DatabaseUnavailable(f"given up after {ATTEMPTS} attempts: {cause.orig}") from cause

    def _attempt(self, writing: bool, op: Op, args: Any, kwargs: Any) -> Any:
        try:
            with self._engine.connect() as connection:
                tx = ServerTransaction(connection, self._differences, self._locking)
                if writing:
                    steps.step("unit.begun")
                result = op(tx, *args, **kwargs)
                if not writing:
                    return result
                steps.step("unit.applied")
                self._commit(connection)
                steps.step("unit.committed")
        except DBAPIError as error:
            # nothing was committed: the unit may run again as if for the first time
            if self._differences.retryable(error) or error.connection_invalidated:
                raise _Again(error) from error
            raise self._outward(error) from error
        except SQLAlchemyError as error:
            raise self._outward(error) from error
        tx.committed()
        return result

    def _commit(self, connection: Connection) -> None:
        """Commit. A connection lost here leaves the outcome unknown: then the unit must not be run again."""
        try:
            connection.commit()
        except DBAPIError as error:
            if self._differences.retryable(error):
                raise
            raise DatabaseUnavailable(f"the commit was not confirmed: {error.orig}") from error

    def _outward(self, error: SQLAlchemyError) -> Exception:
        """Server trouble becomes DatabaseUnavailable; a mistake of ours stays what it is."""
        if isinstance(error, IntegrityError):
            return error
        kind = type(getattr(error, "orig", error)).__name__
        if kind in ("ProgrammingError", "DataError", "NotSupportedError", "StatementError", "ArgumentError"):
            return error
        return DatabaseUnavailable(str(getattr(error, "orig", None) or error))


class _Again(Exception):
    """The attempt was undone by the server; try once more."""

    def __init__(self, cause: DBAPIError) -> None:
        self.cause = cause
