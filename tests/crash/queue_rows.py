"""Puts local deliveries into the queue of a stopped server, as acceptance does for a mailbox that could not
take its copy: through the product's own code, durably."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from pathlib import Path

from posthouse.bodies.contract import Body
from posthouse.bodies.files import FileBodies
from posthouse.bodies.plain import PlainDurability
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Transaction
from posthouse.database.folder import DataFolder
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.directory.live import LiveSettings
from posthouse.queue.contract import QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.settings import all as _all_settings  # noqa: F401 - declares them
from posthouse.settings.contract import CurrentSettings


def put_local_rows(
    data: Path, address: str, messages: Sequence[bytes], *, within: tuple[float, float] = (0.0, 0.0)
) -> None:
    """One queue row for ``address`` per message, due at random ``within`` so many seconds from now. The
    server on this data folder must be stopped."""
    with DataFolder(data):
        asyncio.run(_put(data, address, messages, within))


async def _put(data: Path, address: str, messages: Sequence[bytes], within: tuple[float, float]) -> None:
    database = await open_database(sqlite_url(data / "posthouse.db"), upgrade=False)
    bodies = FileBodies(data)
    durability = PlainDurability(database, bodies)
    try:
        feed, settings = LocalFeed(), CurrentSettings()
        await LiveSettings(database, feed, settings).load()
        queue = QueueService(settings, feed)

        def put(tx: Transaction, body: Body, number: int) -> None:
            bodies.claim(tx, body.digest, body.size)
            now = time.time()
            message = QueuedMessage(
                trace=f"crash.{body.digest[:16]}.{number}",
                body=body.digest,
                size=body.size,
                sender="crash@example.org",
                received_at=now,
            )
            due = now + random.uniform(*within)
            recipient = QueuedRecipient(address, "local", due_at=due, reason="put there by a test")
            queue.put(tx, message, [recipient])

        for number, content in enumerate(messages):
            spool = bodies.spool()
            spool.write(content)
            body = spool.finish()
            await durability.commit([body], put, body, number)
            body.discard()
    finally:
        await durability.close()
        bodies.close()
        await database.close()
