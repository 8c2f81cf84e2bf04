"""Those who send: old counts become what is usual, the postmaster is written to about a brake, and what a release
left behind follows it."""

from __future__ import annotations

import time
from functools import partial

from posthouse.cluster.leases import PeriodicJob
from posthouse.database.contract import Transaction
from posthouse.directory import brakes, sending_counts
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.manage import sending_notice
from posthouse.observe.log import logger
from posthouse.queue import burst, control
from posthouse.queue.selection import STRETCH, Selection
from posthouse.receive.injection import Injector
from posthouse.receive.trace import new_trace
from posthouse.server.built import Built
from posthouse.server.pieces import current_hostname
from posthouse.settings import notices as settings_notices

log = logger("server.senders")

TIDY_SECONDS = 3600.0
LOOK_SECONDS = 10.0


async def attach(built: Built) -> None:
    """Start the jobs; each runs in one worker at a time."""

    async def tidy() -> None:
        now = time.time()
        while await built.database.run(sending_counts.fold, now):
            pass
        await built.database.run(_forget, now)

    async def look() -> None:
        for address, brake in await built.database.read(brakes.untold):
            if await _tell(built, address, brake):
                await built.database.run(brakes.told, brake)
        for account_id in await built.database.read(brakes.released):
            await _release(built, account_id)

    for name, seconds, work in (
        ("senders.tidy", TIDY_SECONDS, tidy),
        ("senders.look", LOOK_SECONDS, look),
    ):
        job = PeriodicJob(built.database, name, partial(float, seconds), work, holder=built.owner)
        built.jobs.start(job.run(), name)


def _forget(tx: Transaction, now: float) -> None:
    sending_counts.remove_old_days(tx, now)
    brakes.remove_old(tx, now)


async def _tell(built: Built, address: str, brake: brakes.Brake) -> bool:
    """Write to the postmaster; whether there is nobody left to write to. The next look tries again."""
    injector = built.context.injection
    if not isinstance(injector, Injector):
        return False
    name = current_hostname(built.share.config, built.settings)
    now = built.settings.now
    held = await built.database.read(burst.count, brake.account_id)
    author = f"{now[settings_notices.AUTHOR]}@{name}"
    for postmaster in _postmasters(now[settings_notices.POSTMASTER], address):
        letter = sending_notice.letter(
            author, str(postmaster), address, brake, held, name, now[settings_notices.LANGUAGE]
        )
        origin = Origin(new_trace(), "LOCAL", "localhost", "", 0, account_id=0, login="senders")
        try:
            told = await injector.inject(origin, None, [postmaster], letter)
            refusal = told[0].refusal
        except Refusal as problem:
            refusal = problem
        if refusal is not None:
            log.error("sending.nobody_told", account=address, postmaster=str(postmaster), reason=str(refusal))
            if refusal.temporary:
                return False
    return True


def _postmasters(chosen: str, account: str) -> list[Address]:
    """Who reads it: the postmaster of the account's domain, and the one of the setting if it is another."""
    found = {}
    for text in (f"postmaster@{account.rpartition('@')[2]}", chosen if "@" in chosen else ""):
        try:
            address = parse_address(text)
        except ValueError:
            continue
        found[address.key] = address
    return list(found.values())


async def _release(built: Built, account_id: int) -> None:
    """Let go what another worker still took as held while the account was released."""
    while rows := await built.database.read(burst.held, account_id, 0, STRETCH):
        done = await built.database.run(
            control.steer,
            "release",
            Selection(state="held"),
            rows,
            time.time(),
            "the release of its sender",
            feed=built.feed,
        )
        if not done.rows:
            return
