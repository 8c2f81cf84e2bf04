"""What every other folder may assume of the database.

A unit of work, never a statement, crosses the thread seam: an *op* is a plain synchronous function whose
first argument is a :class:`Transaction`. Rules for ops:

* an op may run more than once (deadlock, serialisation failure, a failed batch) and so touches nothing but
  its transaction and its own locals;
* statements are SQLAlchemy Core objects built once at import and reused: on SQLite their text is compiled
  once and cached by identity. Values are always bind parameters (``bindparam("name")``), given as a dict to
  ``execute``;
* an op may raise: everything it did is rolled back (its savepoint, when it shared a commit with others) and
  the exception reaches the caller of ``run``;
* no op over 20 ms or 500 rows; mailbox rows are locked (``tx.lock``) in id order.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from sqlalchemy.sql import Executable

P = ParamSpec("P")
T = TypeVar("T")
Row = tuple[Any, ...]


class Transaction(Protocol):
    """One unit of work. Valid only while its op runs, only in the op's thread."""

    @property
    def engine(self) -> str:
        """``"sqlite"``, ``"postgresql"``, ``"mysql"`` or ``"mssql"``; for tests and messages, never for
        branching outside ``database/``."""

    def execute(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run one statement; rows as plain tuples (empty list for statements without a result)."""

    def execute_many(self, statement: Executable, parameters: Sequence[Mapping[str, Any]]) -> None:
        """Run one statement once per mapping."""

    def insert(self, statement: Executable, parameters: Mapping[str, Any]) -> int:
        """Run a single-row INSERT into a table with an integer ``id`` primary key; return the new id."""

    def change(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> int:
        """Run an UPDATE or DELETE and return the number of rows it touched."""

    def upsert(self, table: Any, key: Mapping[str, Any], values: Mapping[str, Any]) -> None:
        """Insert key+values, or set ``values`` where the row of ``key`` (a unique key) exists already."""

    def insert_ignore(self, table: Any, values: Mapping[str, Any]) -> None:
        """Insert a row; do nothing where its unique key exists already."""

    def lock(self, statement: Executable, parameters: Mapping[str, Any] | None = None) -> list[Row]:
        """Run a SELECT that locks its rows until commit (FOR UPDATE; a plain SELECT on SQLite, whose write
        transaction excludes other writers anyhow)."""

    def after_commit(self, call: Callable[[], None]) -> None:
        """Call ``call`` (short, thread-safe, must not raise) once this unit is durable, before ``run``
        returns to its awaiting caller. Not called when the op fails."""


class Database(Protocol):
    """An open database. All methods are safe from any task of the event loop that opened it."""

    @property
    def inline(self) -> bool:
        """Whether ``read`` completes in the calling thread in microseconds, so that asking at every command
        is free."""

    async def run(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a writing op and return its result once it is durable (commit with full sync).

        Ops queued meanwhile may share one commit; each has its own savepoint. Raises what the op raised, or
        :class:`DatabaseUnavailable`.
        """

    async def read(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a short reading op (under 2 ms): on SQLite in the calling thread without a hop (the await
        completes at once), elsewhere in a worker thread. Sees everything whose ``run`` returned before."""

    async def scan(
        self, op: Callable[Concatenate[Transaction, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run a longer reading op, always off the event loop. Under a second; chunk anything longer."""

    async def close(self) -> None:
        """Finish queued ops, then close. Ops handed over afterwards raise :class:`DatabaseUnavailable`."""


class DuplicateKey(Exception):
    """An insert or update met a unique key that exists already. The op must let it pass or roll back: on some
    engines nothing more can be done in its transaction. ``upsert`` and ``insert_ignore`` never raise it."""


class DatabaseUnavailable(Exception):
    """The database cannot be reached or refuses to work (disk full, server gone). Always temporary to
    peers."""


class DatabaseDamaged(DatabaseUnavailable):
    """The database file is not what was written there. Temporary to peers, but trying again mends nothing."""
