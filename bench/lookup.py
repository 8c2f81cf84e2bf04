"""What it costs to ask where an address leads: 100,000 accounts in 1,000 domains, on SQLite.

``python -m bench.lookup`` makes the directory in a folder of its own, asks, and prints microseconds a question: from
the cache, and each for the first time, by what the address is.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from time import perf_counter, time

from sqlalchemy import insert

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.directory import domain_records, records
from posthouse.directory.cache import VersionedCache
from posthouse.directory.lookup import find_target
from posthouse.mail.address import Address, parse_address

CHUNK = 500


def _rows(domains: int, each: int) -> Iterator[tuple[object, list[dict[str, object]]]]:
    """The rows by table: every domain has another name and a catch-all, every tenth address is an alias, too."""
    now = time()
    yield (
        insert(records.domains),
        [
            {"id": n, "name": f"d{n}.test", "created_at": now, "catch_all": f"p0@d{n}.test"}
            for n in range(1, domains + 1)
        ],
    )
    yield (
        insert(domain_records.names),
        [{"domain_id": n, "name": f"also{n}.test", "created_at": now} for n in range(1, domains + 1)],
    )
    secrets = {
        column.name: "" for column in records.accounts.c if column.name.startswith(("password", "scram"))
    }
    secrets |= {"scram_iterations": 1, "password_changed_at": 0.0}  # type: ignore[dict-item]
    for n in range(1, domains + 1):
        yield (
            insert(records.accounts),
            [
                {
                    **secrets,
                    "domain_id": n,
                    "address": f"p{m}@d{n}.test",
                    "quota": 0,
                    "active": 1,
                    "created_at": now,
                }
                for m in range(each)
            ],
        )
        yield (
            insert(records.aliases),
            [
                {"domain_id": n, "address": f"a{m}@d{n}.test", "target": f"p{m}@d{n}.test", "created_at": now}
                for m in range(0, each, 10)
            ],
        )


async def fill(database: Database, domains: int, each: int) -> None:
    """Make the directory."""

    def put(tx: Transaction, statement: object, rows: list[dict[str, object]]) -> None:
        tx.execute_many(statement, rows)  # type: ignore[arg-type]

    for statement, rows in _rows(domains, each):
        for start in range(0, len(rows), CHUNK):
            await database.run(put, statement, rows[start : start + CHUNK])


def addresses(kind: str, count: int, domains: int, each: int) -> list[Address]:
    """Addresses of one kind, each but once."""
    pairs = random.Random(7).sample(range(domains * each), count)
    shape = {
        "account": "p{m}@d{n}.test",
        "account, other name": "p{m}@also{n}.test",
        "plus address": "p{m}+list@d{n}.test",
        "alias": "a{m}@d{n}.test",
        "catch-all": "nobody-{m}@d{n}.test",
        "foreign": "p{m}@elsewhere{n}.test",
    }[kind]
    return [
        parse_address(
            shape.format(m=(pair % each) // 10 * 10 if kind == "alias" else pair % each, n=pair // each + 1)
        )
        for pair in pairs
    ]


KINDS = ("account", "account, other name", "plus address", "alias", "catch-all", "foreign")


async def timed(asked: list[Address], ask: Callable[[Address], Awaitable[object]]) -> tuple[float, float]:
    """Median and 99th of a hundred, in microseconds."""
    spent = []
    for address in asked:
        began = perf_counter()
        await ask(address)
        spent.append((perf_counter() - began) * 1e6)
    spent.sort()
    return statistics.median(spent), spent[len(spent) * 99 // 100]


async def measure(
    folder: Path, domains: int, each: int, count: int
) -> list[tuple[str, float, float, float, float]]:
    """A line for each kind: first time (median, 99 %), from the cache (median, 99 %)."""
    database = await open_database(sqlite_url(folder / "lookup.db"))
    try:
        await fill(database, domains, each)
        lines = []
        for kind in KINDS:
            cache = VersionedCache(database, LocalFeed())

            async def ask(address: Address, cache: VersionedCache = cache) -> object:
                return await cache.get(("target", address.key), find_target, address)

            asked = addresses(kind, count, domains, each)
            cold = await timed(asked, ask)
            lines.append((kind, *cold, *await timed(asked, ask)))
            cache.close()
        return lines
    finally:
        await database.close()


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--domains", type=int, default=1000)
    parser.add_argument("--each", type=int, default=100, help="accounts of each domain")
    parser.add_argument("--count", type=int, default=5000, help="questions of each kind")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = asyncio.run(measure(Path(folder), wanted.domains, wanted.each, wanted.count))
    print("| address | first time, median | 99 of 100 | cached, median | 99 of 100 |")
    print("|---|---|---|---|---|")
    for kind, *figures in lines:
        print(f"| {kind} | " + " | ".join(f"{each:.1f} µs" for each in figures) + " |")


if __name__ == "__main__":
    main()
