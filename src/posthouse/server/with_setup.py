"""Set-up of a new server, the host name as it changes, and what mail programs ask for at fixed places."""

from __future__ import annotations

import asyncio

from posthouse.http import autoconfig
from posthouse.manage.setup_door import SetupDoor
from posthouse.observe.log import logger
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname

log = logger("server.setup")

LOOK_SECONDS = 1.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    built.jobs.start(_follow_name(built), "host-name")
    if built.first:
        door = SetupDoor()
        built.context.setup = door
        built.context.key_of = built.contexts.files_for
        built.stack.push_async_callback(door.close)
        built.stack.push_async_callback(built.context.check_runs.close)
        autoconfig.register(built.http.well_known, built.context)


async def _follow_name(built: Built) -> None:
    """Let the self-made certificate be for the server's name, also when that is changed while it runs."""
    config, known = built.share.config, ""
    while True:
        name = current_hostname(config, built.settings)
        if name != known:
            known = name
            try:
                await asyncio.to_thread(built.contexts.answer_to, name)
            except (OSError, ValueError) as error:
                log.warning("hostname.no_certificate", host=name, reason=str(error))
        await asyncio.sleep(LOOK_SECONDS)
