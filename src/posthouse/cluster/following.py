"""Following what is stored: read it anew when its change is told, and now and then even so."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DatabaseUnavailable


async def follow(
    feed: Feed,
    topic: str,
    load: Callable[[], Awaitable[None]],
    unreadable: Callable[[DatabaseUnavailable], None],
    poll: float,
) -> None:
    """Await ``load`` at each notice of the topic, and ``poll`` seconds after it was last awaited even without one,
    until cancelled. ``unreadable`` is told when the database was away; the next try comes as usual."""
    changed = asyncio.Event()
    unsubscribe = feed.subscribe(topic, None, lambda topic, key, version: changed.set())
    try:
        while True:
            try:
                await asyncio.wait_for(changed.wait(), poll)
            except TimeoutError:
                pass
            changed.clear()
            try:
                await load()
            except DatabaseUnavailable as problem:
                unreadable(problem)
    finally:
        unsubscribe()
