"""Bans: every worker keeps out what is banned, at most a second after it was."""

from __future__ import annotations

from posthouse.cluster.contract import Feed
from posthouse.cluster.following import follow
from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.bans import BANS, changed_bans, remove_expired
from posthouse.directory.versions import version
from posthouse.net.bans import Bans
from posthouse.net.limits import ConnectionLimits
from posthouse.observe.log import logger
from posthouse.server.built import Built

log = logger("server.bans")

POLL = 1.0
"""Seconds after which a change is noticed even when its notice was lost."""
TIDY_SECONDS = 3600.0


async def attach(built: Built) -> None:
    """Attach it to the worker; what is banned is known before the first connection."""
    follower = Follower(built.database, built.feed, built.limits)
    await follower.load()
    built.jobs.start(follower.run(), "bans")
    built.http.kept_out = lambda address: bool(built.limits.kept_out(address, "http"))

    async def tidy() -> None:
        while await built.database.run(remove_expired, feed=built.feed) == 500:
            pass

    job = PeriodicJob(built.database, "bans.tidy", lambda: TIDY_SECONDS, tidy, holder=built.owner)
    built.jobs.start(job.run(), "bans.tidy")


class Follower:
    """Hands the newest bans to ``limits``."""

    def __init__(self, database: Database, feed: Feed, limits: ConnectionLimits) -> None:
        self._database = database
        self._feed = feed
        self._limits = limits
        self._known = 0

    async def load(self) -> None:
        """Read all bans if their version moved. Raises DatabaseUnavailable."""
        if await self._database.read(version, BANS) == self._known:
            return
        found = await self._database.scan(_read, self._known)
        if found is not None:
            self._known, bans = found
            self._limits.ban(bans)

    async def run(self) -> None:
        """Follow changes: at the feed's notice, and by asking once a second."""
        await follow(self._feed, BANS, self.load, _unreadable, POLL)


def _unreadable(problem: DatabaseUnavailable) -> None:
    log.warning("bans.unreadable", reason=str(problem))


def _read(tx: Transaction, known: int) -> tuple[int, Bans] | None:
    """The set is made here too, in a thread: it may be large."""
    found = changed_bans(tx, known)
    return None if found is None else (found[0], Bans(found[1]))
