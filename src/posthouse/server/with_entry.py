"""Ways in besides the own password: uses of app passwords are written down, administrators who act for others are in
the audit, and what belonged to removed accounts is swept up."""

from __future__ import annotations

import asyncio
import contextlib
from functools import partial

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import app_passwords, client_certificates
from posthouse.directory.contract import Account
from posthouse.manage.audit import note
from posthouse.manage.context import Actor
from posthouse.server.built import Built

WRITE_SECONDS = 5.0
WRITE_UNIT = 200
SWEEP_SECONDS = 3600.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    directory = built.directory

    async def acted(master: Account, owner: Account, peer: str, protocol: str) -> None:
        actor = Actor(master.address, f"{protocol} {peer}", account=master.address, account_id=master.id)

        def op(tx: Transaction) -> None:
            note(tx, actor, "account.acted_for", owner.address, after={"protocol": protocol, "peer": peer})

        await built.database.run(op)

    directory.acted = acted
    await directory.look_at_scram()
    built.stack.push_async_callback(_flush, built)
    built.jobs.start(_write(built), "app_passwords")
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


async def _sweep(built: Built) -> None:
    def op(tx: Transaction) -> None:
        app_passwords.sweep(tx)
        client_certificates.sweep(tx)

    with contextlib.suppress(DatabaseUnavailable):
        await built.database.run(op)
