"""Counts of senders, their limits, brakes and rights on every database."""

from __future__ import annotations

import asyncio

from posthouse.cluster import events
from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import admin, brakes, sending, sending_counts
from posthouse.directory.brakes import Brake
from posthouse.directory.contract import ScramKeys
from posthouse.directory.passwords import Credentials
from posthouse.directory.sending import Limits
from posthouse.mail.address import parse_address
from posthouse.queue import burst, control
from posthouse.queue.contract import HOLD_ADMIN, HOLD_BURST, QueuedMessage, QueuedRecipient
from posthouse.queue.selection import Selection
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

NOW = 1_795_000_000.0
DAY = 86400.0
ANNA = "anna@here.test"
NOBODY = Credentials("hash", ScramKeys(b"salt", 4096, b"stored", b"server"))


async def account(database: Database, address: str = ANNA) -> int:
    domain = address.rpartition("@")[2]
    if not await database.read(admin.has_domain, domain):
        await database.run(admin.add_domain, domain)
    return (await database.run(admin.add_account, address, NOBODY)).id


async def test_counts_of_two_workers_add_up(database: Database) -> None:
    slot = sending_counts.slot_of(NOW)
    one = {("a1", slot): (2, 20), ("d1", slot): (2, 20)}
    other = {("d1", slot): (1, 5), ("a1", slot): (1, 5), ("a1", slot - 144): (9, 9)}
    await asyncio.gather(
        *(database.run(sending_counts.add, each) for each in (one, other, one, other) for _ in range(3))
    )
    found = await database.read(sending_counts.read, ["a1", "d1", "a2"], slot)
    assert found == {"a1": {slot: (18, 150)}, "d1": {slot: (18, 150)}, "a2": {}}


async def test_old_counts_become_what_is_usual(database: Database) -> None:
    today = int(NOW // DAY)
    for day, hour in ((2, 30), (3, 50), (4, 1000), (5, 40)):
        slot = (today - day) * 144 + 60
        counts = {("a1", slot + each): (1, hour // 5) for each in range(5)}
        counts |= {("a1", slot + 20): (1, 7), ("oxyz", slot): (1, 1)}
        await database.run(sending_counts.add, counts)
    fresh = {("a1", sending_counts.slot_of(NOW)): (1, 1)}
    await database.run(sending_counts.add, fresh)
    assert await database.read(sending_counts.usual, "a1", today) == 0
    while await database.run(sending_counts.fold, NOW):
        pass
    assert await database.read(sending_counts.usual, "a1", today) == 50
    assert await database.read(sending_counts.usual, "a1", today + 11) == 0  # too few days are left
    assert await database.read(sending_counts.read, ["a1"], sending_counts.slot_of(NOW)) == {
        "a1": {sending_counts.slot_of(NOW): (1, 1)}
    }
    await database.run(sending_counts.remove_old_days, NOW + 30 * DAY)
    assert await database.read(sending_counts.usual, "a1", today) == 0


async def test_exceptions_come_and_go(database: Database) -> None:
    anna = await account(database)
    who = await database.read(sending.find_sender, anna)
    assert who is not None
    assert (who.address, who.domain, who.own, who.of_domain, who.brake) == (
        ANNA,
        "here.test",
        Limits(),
        Limits(),
        None,
    )
    await database.run(sending.put_limits, sending.of_account(anna), Limits(messages_hour=0, burst_hour=5))
    await database.run(sending.put_limits, sending.of_domain(who.domain_id), Limits(recipients_day=7))
    await database.run(sending.put_limits, sending.of_account(anna), Limits(messages_hour=3))
    who = await database.read(sending.find_sender, anna)
    assert who is not None
    assert (who.own, who.of_domain) == (Limits(messages_hour=3), Limits(recipients_day=7))
    rows = await database.read(sending.exceptions, 0, 10)
    assert [(row.name, row.limits) for row in rows] == [
        (ANNA, Limits(messages_hour=3)),
        ("here.test", Limits(recipients_day=7)),
    ]
    assert [row.name for row in await database.read(sending.exceptions, rows[0].id, 10)] == ["here.test"]
    await database.run(sending.put_limits, sending.of_account(anna), Limits())
    assert [row.name for row in await database.read(sending.exceptions, 0, 10)] == ["here.test"]
    await database.run(admin.remove_domain, "here.test", force=True)
    assert await database.read(sending.exceptions, 0, 10) == []
    assert await database.read(sending.find_sender, anna) is None


async def test_an_account_is_braked_once(database: Database) -> None:
    anna = await account(database)
    brake = Brake(anna, "braked", NOW, "", "300 recipients in an hour", 300, 10)
    done = await asyncio.gather(*(database.run(brakes.put_on, brake, ANNA) for _ in range(5)))
    assert sorted(done) == [False, False, False, False, True]
    written = await database.read(events.read_before, 2**62, 100)
    assert [(each.kind, each.account, each.domain) for each in written if each.kind == "sending.braked"] == [
        ("sending.braked", ANNA, "here.test")
    ]
    ((address, found),) = await database.read(brakes.untold)
    assert (address, found.holds, found.sent, found.usual) == (ANNA, True, 300, 10)
    await database.run(brakes.told, found)
    assert await database.read(brakes.untold) == []
    assert [name for name, _ in await database.read(brakes.standing)] == [ANNA]
    assert [name for name, _ in await database.read(brakes.standing, {"here.test"})] == [ANNA]
    assert await database.read(brakes.standing, {"there.test"}) == []
    assert await database.read(brakes.standing, set()) == []
    assert await database.read(brakes.standing, None, ANNA) == []

    await database.run(brakes.change, Brake(anna, "released", NOW + 60, "chief"))
    assert await database.read(brakes.standing) == []
    assert await database.read(brakes.released) == [anna]
    assert await database.run(brakes.put_on, brake, ANNA)
    assert len(await database.read(brakes.untold)) == 1
    await database.run(brakes.change, Brake(anna, "blocked", NOW + 90, "chief", "left us"))
    assert not await database.run(brakes.put_on, brake, ANNA)
    blocked = await database.read(brakes.find, anna)
    assert blocked is not None
    assert (blocked.blocks, blocked.reason, blocked.changed_by) == (True, "left us", "chief")
    await database.run(brakes.change, Brake(anna, "released", NOW, "chief"))
    await database.run(brakes.remove_old, NOW + DAY + 1)
    assert await database.read(brakes.find, anna) is None


async def test_rights_are_patterns(database: Database) -> None:
    anna = await account(database)
    for pattern in ("office@here.test", "@there.test", "office@here.test"):
        await database.run(sending.add_right, anna, pattern)
    patterns = await database.read(sending.rights_of, anna)
    assert patterns == ("@there.test", "office@here.test")
    for text, allowed in {
        "office@here.test": True,
        "Office+Sales@Here.Test": True,
        "anyone@there.test": True,
        "anyone@sub.there.test": False,
        "chief@here.test": False,
        "there.test@here.test": False,
    }.items():
        assert sending.covers(patterns, parse_address(text)) is allowed, text
    assert sending.covers(("*",), parse_address("x@anywhere.example"))
    assert not sending.covers((), parse_address(ANNA))
    assert await database.run(sending.remove_right, anna, "@there.test")
    assert not await database.run(sending.remove_right, anna, "@there.test")
    await database.run(admin.remove_account, ANNA)
    assert await database.read(sending.rights_of, anna) == ()


async def test_mail_held_by_the_brake_is_found_by_its_account(database: Database) -> None:
    queue = QueueService(CurrentSettings(), LocalFeed())

    async def put(account_id: int | None, hold: str, *recipients: str) -> None:
        message = QueuedMessage("tr4ce", "ab" * 32, 500, ANNA, NOW, account_id=account_id)
        rows = [QueuedRecipient(each, "mx:there.test", hold=hold) for each in recipients]
        await database.run(queue.put, message, rows)

    await put(1, HOLD_BURST, "a@there.test", "b@there.test")
    await put(1, HOLD_ADMIN, "c@there.test")
    await put(2, HOLD_BURST, "d@there.test")
    await put(1, "", "e@there.test")
    await put(1, HOLD_BURST, "f@there.test")
    rows = await database.read(burst.held, 1, 0, 10)
    assert len(rows) == await database.read(burst.count, 1) == 3
    assert await database.read(burst.held, 1, rows[0], 1) == [rows[1]]
    samples = await database.read(burst.samples, 1, 2)
    assert [(each.recipient, each.body, each.sender) for each in samples] == [
        ("a@there.test", "ab" * 32, ANNA),
        ("b@there.test", "ab" * 32, ANNA),
    ]
    done = await database.run(control.steer, "release", Selection(state="held"), rows, NOW, "chief")
    assert done.rows == frozenset(rows)
    assert await database.read(burst.count, 1) == 0
    assert await database.read(burst.count, 2) == 1
