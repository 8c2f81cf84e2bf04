"""How the queue does with many rows: ``python -m bench.queue_size [--rows N] [--destinations N]``.

Fills a SQLite queue, half of the rows to one destination that is dead, and prints how long the scheduler takes to
start and to find what is due, the longest of its units, and the rates of putting, leasing and settling at that size.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.database.migrate import migrate
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.deliver.contract import unnoticed
from posthouse.deliver.dispatch import Dispatcher
from posthouse.deliver.results import Feedback, Result
from posthouse.queue import destinations
from posthouse.queue.contract import Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

FILL = (
    """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
    INSERT INTO queue_messages
      (id, trace, body, size, sender, received_at, ret, envid, smtputf8, body_type, priority)
    SELECT i, 't' || i, randomblob(32), 4096, 's' || (i % 1000) || '@here.example', :now, '', '', 0, '8BITMIME', 0
    FROM n""",
    """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
    INSERT INTO queue_recipients (message_id, recipient, destination, notify, orcpt, due_at, expires_at, attempts,
      held, reason, lease_token, lease_owner, lease_until, priority, lane)
    SELECT i, 'u' || i || '@there.example',
      CASE WHEN i % 2 THEN 'mx:dead.example' ELSE 'mx:d' || (i % :places) || '.example' END,
      '', '', CASE WHEN i % 4 THEN 0.0 ELSE :now + 7200 END, :now + 432000 + i % 3600, 0, 0, '', '', '', 0.0,
      0, i % 16 FROM n""",
)


class Timed:
    """A database that notes the longest unit of each kind, in seconds of its thread; the first of each compiles its
    statements and does not count."""

    def __init__(self, inner: Database) -> None:
        self._inner = inner
        self.inline = inner.inline
        self.longest: dict[str, float] = {}

    def _timed(self, op: Callable[..., Any]) -> Callable[..., Any]:
        def timed(tx: Any, *args: Any, **kwargs: Any) -> Any:
            began = time.thread_time()
            try:
                return op(tx, *args, **kwargs)
            finally:
                name = getattr(op, "__name__", None) or getattr(getattr(op, "func", None), "__name__", "?")
                took = time.thread_time() - began if name in self.longest else 0.0
                self.longest[name] = max(self.longest.get(name, 0.0), took)

        return timed

    async def run(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._inner.run(self._timed(op), *args, **kwargs)

    async def read(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._inner.read(self._timed(op), *args, **kwargs)

    async def scan(self, op: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
        return await self._inner.scan(self._timed(op), *args, **kwargs)

    async def close(self) -> None:
        await self._inner.close()


class Sink:
    """Takes every message, and settles its rows."""

    def __init__(self, database: Timed, queue: QueueService) -> None:
        self._database = database
        self._queue = queue
        self.taken = 0
        self.first = 0.0

    async def deliver(self, leases: Sequence[Lease], answered: Callable[[], None] = unnoticed) -> Feedback:
        self.first = self.first or time.perf_counter()
        for lease in leases:
            await self._database.run(self._queue.settle, lease, "relayed")
        self.taken += len(leases)
        return Feedback(well=True)

    async def settle(self, results: Sequence[Result], *, tries: int = 0, minutes: int = 0) -> None:
        raise RuntimeError("nothing expires here")


async def measure(path: Path, places: int) -> None:
    """Put, lease, and let the scheduler run for ten seconds."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    database = Timed(await open_database(sqlite_url(path), threads=4, upgrade=False))
    print(f"open the database           {(time.perf_counter() - began) * 1000:10.1f} ms")
    settings, feed = CurrentSettings(), LocalFeed(loop)
    queue = QueueService(settings, feed)
    now = time.time()

    async def put(number: int) -> None:
        message = QueuedMessage(f"p{number}", "ab" * 32, 4096, "put@here.example", now)
        row = QueuedRecipient("u@new.example", "mx:new.example", due_at=now + 9000)
        await database.run(queue.put, message, [row])

    began = time.perf_counter()
    for start in range(0, 5000, 50):
        await asyncio.gather(*(put(start + n) for n in range(50)))
    print(f"put, 50 at a time           {5000 / (time.perf_counter() - began):10,.0f} messages/s")
    began, count = time.perf_counter(), 0
    for _ in range(100):
        leases = await database.run(
            queue.lease, now, 200, 900.0, "bench/1", destination="mx:dead.example", most=20
        )
        count += len(leases)
    print(f"lease, 20 at a time         {count / (time.perf_counter() - began):10,.0f} messages/s")
    await database.run(destinations.note_down, "mx:dead.example", now, "away", first=3600, most=3600)
    sink = Sink(database, queue)
    dispatcher = Dispatcher(
        database=database,
        queue=queue,
        deliverers={"mx": sink},
        settlement=sink,
        settings=settings,
        feed=feed,
        owner="bench/2",
    )
    began = time.perf_counter()
    task = asyncio.create_task(dispatcher.run())
    await asyncio.sleep(10)
    dispatcher.stop()
    await task
    print(f"start to first delivery     {(sink.first - began) * 1000:10.1f} ms")
    print(f"lease, deliver, settle      {sink.taken / 10:10,.0f} messages/s ({places:,} destinations)")
    print("longest unit of each kind (processor time)")
    for name, seconds in sorted(database.longest.items(), key=lambda each: -each[1]):
        print(f"  {name:<25} {seconds * 1000:10.2f} ms")
    await database.close()


def main() -> None:
    """Fill and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--destinations", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "queue.db"
        migrate(sqlite_url(path))
        connection = apsw.Connection(str(path))
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "off")
        for statement in FILL:
            values = {"rows": arguments.rows, "places": arguments.destinations, "now": time.time()}
            names = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(statement, names)
        connection.close()
        print(f"rows                        {arguments.rows:10,}")
        print(f"size of the database        {path.stat().st_size / 2**20:10,.0f} MiB")
        asyncio.run(measure(path, arguments.destinations))


if __name__ == "__main__":
    main()
