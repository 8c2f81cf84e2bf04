"""Durability layout 2, "journal": what is kept at the same time shares one flush of the journal and one commit.

Only on SQLite, whose one writing thread does both, one after the other; large bodies are flushed as files of their own,
as in layout 1.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Concatenate, ParamSpec, TypeVar

from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.journal import Journal
from posthouse.bodies.plain import Keepers, in_any_case, while_missing
from posthouse.bodies.spool import IN_MEMORY
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.database.sqlite import SqliteDatabase

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 4
"""Large bodies flushed side by side."""


class JournalDurability:
    """The Durability of contract.py over a :class:`Journal`, which it closes."""

    def __init__(self, database: SqliteDatabase, bodies: FileBodies, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._keep = journal.keep  # one object, by which the writer sees what belongs together
        self._keepers = Keepers(bodies, THREADS)

    async def commit(
        self,
        bodies: Sequence[Body],
        op: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async def once(missing: list[Body]) -> T:
            result: T = await self._once(missing, op, args, kwargs)
            return result

        return await while_missing(bodies, once)

    async def close(self) -> None:
        """Finish what is being kept and empty the journal. What is handed over afterwards raises
        DatabaseUnavailable."""
        self._keepers.closed = True
        await asyncio.to_thread(self._keepers.close)
        try:
            await self._database.run(_nothing)  # behind all units that still bring something
        finally:
            await asyncio.to_thread(self._journal.close)

    async def _once(
        self, bodies: Sequence[Body], op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        small = [body for body in bodies if body.size <= IN_MEMORY]
        if len(small) < len(bodies):
            await self._keepers.keep_all([body for body in bodies if body.size > IN_MEMORY])
        if not small:
            return await self._database.run(op, *args, **kwargs)
        if self._keepers.closed:
            raise DatabaseUnavailable("the server is stopping")
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._database.enqueue(future, op, args, kwargs, things=small, together=self._keep)
        return await in_any_case(future)


def _nothing(tx: Transaction) -> None:
    """A unit without work."""
