"""IP ranges: every worker holds to them, at most a second after they were changed, open sessions included."""

from __future__ import annotations

from collections.abc import Callable

from posthouse.cluster.contract import Feed
from posthouse.cluster.following import follow
from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Database, DatabaseUnavailable, Transaction
from posthouse.directory.ranges import RANGES, changed_ranges, make_defaults, remove_expired
from posthouse.directory.versions import version
from posthouse.net.house import House
from posthouse.net.limits import ConnectionLimits
from posthouse.net.ranges import Ranges
from posthouse.observe.log import logger
from posthouse.server.built import Built

log = logger("server.ranges")

POLL = 1.0
"""Seconds after which a change is noticed even when its notice was lost."""
TIDY_SECONDS = 60.0
"""Ranges that are over are forgotten as often as hMailServer does."""
GOODBYE = "Connections from your address are no longer accepted here"


async def attach(built: Built) -> None:
    """Attach it to the worker; the ranges are known before the first connection, and made where there is none."""
    await built.database.run(make_defaults, feed=built.feed)
    follower = RangeFollower(
        built.database, built.feed, built.limits, lambda: sweep(built.house, built.limits)
    )
    await follower.load()
    built.reception.permits = built.limits.permits
    built.jobs.start(follower.run(), "ranges")

    async def tidy() -> None:
        await built.database.run(remove_expired, feed=built.feed)

    job = PeriodicJob(built.database, "ranges.tidy", lambda: TIDY_SECONDS, tidy, holder=built.owner)
    built.jobs.start(job.run(), "ranges.tidy")


def sweep(house: House, limits: ConnectionLimits) -> int:
    """Say goodbye to open sessions that would not be let in any more; how many they were."""
    gone = [
        session
        for session in house.sessions
        if not session.closing and limits.kept_out(session.peer.address, session.door.protocol)
    ]
    if gone:
        log.info("sessions.no_longer_allowed", count=len(gone))
        house.dismiss(gone, GOODBYE)
    return len(gone)


class RangeFollower:
    """Hands the newest ranges to ``limits``; ``changed`` is called afterwards."""

    def __init__(
        self, database: Database, feed: Feed, limits: ConnectionLimits, changed: Callable[[], object]
    ) -> None:
        self._database = database
        self._feed = feed
        self._limits = limits
        self._changed = changed
        self._known = -1

    async def load(self) -> None:
        """Read all ranges if their version moved. Raises DatabaseUnavailable."""
        if await self._database.read(version, RANGES) == self._known:
            return
        found = await self._database.scan(_read, self._known)
        if found is not None:
            self._known, ranges = found
            if not ranges.count:  # put back from a backup of before there were ranges
                await self._database.run(make_defaults, feed=self._feed)
                return
            self._limits.rule(ranges)
            self._changed()

    async def run(self) -> None:
        """Follow changes: at the feed's notice, and by asking once a second."""
        await follow(self._feed, RANGES, self.load, _unreadable, POLL)


def _unreadable(problem: DatabaseUnavailable) -> None:
    log.warning("ranges.unreadable", reason=str(problem))


def _read(tx: Transaction, known: int) -> tuple[int, Ranges] | None:
    found = changed_ranges(tx, known)
    return None if found is None else (found[0], Ranges(found[1]))
