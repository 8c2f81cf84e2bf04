"""Passwords judged by a query: it returns the hash that somebody else's database keeps of a login.

The database is only read: the session is read-only, and SQLite files are opened so. Queries run in threads of their
own, as drivers block.
"""

from __future__ import annotations

import asyncio
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from sqlalchemy import create_engine, text
from sqlalchemy.engine import Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from posthouse.database.urls import parse
from posthouse.directory import foreign_hashes
from posthouse.directory.passwords import Passwords
from posthouse.directory.sources_check import Checked, parts
from posthouse.directory.sources_config import SourceConfig

MOST_HASH = 1024


class QuerySource:
    """Asks for the hash and verifies it. ``close`` it."""

    def __init__(self, config: SourceConfig, passwords: Passwords) -> None:
        self._details = config.details
        self._passwords = passwords
        self._engine = _engine(config.secret, config.details.timeout)
        self._query = text(config.details.query)
        self._pool = ThreadPoolExecutor(config.details.connections, thread_name_prefix="query")
        self._busy = 0

    async def check(self, login: str, password: str) -> Checked:
        """See ``sources_check.Backend``."""
        if self._busy >= self._details.connections:  # threads that a database does not let go
            return Checked("unavailable", "all queries are still waiting")
        loop = asyncio.get_running_loop()
        self._busy += 1
        asked = loop.run_in_executor(self._pool, self._ask, login)
        asked.add_done_callback(self._done)
        try:
            async with asyncio.timeout(self._details.timeout):
                rows = await asyncio.shield(asked)
        except TimeoutError:
            return Checked("unavailable", "the query did not end in time")
        except (SQLAlchemyError, OSError) as problem:
            return Checked("unavailable", f"the query failed: {type(problem).__name__}")
        if not rows:
            return Checked("not mine", "the query finds nobody")
        if len(rows) > 1:
            return Checked("refuse", "the query finds several")
        return await self._compare(rows[0], password)

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    async def _compare(self, found: object, password: str) -> Checked:
        stored = found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found or "")
        if not stored or len(stored) > MOST_HASH:
            return Checked("refuse", "the query returns no hash")
        try:
            foreign = foreign_hashes.parse(self._details.hash or foreign_hashes.guess(stored), stored)
            made = await self._passwords.take_over(foreign)
        except ValueError:
            return Checked("refuse", "the query returns a hash of a kind that is not known")
        good = await self._passwords.verify(made.password_hash, password)
        return Checked("accept") if good else Checked("refuse")

    def _ask(self, login: str) -> list[Any]:
        asked = parts(login)
        names = {each: asked[each] for each in asked if f":{each}" in self._details.query}
        with self._engine.connect() as connection:
            return [row[0] for row in connection.execute(self._query, names).fetchmany(2)]

    def _done(self, asked: asyncio.Future[list[Any]]) -> None:
        self._busy -= 1
        if not asked.cancelled():
            asked.exception()  # seen, also when nobody waits any more


def _engine(secret: str, seconds: int) -> Engine:
    url = parse(secret)
    backend = url.get_backend_name()
    if backend == "sqlite":
        path = url.database or ""

        def connect() -> sqlite3.Connection:
            from urllib.parse import quote

            return sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=seconds)

        return create_engine("sqlite://", creator=connect, poolclass=NullPool)
    if backend == "postgresql":
        options = f"-c default_transaction_read_only=on -c statement_timeout={seconds * 1000}"
        return create_engine(
            url,
            poolclass=NullPool,
            connect_args={"connect_timeout": max(2, seconds), "options": options},
        )
    return create_engine(
        url,
        poolclass=NullPool,
        connect_args={
            "connect_timeout": seconds,
            "read_timeout": seconds,
            "write_timeout": seconds,
            "init_command": "SET SESSION TRANSACTION READ ONLY",
        },
    )
