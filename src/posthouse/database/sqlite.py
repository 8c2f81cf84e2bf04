"""SQLite through apsw: one writer thread with group commit, reads in the loop's thread, scans on a few
threads."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import apsw
from sqlalchemy.sql import Executable

from posthouse.database.contract import DatabaseDamaged, DatabaseUnavailable, DuplicateKey, Row, Transaction
from posthouse.database.engines import Sqlite
from posthouse.database.statements import Statements
from posthouse.observe import steps
from posthouse.observe.log import logger

P = ParamSpec("P")
T = TypeVar("T")
Op = Callable[..., Any]
Together = Callable[[Sequence[Any]], Sequence[BaseException | None]]
"""What is done once for the things of several units: for each thing the error that its unit fails with."""

GROUP = 32
"""Units that may share one commit."""
BUSY_SECONDS = 20.0
"""How long a unit waits for another process's write transaction."""
CHECKPOINT_PAGES = 1000
"""Pages of write-ahead log after which the checkpoint thread copies them into the database file."""
CHECKPOINT_FORCED_PAGES = 20_000
"""Pages after which the writer itself checkpoints, because the thread does not keep up."""

log = logger("database.sqlite")

_ENGINE = Sqlite()
_UNIQUE = frozenset(
    (apsw.SQLITE_CONSTRAINT_UNIQUE, apsw.SQLITE_CONSTRAINT_PRIMARYKEY, apsw.SQLITE_CONSTRAINT_ROWID)
)
_UNAVAILABLE = (
    apsw.BusyError,
    apsw.LockedError,
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.CorruptError,
    apsw.NotADBError,
    apsw.ReadOnlyError,
    apsw.PermissionsError,
    apsw.ProtocolError,
    apsw.NoMemError,
)


def connect(path: str, *, writing: bool) -> apsw.Connection:
    """Open a connection with the pragmas this program relies on. The file must exist (the migration made
    it)."""
    try:
        connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE, statementcachesize=500)
        connection.set_busy_handler(_Patience())
        connection.pragma("journal_mode", "wal")
        # FULL: a commit returns when the log is on disk, which is what every 250 and OK promise
        connection.pragma("synchronous", "full")
        connection.pragma("foreign_keys", 1)
        connection.pragma("temp_store", "memory")
        connection.pragma("cache_size", -32768 if writing else -8192)
        connection.pragma("journal_size_limit", 64 << 20)
        # macOS: fsync there only reaches the drive; ask for the barrier
        connection.pragma("fullfsync", 1)
        if not writing:
            connection.pragma("query_only", 1)
    except apsw.Error as error:
        raise DatabaseUnavailable(f"cannot open {path}: {error}") from error
    return connection


class _Patience:
    """The busy handler: short sleeps with jitter, so that workers waiting for the write lock take fair
    turns."""

    def __init__(self) -> None:
        self._until = 0.0

    def __call__(self, calls: int) -> bool:
        now = time.monotonic()
        if calls == 0:
            self._until = now + BUSY_SECONDS
        elif now > self._until:
            return False
        time.sleep(random.uniform(0.0001, min(0.0004 * (calls + 1), 0.005)))  # noqa: S311
        return True


class SqliteTransaction:
    """A unit on one connection."""

    __slots__ = ("_after", "_connection", "_statements")

    def __init__(self, connection: apsw.Connection, statements: Statements) -> None:
        self._connection = connection
        self._statements = statements
        self._after: list[Callable[[], None]] = []

    @property
    def engine(self) -> str:
        return "sqlite"

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        text, values = self._statements.get(statement, parameters).ready(parameters)
        try:
            return self._connection.execute(text, values).fetchall()
        except apsw.ConstraintError as error:
            raise _constraint(error) from error

    def execute_many(self, statement: Executable, parameters: Sequence[Mapping[str, Any]]) -> None:
        if not parameters:
            return
        compiled = self._statements.get(statement, parameters[0])
        try:
            if compiled.own or compiled.expanding:
                for each in parameters:
                    self._connection.execute(*compiled.ready(each))
            else:
                self._connection.executemany(compiled.text, parameters)
        except apsw.ConstraintError as error:
            raise _constraint(error) from error

    def insert(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        self.execute(statement, parameters)
        return self._connection.last_insert_rowid()

    def change(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
        self.execute(statement, parameters)
        return self._connection.changes()

    def upsert(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        _ENGINE.upsert(self, table, key, values)

    def insert_ignore(self, table: Any, values: Mapping[str, Any]) -> None:
        _ENGINE.insert_ignore(self, table, values)

    def lock(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        return self.execute(statement, parameters)

    def after_commit(self, call: Callable[[], None]) -> None:
        self._after.append(call)

    def committed(self) -> None:
        """Make the calls that wait for the commit."""
        for call in self._after:
            try:
                call()
            except Exception:
                log.exception("after_commit.failed")


def _constraint(error: apsw.ConstraintError) -> Exception:
    code: int = getattr(error, "extendedresult", 0)
    return DuplicateKey(str(error)) if code in _UNIQUE else error


def _outward(error: BaseException) -> BaseException:
    """What the caller of a failed unit sees."""
    if isinstance(error, _UNAVAILABLE):
        damaged = isinstance(error, (apsw.CorruptError, apsw.NotADBError))
        unavailable = (DatabaseDamaged if damaged else DatabaseUnavailable)(str(error))
        unavailable.__cause__ = error
        return unavailable
    return error


class _Unit:
    """An op on its way through the writer thread. ``first`` is done there before the transaction begins; where that
    fails, the op is not run. ``things`` are handed to ``together`` there, with those of all units of the commit."""

    __slots__ = ("args", "error", "first", "future", "kwargs", "op", "result", "things", "together", "tx")

    def __init__(
        self,
        op: Op,
        args: Any,
        kwargs: Any,
        future: asyncio.Future[Any],
        first: Callable[[], None] | None = None,
        things: Sequence[Any] = (),
        together: Together | None = None,
    ) -> None:
        self.first = first
        self.things = things
        self.together = together
        self.op = op
        self.args = args
        self.kwargs = kwargs
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.tx: SqliteTransaction | None = None


class _Writer(threading.Thread):
    """The one thread of this process that writes. It starts a commit at once and takes along whatever came
    meanwhile."""

    def __init__(self, path: str, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(name="posthouse-writer", daemon=True)
        self._loop = loop
        self._connection = connect(path, writing=True)
        self._statements = Statements()
        self.queue: SimpleQueue[_Unit | None] = SimpleQueue()
        self.busy = False
        """Whether it is at work, as far as can be told without asking it."""
        self._open = True
        self._checkpointer = _Checkpointer(path)
        self._connection.set_wal_hook(self._grown)

    def run(self) -> None:
        self._checkpointer.start()
        while self._open:
            units: list[_Unit] = []
            self._gather(units, wait=True)
            self.busy = True
            failed = self._begin(units)
            if failed:
                units = [unit for unit in units if unit not in failed]
            if units:
                self._commit(units)
            self.busy = False
            if units or failed:
                with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(_deliver, units + failed)
        self._refuse_rest()
        self._checkpointer.stop()
        self._connection.close()

    def _gather(self, units: list[_Unit], *, wait: bool) -> None:
        """Add to the units what is to be done now. With ``wait`` there is something, unless it is the end."""
        while len(units) < GROUP and self._open:
            try:
                item = self.queue.get(block=wait)
            except Empty:
                break
            wait = False
            if item is None:
                self._open = False
            else:
                units.append(item)

    def _begin(self, units: list[_Unit]) -> list[_Unit]:
        """Do what comes before the transaction, and take along what came meanwhile; those that failed."""
        failed: list[_Unit] = []
        for unit in units:  # it grows
            if unit.first is None:
                continue
            try:
                unit.first()
            except BaseException as error:
                unit.error = error
                failed.append(unit)
            self._gather(units, wait=False)
        for together in {unit.together for unit in units if unit.together is not None}:
            with_things = [unit for unit in units if unit.together is together and unit not in failed]
            failed += _all_at_once(together, with_things)
        return failed

    def _refuse_rest(self) -> None:
        """Tell units that were queued from a thread while the database closed."""
        late: list[_Unit] = []
        with contextlib.suppress(Empty):
            while True:
                unit = self.queue.get_nowait()
                if unit is not None:
                    unit.error = DatabaseUnavailable("the database is closed")
                    late.append(unit)
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_deliver, late)

    def _commit(self, units: list[_Unit]) -> None:
        """Run the units in one transaction; where that fails as a whole, each on its own."""
        try:
            self._transaction(units)
        except BaseException as error:
            self._abandon()
            if len(units) > 1 and not isinstance(error, apsw.BusyError):
                for unit in units:
                    self._commit([unit])
                return
            for unit in units:
                unit.error = _outward(error)
            return

    def _transaction(self, units: list[_Unit]) -> None:
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        steps.step("unit.begun")
        shared = len(units) > 1
        for unit in units:
            unit.error = unit.tx = None
            if unit.future.cancelled():
                continue  # nobody waits for it, and nothing of it is done yet
            unit.tx = tx = SqliteTransaction(self._connection, self._statements)
            if not shared:
                unit.result = unit.op(tx, *unit.args, **unit.kwargs)
                break
            execute("SAVEPOINT unit")
            try:
                unit.result = unit.op(tx, *unit.args, **unit.kwargs)
            except BaseException as error:
                if not self._connection.in_transaction:
                    raise  # SQLite rolled the whole batch back (disk full, I/O error): run each alone
                execute("ROLLBACK TO unit")
                unit.error = _outward(error)
            execute("RELEASE unit")
        steps.step("unit.applied")
        execute("COMMIT")
        steps.step("unit.committed")

    def _abandon(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        except apsw.Error:
            log.exception("rollback.failed")

    def _grown(self, connection: apsw.Connection, name: str, pages: int) -> int:
        if pages >= CHECKPOINT_FORCED_PAGES:
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error as error:
                log.warning("checkpoint.failed", reason=str(error))
        elif pages >= CHECKPOINT_PAGES:
            self._checkpointer.wanted.set()
        return apsw.SQLITE_OK


def _all_at_once(together: Together, units: list[_Unit]) -> list[_Unit]:
    """Hand over the things of these units; the units that failed by it."""
    owners = [unit for unit in units for _ in unit.things]
    errors: Sequence[BaseException | None]
    try:
        errors = together([thing for unit in units for thing in unit.things])
    except BaseException as failure:
        errors = [failure] * len(owners)
    for unit, error in zip(owners, errors, strict=True):
        unit.error = unit.error or error
    return [unit for unit in units if unit.error is not None]


class _Checkpointer(threading.Thread):
    """Copies the log into the database file beside the writer, so that no unit pays for it."""

    def __init__(self, path: str) -> None:
        super().__init__(name="posthouse-checkpoint", daemon=True)
        self._connection = connect(path, writing=True)
        self._stopping = False
        self.wanted = threading.Event()

    def run(self) -> None:
        while True:
            self.wanted.wait()
            if self._stopping:
                break
            self.wanted.clear()
            try:
                self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error as error:
                log.warning("checkpoint.failed", reason=str(error))
            time.sleep(0.05)
        self._connection.close()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping = True
        self.wanted.set()
        self.join()


def _deliver(units: list[_Unit]) -> None:
    """Make the calls that wait for the commit, then tell those who wait. In the event loop: the writer wakes it once
    for all of that."""
    for unit in units:
        if unit.error is None and unit.tx is not None:
            unit.tx.committed()
    for unit in units:
        if unit.future.done():
            continue
        if unit.error is not None:
            unit.future.set_exception(unit.error)
        else:
            unit.future.set_result(unit.result)


class _Reader:
    """A reading connection; used by one thread at a time."""

    __slots__ = ("_connection", "_statements")

    def __init__(self, path: str) -> None:
        self._connection = connect(path, writing=False)
        self._statements = Statements()

    def read(self, op: Op, args: Any, kwargs: Any) -> Any:
        execute = self._connection.execute
        tx = SqliteTransaction(self._connection, self._statements)
        try:
            execute("BEGIN")
            try:
                return op(tx, *args, **kwargs)
            finally:
                if self._connection.in_transaction:
                    execute("COMMIT")
        except _UNAVAILABLE as error:
            raise _outward(error) from error

    def close(self) -> None:
        self._connection.close()


class SqliteDatabase:
    """The embedded database. ``open_database`` makes it; the loop that does so is the one it serves."""

    inline: Literal[True] = True

    def __init__(self, path: str, threads: int) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._writer = _Writer(path, self._loop)
        self._reader = _Reader(path)
        self._pool = ThreadPoolExecutor(threads, "posthouse-scan")
        self._readers: list[_Reader] = []
        self._mine = threading.local()
        self._closed = False
        self._writer.start()

    @property
    def idle(self) -> bool:
        """Whether nothing is being written, as far as is known: what is queued now is begun at once."""
        return not self._writer.busy and self._writer.queue.empty()

    async def run(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        self._writer.queue.put(_Unit(op, args, kwargs, future))
        return await future

    async def read(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        result: T = self._reader.read(op, args, kwargs)
        return result

    def enqueue(
        self,
        future: asyncio.Future[Any],
        op: Op,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        first: Callable[[], None] | None = None,
        things: Sequence[Any] = (),
        together: Together | None = None,
    ) -> None:
        """Queue a unit whose result ``future`` gets; from any thread. It spares whoever prepared the unit on
        a thread the way back through the event loop. ``first`` is done in the writer's thread before the
        transaction begins; what it raises is the unit's error. ``together`` is called there once for all units of a
        commit that name it, with the ``things`` of all of them. Not to be called once ``close`` has returned."""
        self._writer.queue.put(_Unit(op, args, kwargs, future, first, things, together))

    async def scan(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        if self._closed:
            raise DatabaseUnavailable("the database is closed")
        return await self._loop.run_in_executor(self._pool, self._scan, op, args, kwargs)

    def _scan(self, op: Op, args: Any, kwargs: Any) -> Any:
        reader: _Reader | None = getattr(self._mine, "reader", None)
        if reader is None:
            reader = self._mine.reader = _Reader(self._path)
            self._readers.append(reader)
        return reader.read(op, args, kwargs)

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._writer.queue.put(None)
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._pool.shutdown)
        for reader in (self._reader, *self._readers):
            reader.close()
