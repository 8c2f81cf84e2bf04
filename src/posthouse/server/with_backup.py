"""Backups on their schedule: in the first worker, and on one node at a time."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from posthouse.database.contract import DatabaseUnavailable
from posthouse.manage.backup.access import Busy
from posthouse.manage.backup.making import due_at, make_backup, prune_backups
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call
from posthouse.observe.log import logger
from posthouse.server.built import Built

log = logger("backup")

LOOK_SECONDS = 15.0
"""How often the schedule is looked at: settings change while the server runs."""


async def attach(built: Built) -> None:
    """Start the schedule in the first worker."""
    if built.first:
        built.jobs.start(_run(Call(built.context, Actor("the schedule", "server"), _nobody)), "backup")


async def _nobody(value: Any) -> None:
    """Nobody watches the progress of a scheduled backup."""


async def if_due(call: Call) -> bool:
    """Make a backup if the schedule asks for one, then remove those no longer kept; whether it did. Raises
    ManageError, DatabaseUnavailable."""
    due = await due_at(call.context)
    if due is None or due > time.time():
        return False
    await make_backup(call)
    await prune_backups(call, dry=False)
    return True


async def _run(call: Call) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            await if_due(call)
        except Busy as error:
            log.info("backup.waits", reason=error.what)  # another node makes it, or somebody restores
        except ManageError as error:
            log.error("backup.schedule", reason=error.what, mend=error.mend)
        except DatabaseUnavailable as error:
            log.warning("backup.postponed", reason=str(error))
        except Exception:
            log.exception("backup.schedule_failed")
