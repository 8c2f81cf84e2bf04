"""Who signs in: sessions of browsers, API tokens, second factors; and which mail programs come."""

from __future__ import annotations

import time
from functools import partial

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Transaction
from posthouse.directory import browser_sessions, devices, factors, tokens
from posthouse.directory.browser_sessions import Lasting
from posthouse.manage.identity_service import SignIns
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings import identity as settings_identity

SWEEP_SECONDS = 3600.0

KEEP_EXPIRED_TOKENS = 30 * 86_400.0
"""An expired token stays in the list for so long, that its owner sees why a program stopped."""


async def attach(built: Built) -> None:
    """Attach it to the worker: programs are noted by each, the rest is the first one's."""
    noted = devices.Devices(built.database)
    built.directory.devices = noted
    built.stack.push_async_callback(noted.flush)
    built.jobs.start(noted.run(), "devices")
    sweeping = PeriodicJob(
        built.database, "identity.sweep", lambda: SWEEP_SECONDS, lambda: _sweep(built), holder=built.owner
    )
    built.jobs.start(sweeping.run(), "identity.sweep")
    if built.first:
        name = partial(current_hostname, built.share.config, built.settings)
        built.context.identity = SignIns(built.database, built.directory, built.settings, name)


async def _sweep(built: Built) -> None:
    """Remove what is over, and what belonged to accounts that are gone."""
    now, settings = time.time(), built.settings.now
    lasting = Lasting(settings[settings_identity.SESSION_IDLE], settings[settings_identity.SESSION_LIFETIME])

    def op(tx: Transaction) -> None:
        browser_sessions.sweep(tx, now, lasting)
        factors.sweep(tx)
        tokens.sweep(tx, now - KEEP_EXPIRED_TOKENS)
        devices.sweep(tx, now)

    await built.database.run(op)
