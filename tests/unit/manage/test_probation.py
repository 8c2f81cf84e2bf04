"""Risky changes: confirmed in time, or taken back, in whatever order."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.manage import probation_records
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.probation import begin_waiting, take_back_due
from posthouse.manage.use import perform
from posthouse.settings import manage as settings_manage
from posthouse.settings.contract import Settings

LOCAL = Actor("uid 0", "control socket")


@pytest.fixture
async def running(context: Context) -> Context:
    """As if a server ran: only then changes are on probation."""
    context.running = True
    return context


def browser(fresh_at: float) -> Actor:
    """A server administrator in a browser who gave the password at this time."""
    return Actor("root@hq.example", "web", account="root@hq.example", account_id=1, fresh_at=fresh_at)


async def add(context: Context, network: str, reason: str = "", **more: Any) -> int:
    wanted = {"network": network, "reason": reason, **more}
    return int((await perform(context, LOCAL, "ban.add", wanted)).probation)


async def bans(context: Context) -> dict[str, str]:
    found = await perform(context, LOCAL, "ban.list", {})
    return {ban.network: ban.reason for ban in found.bans}


async def pending(context: Context) -> list[int]:
    return [change.id for change in (await perform(context, LOCAL, "probation.list", {})).changes]


async def expire(context: Context, *ids: int) -> None:
    """Let the time of some changes be over."""

    def op(tx: Transaction) -> None:
        for number in ids:
            table = probation_records.probations
            tx.change(table.update().where(table.c.id == number).values(deadline=time.time() - 1.0))

    await context.database.run(op)


async def do(context: Context, what: str, number: int, actor: Actor = LOCAL) -> None:
    await perform(context, actor, f"probation.{what}", {"id": number})


async def test_not_confirmed_is_taken_back(running: Context) -> None:
    """Once its time is over, and the audit says by whom; before, nothing happens."""
    number = await add(running, "192.0.2.0/24")
    await take_back_due(running)
    assert await bans(running) == {"192.0.2.0/24": ""}
    await expire(running, number)
    await take_back_due(running)
    assert await bans(running) == {}
    assert await pending(running) == []
    line = (await perform(running, LOCAL, "audit.list", {})).lines[0]
    assert (line.actor, line.use, line.subject) == ("probation", "probation.revert", "ban 192.0.2.0/24")


async def test_confirmed_stays(running: Context) -> None:
    """Confirming ends it; a second time there is nothing to confirm."""
    number = await add(running, "192.0.2.0/24")
    await do(running, "confirm", number)
    await expire(running, number)
    await take_back_due(running)
    assert await bans(running) == {"192.0.2.0/24": ""}
    with pytest.raises(ManageError) as caught:
        await do(running, "revert", number)
    assert caught.value.kind == "missing"


async def test_confirming_asks_for_a_sign_in_after_the_change(running: Context) -> None:
    """Not one before it, not one long ago, not a token; the machine's own command always may."""
    number = await add(running, "192.0.2.0/24")
    now = time.time()
    long_ago = browser(now + 1.0)
    running.settings.now = Settings({settings_manage.FRESH_TIME.name: 30.0})
    before = browser(now - 60.0)
    token = dataclasses.replace(browser(now + 1.0), token=4)
    for actor in (before, token):
        with pytest.raises(ManageError) as caught:
            await do(running, "confirm", number, actor)
        assert caught.value.kind == "refused"
    await do(running, "confirm", number, long_ago)
    assert await pending(running) == []


async def test_a_sign_in_long_ago_does_not_confirm(running: Context) -> None:
    """Even one after the change: whoever finds an open browser must not confirm."""
    number = await add(running, "192.0.2.0/24")

    def op(tx: Transaction) -> None:
        table = probation_records.probations
        tx.change(table.update().values(at=time.time() - 5000.0))

    await running.database.run(op)
    with pytest.raises(ManageError, match="too long ago"):
        await do(running, "confirm", number, browser(time.time() - 4000.0))


@pytest.mark.parametrize(
    ("steps", "left"),
    [
        ("revert 2, revert 1", "none"),
        ("revert 1, revert 2", "none"),
        ("revert 1, confirm 2", "second"),
        ("confirm 1, revert 2", "first"),
        ("revert 2, confirm 1", "first"),
        ("confirm 2", "second"),
        ("expire both", "none"),
        ("expire 1, confirm 2", "second"),
        ("expire 1, revert 2", "none"),
    ],
)
async def test_overlapping_changes_in_any_order(running: Context, steps: str, left: str) -> None:
    """Two changes of one ban: whatever is taken back or confirmed first, the end is what one would expect."""
    numbers = {"1": await add(running, "192.0.2.7", "first"), "2": await add(running, "192.0.2.7", "second")}
    for step in steps.split(", "):
        verb, which = step.split()
        if verb == "expire":
            await expire(running, *(numbers.values() if which == "both" else (numbers[which],)))
            await take_back_due(running)
        else:
            await do(running, verb, numbers[which])
    assert await bans(running) == ({} if left == "none" else {"192.0.2.7/32": left})
    assert await pending(running) == []


async def test_a_change_for_good_ends_what_waits(running: Context) -> None:
    """Otherwise the older change's end would undo the newer one."""
    number = await add(running, "192.0.2.7", "first")
    assert await add(running, "192.0.2.7", "second", now=True) == 0
    await expire(running, number)
    await take_back_due(running)
    assert await bans(running) == {"192.0.2.7/32": "second"}
    other = await add(running, "192.0.2.8")
    await perform(running, LOCAL, "ban.remove", {"network": "192.0.2.8"})
    assert other not in await pending(running)


async def test_only_the_machine_skips_probation(running: Context) -> None:
    """By `now`; in a browser that is refused and nothing is changed. A setting of 0 skips it for all."""
    wanted = {"network": "192.0.2.7", "now": True}
    with pytest.raises(ManageError) as caught:
        await perform(running, browser(time.time()), "ban.add", wanted)
    assert caught.value.kind == "refused"
    assert await bans(running) == {}
    running.settings.now = Settings({settings_manage.PROBATION_TIME.name: 0.0})
    assert (await perform(running, browser(0.0), "ban.add", {"network": "192.0.2.7"})).probation == 0


async def test_with_the_server_stopped_changes_are_for_good(context: Context) -> None:
    """Nobody is there to take them back in time, and nobody to lock out."""
    assert await add(context, "192.0.2.7") == 0


async def test_one_own_role_and_closing_oneself(running: Context) -> None:
    """Come back; other people's do not wait."""
    for domain in ("hq.example",):
        await perform(running, LOCAL, "domain.add", {"name": domain})
    for name in ("root", "second"):
        address = f"{name}@hq.example"
        await perform(running, LOCAL, "account.add", {"address": address, "password": "long enough"})
        done = await perform(running, LOCAL, "account.role", {"address": address, "role": "server"})
        assert done.probation == 0
    me = browser(time.time())
    role = await perform(running, me, "account.role", {"address": me.account, "role": "user"})
    closed = await perform(running, me, "account.active", {"address": me.account, "active": False})
    assert (role.role, closed.active) == ("user", False)
    await expire(running, role.probation, closed.probation)
    await take_back_due(running)
    shown = await perform(running, LOCAL, "account.show", {"address": me.account})
    assert (shown.role, shown.active) == ("server", True)


async def test_one_that_cannot_be_undone_does_not_hold_up_the_others(
    running: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It stays and is tried again."""
    first, second = await add(running, "192.0.2.7"), await add(running, "192.0.2.8")
    await expire(running, first, second)
    from posthouse.manage import bans as manage_bans

    real = manage_bans.bans.remove_ban

    def broken(tx: Transaction, network: str, **more: Any) -> bool:
        if network == "192.0.2.8/32":
            raise RuntimeError("the disk is in a mood")
        return real(tx, network, **more)

    monkeypatch.setattr(manage_bans.bans, "remove_ban", broken)
    await take_back_due(running)
    assert await bans(running) == {"192.0.2.8/32": ""}
    assert await pending(running) == [second]
    monkeypatch.undo()
    await take_back_due(running)
    assert await bans(running) == {}


async def test_what_waits_for_the_start_gets_its_time_then(running: Context) -> None:
    """A deadline of 0 is not over, it has not begun."""
    number = await add(running, "192.0.2.7")

    def op(tx: Transaction) -> None:
        tx.change(probation_records.probations.update().values(deadline=0.0))

    await running.database.run(op)
    await take_back_due(running)
    assert await pending(running) == [number]
    await running.database.run(begin_waiting, time.time() - 1.0)
    await take_back_due(running)
    assert await pending(running) == []


async def test_a_clock_that_was_set_back_prolongs_nothing(running: Context) -> None:
    """A deadline made when the clock was a day ahead becomes the longest one given now, and still counts."""
    number = await add(running, "192.0.2.0/24")
    table = probation_records.probations

    def ahead(tx: Transaction) -> None:
        tx.change(table.update().values(deadline=time.time() + 86400.0, at=time.time() + 86000.0))

    await running.database.run(ahead)
    await take_back_due(running)
    seconds = running.settings.now[settings_manage.PROBATION_TIME]
    [change] = (await perform(running, LOCAL, "probation.list", {})).changes
    assert change.deadline <= time.time() + seconds
    await expire(running, number)
    await take_back_due(running)
    assert await bans(running) == {}
