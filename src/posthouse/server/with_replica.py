"""The replica of the SQLite database, kept up to date by the first worker."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path

import apsw

from posthouse.database.contract import Transaction
from posthouse.database.urls import parse
from posthouse.manage.backup.access import get_state, put_state
from posthouse.manage.replica.files import is_ahead
from posthouse.manage.replica.guard import LINEAGE
from posthouse.manage.replica.job import LEAST_SECONDS, MEND, Replica
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.server.pieces import database_url

LOOK_SECONDS = 60.0
"""How long changes of which no notice tells may wait."""
TOPICS = ("mailbox", "account", "queue", "directory", "settings")

log = logger("records")


async def attach(built: Built) -> None:
    """Compare before any door opens, then follow."""
    url = parse(database_url(built.share.config))
    if not built.first or url.get_backend_name() != "sqlite":
        return
    await built.database.run(_lineage)
    replica = Replica(built.share.config.data, Path(url.database or ""))
    try:
        await asyncio.to_thread(replica.check)
    except (apsw.Error, OSError) as error:
        log.error("records.failed", reason=str(error))
    follower = _Follower(replica)
    for topic in TOPICS:
        built.stack.callback(built.feed.subscribe(topic, None, follower.heard))
    built.jobs.start(follower.run(), "records", end=follower.end)


def _lineage(tx: Transaction) -> None:
    """Give the database a lineage, if it has none."""
    if get_state(tx, LINEAGE) is None:
        put_state(tx, LINEAGE, {"id": secrets.token_hex(16)})


async def unless_ahead(data: str, work: Callable[[], Awaitable[object]]) -> None:
    """Do what removes bodies, unless the replica names more than the database does."""
    if is_ahead(data):
        log.warning("records.ahead", reason="nothing is removed", mend=MEND)
        return
    await work()


class _Follower:
    """Copies soon after changes, and every minute in any case."""

    def __init__(self, replica: Replica) -> None:
        self._replica = replica
        self._wake = asyncio.Event()
        self._ending = asyncio.Event()

    def heard(self, topic: str, key: int, version: int) -> None:
        """Something changed."""
        self._wake.set()

    def end(self) -> None:
        """Copy once more, then end."""
        self._ending.set()
        self._wake.set()

    async def run(self) -> None:
        """Until :meth:`end`."""
        again = 0.1
        try:
            while not self._ending.is_set():
                await _wait(self._wake, again or LOOK_SECONDS)
                again = await self._once()
                await _wait(self._ending, LEAST_SECONDS)
            self._replica.end()
            await self._once()
        finally:
            self._replica.close()

    async def _once(self) -> float:
        changed = self._wake.is_set()
        self._wake.clear()
        try:
            return await asyncio.to_thread(self._replica.once, changed=changed)
        except (apsw.Error, OSError) as error:
            log.warning("records.failed", reason=str(error))
            return LOOK_SECONDS


async def _wait(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), seconds)
