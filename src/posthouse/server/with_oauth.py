"""Access tokens: who judges them, what programs ask for over HTTP, and what has expired."""

from __future__ import annotations

import asyncio
import contextlib
import time
from functools import partial

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import DatabaseUnavailable, Transaction
from posthouse.directory import oauth
from posthouse.http import oauth as http_oauth
from posthouse.manage.oauth_judge import Judge
from posthouse.manage.oauth_outside import Outside
from posthouse.server.built import Built

WRITE_SECONDS = 5.0
WRITE_UNIT = 200
SWEEP_SECONDS = 900.0


async def attach(built: Built) -> None:
    """Attach it to the worker."""
    judge = Judge(built.context, Outside(built.settings))
    built.directory.judge = judge
    http_oauth.register(built.http.well_known, built.context)
    built.stack.push_async_callback(_flush, built, judge)
    built.jobs.start(_write(built, judge), "oauth.uses")
    sweeping = PeriodicJob(
        built.database,
        "oauth.sweep",
        partial(float, SWEEP_SECONDS),
        partial(_sweep, built),
        holder=built.owner,
    )
    built.jobs.start(sweeping.run(), "oauth.sweep")


async def _write(built: Built, judge: Judge) -> None:
    while True:
        await asyncio.sleep(WRITE_SECONDS)
        await _flush(built, judge)


async def _flush(built: Built, judge: Judge) -> None:
    while judge.uses:
        some = [(of_id, *judge.uses.pop(of_id)) for of_id in list(judge.uses)[:WRITE_UNIT]]

        def op(tx: Transaction, some: list[tuple[int, float, str]] = some) -> None:
            for of_id, now, peer in some:
                oauth.used(tx, of_id, peer, now)

        try:
            await built.database.run(op)
        except DatabaseUnavailable:
            return  # when a program was used last is worth no more than a try


async def _sweep(built: Built) -> None:
    with contextlib.suppress(DatabaseUnavailable):
        await built.database.run(oauth.sweep, time.time())
