"""Jobs beside the road: senders who were answered long ago are forgotten, archive rules are carried out."""

from __future__ import annotations

import time

from posthouse.cluster.leases import PeriodicJob
from posthouse.deliver.archiving import Archiving
from posthouse.directory import autoreply
from posthouse.server.built import Built
from posthouse.settings import archive as settings_archive

TIDY_SECONDS = 6 * 3600.0


async def attach(built: Built) -> None:
    """Start them; each runs in one worker at a time."""
    archiving = Archiving(built.database, built.store)

    async def tidy() -> None:
        while await built.database.run(autoreply.tidy, time.time()):
            pass

    async def archive() -> None:
        await archiving.once()

    forget = PeriodicJob(built.database, "autoreply.tidy", lambda: TIDY_SECONDS, tidy, holder=built.owner)
    built.jobs.start(forget.run(), "autoreply.tidy")
    job = PeriodicJob(
        built.database,
        "archive",
        lambda: built.settings.now[settings_archive.INTERVAL] * 3600.0,
        archive,
        holder=built.owner,
    )
    built.jobs.start(job.run(), "archive")
