"""Ways in besides the own password: uses of app passwords are written down, administrators who act for others are in
the audit, and what belonged to removed accounts is swept up."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import app_passwords, client_certificates, cram_md5
from posthouse.directory.contract import Account
from posthouse.manage.audit import note
from posthouse.manage.context import Actor
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings.signin import CRAM_MD5

WRITE_SECONDS = 5.0
WRITE_UNIT = 200
SWEEP_SECONDS = 3600.0
CLEAR_SECONDS = 5.0
"""How soon after CRAM-MD5 was switched off its keys are removed."""


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    directory = built.directory

    async def acted(master: Account, owner: Account, peer: str, protocol: str) -> None:
        actor = Actor(master.address, f"{protocol} {peer}", account=master.address, account_id=master.id)

        def op(tx: Transaction) -> None:
            note(tx, actor, "account.acted_for", owner.address, after={"protocol": protocol, "peer": peer})

        await built.database.run(op)

    directory.acted = acted
    directory.cram_md5.name = partial(current_hostname, built.share.config, built.settings)
    await directory.look_at_scram()
    built.stack.push_async_callback(_flush, built)
    built.jobs.start(_write(built), "app_passwords")
    built.jobs.start(_clear(built), "cram_md5.clear")
    sweeping = PeriodicJob(
        built.database,
        "entry.sweep",
        partial(float, SWEEP_SECONDS),
        partial(_sweep, built),
        holder=built.owner,
    )
    built.jobs.start(sweeping.run(), "entry.sweep")


async def _write(built: Built) -> None:
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        await _flush(built)


async def _flush(built: Built) -> None:
    waiting = built.directory.app_uses
    while waiting:
        some = [(of_id, *waiting.pop(of_id)) for of_id in list(waiting)[:WRITE_UNIT]]
        try:
            await built.database.run(app_passwords.write_uses, some)
        except DatabaseUnavailable:
            return  # when a password was used last is worth no more than a try


async def _clear(built: Built) -> None:
    """Remove the keys for CRAM-MD5 while it is off. Every worker looks, without a lease: a look costs next to nothing,
    and removing twice does no harm."""
    while True:
        await asyncio.sleep(CLEAR_SECONDS)
        if built.settings.now[CRAM_MD5]:
            continue
        with contextlib.suppress(DatabaseUnavailable):
            if await built.database.read(cram_md5.any_kept):
                while await built.database.run(cram_md5.clear_some, feed=built.feed):
                    pass


async def _sweep(built: Built) -> None:
    def op(tx: Transaction) -> None:
        app_passwords.sweep(tx)
        client_certificates.sweep(tx)
        cram_md5.sweep(tx)

    with contextlib.suppress(DatabaseUnavailable):
        await built.database.run(op)
