"""Routes as they are now, from a cache that follows the directory's version."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database
from posthouse.directory import routes
from posthouse.directory.cache import VersionedCache
from posthouse.directory.routes import Route
from posthouse.mail.address import Address


class RouteBook:
    """Answers about routes; a change acts at once where the feed tells of it, else within a second. ``close`` it at
    the end. All methods raise DatabaseUnavailable."""

    def __init__(self, database: Database, feed: Feed, clock: Callable[[], float] = monotonic) -> None:
        self._cache = VersionedCache(database, feed, clock)

    async def routes(self) -> tuple[Route, ...]:
        """Those that are switched on, in order."""
        return await self._cache.get(("routes",), routes.active)

    async def lists(self, route: Route, address: Address) -> bool:
        """Whether a route that takes only listed addresses lists this one, with or without what follows a plus
        sign. The postmaster is always listed (RFC 5321 4.5.1)."""
        local, _, domain = address.key.rpartition("@")
        base = local.partition("+")[0]
        if base == "postmaster":
            return True
        keys = tuple(dict.fromkeys((address.key, f"{base}@{domain}")))
        return await self._cache.get(("listed", route.id, address.key), routes.listed, route.id, keys)

    async def source(self, domain: str) -> str:
        """The local address that mail of this domain's senders leaves from, "" for none of its own."""
        return await self._cache.get(("source", domain), routes.source, domain)

    def close(self) -> None:
        """Stop listening to the feed."""
        self._cache.close()
