"""Durability layout 1, "plain": bodies are flushed as files of their own on threads, then the unit is
committed.

Whatever is kept at the same time is flushed side by side, and the units that follow share a commit on SQLite.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from posthouse.bodies.contract import Body, BodyMissing
from posthouse.bodies.files import FileBodies
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.database.sqlite import SqliteDatabase

P = ParamSpec("P")
T = TypeVar("T")

Then = Callable[[asyncio.Future[Any]], None]
"""What a keeper's thread does next; it sees to it that the future gets a result."""

THREADS = 16
"""Bodies flushed side by side: a disk takes many flushes at once in little more than the time of one."""

SMALL = 64 * 1024
"""Bytes of a body that the database's writer may keep itself: all that is written meanwhile waits for it."""

ATTEMPTS = 5
"""How often a body that the removal job took away meanwhile is kept again."""


class PlainDurability:
    """The Durability of contract.py over :class:`FileBodies`."""

    def __init__(self, database: Database, bodies: FileBodies, *, threads: int = THREADS) -> None:
        self._database = database
        # On SQLite the thread that flushed a lone body queues its unit itself: one way through the loop less.
        self._sqlite = database if isinstance(database, SqliteDatabase) else None
        self._keepers = Keepers(bodies, threads)

    async def commit(
        self,
        bodies: Sequence[Body],
        op: Callable[Concatenate[Transaction, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        async def once(missing: list[Body]) -> T:
            if len(missing) != 1 or self._sqlite is None:
                await self._keepers.keep_all(missing)
                return await self._database.run(op, *args, **kwargs)
            result: T
            if missing[0].size > SMALL or self._keepers.busy or not self._sqlite.idle:
                then = _queueing(self._sqlite, op, args, kwargs)
                result = await self._keepers.keep(missing[0], then)
            else:
                result = await self._keepers.hand_over(missing[0], self._sqlite, op, args, kwargs)
            return result

        return await while_missing(bodies, once)

    async def close(self) -> None:
        """Finish what is being kept, then end the threads. What is handed over afterwards raises
        DatabaseUnavailable."""
        self._keepers.closed = True
        await asyncio.to_thread(self._keepers.close)


async def while_missing(bodies: Sequence[Body], once: Callable[[list[Body]], Awaitable[T]]) -> T:
    """What ``once`` gives that keeps these bodies and runs the unit; again for a body that the removal job took away
    between the two. Raises BodyMissing where that happens again and again, or to a body that is not among them."""
    wanted = {body.digest: body for body in bodies}
    missing = list(wanted.values())
    for _ in range(ATTEMPTS - 1):
        try:
            return await once(missing)
        except BodyMissing as error:
            body = wanted.get(error.args[0])
            if body is None:
                raise
            missing = [body]
    return await once(missing)


def _queueing(
    database: SqliteDatabase, op: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Then:
    return lambda future: database.enqueue(future, op, args, kwargs)


class Keepers:
    """Threads that keep bodies. Results go back to the loop in batches: a wake-up costs more than a
    rename."""

    def __init__(self, bodies: FileBodies, threads: int) -> None:
        self._bodies = bodies
        self._loop = asyncio.get_running_loop()
        self._wanted: SimpleQueue[tuple[Body, asyncio.Future[Any], Then | None] | None] = SimpleQueue()
        self._done: deque[tuple[asyncio.Future[Any], BaseException | None]] = deque()
        self._told = False
        self.closed = False
        self.busy = 0
        """Bodies that are being kept, and whose unit is not over where it follows at once."""
        self._threads = [
            threading.Thread(target=self._work, name=f"posthouse-keeper-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    async def keep(self, body: Body, then: Then | None = None) -> Any:
        """Keep one body; returns when it is durable, or with ``then``: when what ``then`` began (on the
        thread) has given the future its result. A cancelled caller waits all the same, because it is about to
        discard the body."""
        future = self._future()
        self._wanted.put((body, future, then))
        return await self._over(future)

    async def keep_all(self, bodies: Sequence[Body]) -> None:
        """Keep several; when one fails, wait for the others before saying so: nobody may discard a body in
        use."""
        results = await asyncio.gather(*map(self.keep, bodies), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

    async def hand_over(
        self, body: Body, database: SqliteDatabase, op: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """The same for a lone body with its unit: the writer's thread keeps it, which spares a way from thread to
        thread, and its unit shares a commit with whatever comes meanwhile."""
        future = self._future()
        database.enqueue(future, op, args, kwargs, partial(self._bodies.keep, body))
        return await self._over(future)

    def _future(self) -> asyncio.Future[Any]:
        if self.closed:
            # Nobody would take it, and waiting for nobody cannot be cancelled here.
            raise DatabaseUnavailable("the server is stopping")
        return self._loop.create_future()

    async def _over(self, future: asyncio.Future[Any]) -> Any:
        self.busy += 1
        try:
            return await in_any_case(future)
        finally:
            self.busy -= 1

    def close(self) -> None:
        """End the threads once all is kept."""
        for _ in self._threads:
            self._wanted.put(None)
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        while (item := self._wanted.get()) is not None:
            body, future, then = item
            error: BaseException | None = None
            try:
                self._bodies.keep(body)
                if then is not None:
                    then(future)
                    continue
            except BaseException as failure:
                error = failure
            self._done.append((future, error))
            if not self._told:
                self._told = True
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    self._loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._told = False
        while self._done:
            future, error = self._done.popleft()
            if future.done():
                continue
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)


async def in_any_case(future: asyncio.Future[Any]) -> Any:
    """The result, also for a caller that is cancelled meanwhile: it waits all the same."""
    cancelled: asyncio.CancelledError | None = None
    while not future.done():
        try:
            await asyncio.shield(future)
        except asyncio.CancelledError as error:
            cancelled = error
        except Exception:
            break
    if cancelled is not None:
        with suppress(Exception):
            future.result()
        raise cancelled
    return future.result()
