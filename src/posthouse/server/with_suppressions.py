"""The suppression list and the bounces that came back: what is over is forgotten, in one worker at a time."""

from __future__ import annotations

from time import time

from posthouse.cluster.leases import PeriodicJob
from posthouse.deliver.dsn.bounces import remove_old
from posthouse.directory.suppression import remove_expired
from posthouse.server.built import Built
from posthouse.settings.trace import KEEP_DAYS

TIDY_SECONDS = 3600.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""

    async def tidy() -> None:
        while await built.database.run(remove_expired, time()) == 500:
            pass
        before = time() - built.settings.now[KEEP_DAYS] * 86400.0
        while await built.database.run(remove_old, before) == 500:
            pass

    job = PeriodicJob(built.database, "suppressions.tidy", lambda: TIDY_SECONDS, tidy, holder=built.owner)
    built.jobs.start(job.run(), "suppressions.tidy")
