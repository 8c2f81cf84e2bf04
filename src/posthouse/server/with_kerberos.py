"""Kerberos tickets: every worker has the keytab, and uses another one some seconds after it is put there."""

from __future__ import annotations

import asyncio
from pathlib import Path

from posthouse.directory.kerberos import LOOK_SECONDS, Kerberos
from posthouse.server.built import Built

REPLAYS = "kerberos-replays"
"""The file in the data folder with the marks of tickets that were shown lately; it may be removed at any time."""


async def attach(built: Built) -> None:
    """Attach it to the worker; what the keytab says is known before the first session."""
    kerberos = Kerberos(built.settings, Path(built.share.config.data) / REPLAYS)
    await kerberos.look()
    built.stack.callback(kerberos.close)
    built.directory.kerberos = kerberos
    built.context.kerberos = kerberos
    built.jobs.start(_look(kerberos), "kerberos")


async def _look(kerberos: Kerberos) -> None:
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        await kerberos.look()
