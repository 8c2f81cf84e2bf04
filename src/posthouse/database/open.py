"""Open a database by its URL."""

from __future__ import annotations

import asyncio

from posthouse.database import migrations
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.database.migrate import current, migrate
from posthouse.database.server import ServerDatabase
from posthouse.database.sqlite import SqliteDatabase
from posthouse.database.urls import parse


async def open_database(url: str, *, threads: int = 8, upgrade: bool = True) -> Database:
    """Open the database at ``url`` for the running event loop.

    ``threads`` is the number of server connections, or of SQLite's scanning threads (at most four of them).
    With
    ``upgrade`` a missing or older schema is brought up to date first (the caller holds the data folder's
    lock); without (worker processes), such a schema is refused. Raises ``DatabaseUnavailable`` or
    ``urls.BadUrl``.
    """
    made = parse(url)
    if upgrade:
        await asyncio.to_thread(migrate, url)
    else:
        version = await asyncio.to_thread(current, url)
        if version != migrations.HEAD:
            raise DatabaseUnavailable(
                f"the database has schema version {version or 'none'}, not {migrations.HEAD}"
            )
    if made.get_backend_name() == "sqlite":
        return SqliteDatabase(made.database or "", min(threads, 4))
    return ServerDatabase(made, threads)
