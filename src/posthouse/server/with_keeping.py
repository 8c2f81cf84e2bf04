"""What is deleted and may come back, and mailboxes that fill up: looked after by one worker at a time."""

from __future__ import annotations

from posthouse.cluster.leases import PeriodicJob
from posthouse.directory import expiry
from posthouse.manage import expiry_warnings
from posthouse.manage.quota_warnings import warn_all
from posthouse.manage.removed_purge import purge_due
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname

SECONDS = 600.0
"""Between two looks; so long may deleted messages of an account stay beyond their limit by size."""


async def attach(built: Built) -> None:
    """Start the jobs."""

    async def warn() -> None:
        name = current_hostname(built.share.config, built.settings)
        await warn_all(built.database, built.bodies, built.durability, built.store, built.settings.now, name)

    async def warn_of_expiry() -> None:
        name = current_hostname(built.share.config, built.settings)
        await expiry_warnings.warn_all(
            built.database, built.bodies, built.durability, built.store, built.settings.now, name
        )
        await built.database.run(expiry.sweep)

    async def purge() -> None:
        await purge_due(built.context)

    for name, work in (
        ("keeping.deleted", built.store.deleted.upkeep),
        ("keeping.removed", purge),
        ("keeping.quotas", warn),
        ("keeping.passwords", warn_of_expiry),
    ):
        job = PeriodicJob(built.database, name, lambda: SECONDS, work, holder=built.owner)
        built.jobs.start(job.run(), name)
