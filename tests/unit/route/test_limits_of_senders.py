"""Limits and the brake with a clock that is turned by hand, for one worker and for two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.database.open import open_database
from posthouse.directory import admin, brakes, sending, sending_counts
from posthouse.directory.brakes import Brake
from posthouse.directory.contract import ScramKeys
from posthouse.directory.passwords import Credentials
from posthouse.directory.sending import Limits
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import HOLD_BURST
from posthouse.route.sending_limits import SendingDesk, network_of
from posthouse.settings.contract import CurrentSettings, Settings

NOON = 1_795_003_200.0  # the beginning of an hour
SLOT = 600.0
ANNA, BERT = "anna@here.test", "bert@here.test"
NOBODY = Credentials("hash", ScramKeys(b"salt", 4096, b"stored", b"server"))


class World:
    """Two workers on one database, and a clock."""

    def __init__(self, database: Database) -> None:
        self.now = NOON
        self.database = database
        self.feed = LocalFeed()
        self.settings = CurrentSettings()
        self.workers = [SendingDesk(database, self.feed, self.settings, lambda: self.now) for _ in range(2)]
        self.ids: dict[str, int] = {}

    async def account(self, address: str) -> None:
        self.ids[address] = (await self.database.run(admin.add_account, address, NOBODY)).id

    def set(self, **values: Any) -> None:
        self.settings.now = Settings({f"sending_limits.{name}": value for name, value in values.items()})

    def origin(self, who: str) -> Origin:
        if "@" in who:
            return Origin("tr4ce", "ESMTPSA", "x", "192.0.2.9", 1, account_id=self.ids[who], login=who)
        return Origin("tr4ce", "ESMTP", "x", who, 1)

    async def send(self, who: str, recipients: int = 1, worker: int = 0) -> str:
        """What take says: "" or the word of the queue; the refusal's text."""
        try:
            return await self.workers[worker].take(self.origin(who), None, recipients, 1000)
        except Refusal as refusal:
            return str(refusal)

    async def many(self, who: str, number: int, worker: int = 0) -> list[str]:
        return [await self.send(who, worker=worker) for _ in range(number)]

    async def ask(self, who: str, recipients: int = 1, worker: int = 0) -> str:
        try:
            await self.workers[worker].check(self.origin(who), None, recipients, 1000)
        except Refusal as refusal:
            return str(refusal)
        return ""

    async def flush(self) -> None:
        """What happens once a second in each worker; the second sees what the first wrote, so both twice."""
        for worker in (*self.workers, *self.workers):
            await worker.flush()


@pytest.fixture
async def world(sqlite_database_url: str) -> AsyncIterator[World]:
    database = await open_database(sqlite_database_url, upgrade=False)
    await database.run(admin.add_domain, "here.test")
    made = World(database)
    await made.account(ANNA)
    await made.account(BERT)
    yield made
    for worker in made.workers:
        worker.close()
    await database.close()


async def test_messages_of_an_hour(world: World) -> None:
    world.set(account_messages_hour=3, burst_hour=0, burst_minutes=0)
    assert await world.many(ANNA, 3) == ["", "", ""]
    refused = await world.send(ANNA)
    assert refused.startswith("450 4.7.1 anna@here.test may send 3 messages in an hour; again from ")
    assert "(in 60 minutes)" in refused
    assert await world.ask(ANNA) == refused
    assert await world.send(BERT) == ""
    world.now += 5 * SLOT + 599  # one second before
    assert await world.send(ANNA) != ""
    world.now += 1
    assert await world.ask(ANNA) == ""
    assert await world.many(ANNA, 3) == ["", "", ""]
    assert await world.send(ANNA) != ""


async def test_recipients_and_when_there_is_room_again(world: World) -> None:
    world.set(account_recipients_hour=100, account_messages_hour=0, burst_hour=0, burst_minutes=0)
    assert await world.send(ANNA, 60) == ""
    world.now += 2 * SLOT
    assert await world.send(ANNA, 40) == ""
    assert "(in 40 minutes)" in await world.send(ANNA, 50)
    assert "(in 60 minutes)" in await world.send(ANNA, 80)
    assert "this message alone has more" in await world.send(ANNA, 101)
    world.now += 4 * SLOT
    assert await world.send(ANNA, 60) == ""


async def test_24_hours(world: World) -> None:
    world.set(account_messages_hour=0, account_messages_day=5, burst_hour=0, burst_minutes=0)
    for _ in range(5):
        assert await world.send(ANNA) == ""
        world.now += 3600
    refused = await world.send(ANNA)
    assert "5 messages within 24 hours" in refused
    assert "(in 19 hours)" in refused
    world.now += 19 * 3600 - 1
    assert await world.send(ANNA) != ""
    world.now += 1
    assert await world.send(ANNA) == ""
    assert await world.send(ANNA) != ""


async def test_a_domain_is_all_its_accounts(world: World) -> None:
    world.set(domain_messages_hour=4)
    assert await world.many(ANNA, 2) + await world.many(BERT, 2) == ["", "", "", ""]
    assert (await world.send(ANNA)).startswith("450 4.7.1 here.test may send 4 messages in an hour")
    who = await world.database.read(sending.find_sender, world.ids[ANNA])
    assert who is not None
    scope = sending.of_domain(who.domain_id)
    await world.database.run(sending.put_limits, scope, Limits(messages_hour=5), feed=world.feed)
    assert await world.send(ANNA) == ""
    assert await world.send(BERT) != ""


async def test_an_exception_goes_before_the_setting(world: World) -> None:
    world.set(account_messages_hour=2)
    scope = sending.of_account(world.ids[ANNA])
    await world.database.run(sending.put_limits, scope, Limits(messages_hour=0), feed=world.feed)
    assert await world.many(ANNA, 9) == [""] * 9
    assert [bool(said) for said in await world.many(BERT, 3)] == [False, False, True]
    await world.database.run(sending.put_limits, scope, Limits(), feed=world.feed)
    assert await world.send(ANNA) != ""


async def test_strangers_by_address(world: World) -> None:
    assert await world.many("192.0.2.1", 50) == [""] * 50  # no limit by default
    world.set(address_messages_hour=2)
    assert [bool(said) for said in await world.many("192.0.2.1", 3)] == [False, False, True]
    assert await world.send("192.0.2.2") == ""
    assert await world.many("127.0.0.1", 5) == [""] * 5
    assert [bool(await world.send(f"2001:db8::{each}")) for each in "123"] == [False, False, True]
    assert await world.send("2001:db8:0:1::1") == ""
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("") == network_of("nonsense") == network_of("::1") == ""


async def test_workers_know_of_one_another(world: World) -> None:
    """Until the second is over each has its own view; then it is one. A worker that starts knows what was."""
    world.set(account_messages_hour=4)
    assert await world.many(ANNA, 3) == [""] * 3
    assert await world.many(ANNA, 3, worker=1) == [""] * 3
    await world.flush()
    assert await world.send(ANNA) != ""
    assert await world.send(ANNA, worker=1) != ""
    read = await world.database.read(sending_counts.read, [f"a{world.ids[ANNA]}"], int(NOON // 600))
    assert read == {f"a{world.ids[ANNA]}": {int(NOON // 600): (6, 6)}}
    fresh = SendingDesk(world.database, world.feed, world.settings, lambda: world.now)
    with pytest.raises(Refusal):
        await fresh.check(world.origin(ANNA), None, 1, 0)
    fresh.close()
    for _ in range(3):
        await world.flush()  # unused scopes are dropped, what they counted is not lost
    assert await world.send(ANNA) != ""


async def test_a_burst_is_held(world: World) -> None:
    world.set(burst_hour=10, burst_minutes=6)
    assert await world.many(ANNA, 8) == [""] * 6 + [HOLD_BURST] * 2
    assert await world.send(ANNA, worker=1) == HOLD_BURST
    assert await world.send(BERT) == ""
    brake = await world.database.read(brakes.find, world.ids[ANNA])
    assert brake is not None
    assert (brake.sent, brake.usual, brake.at) == (7, 0, NOON)
    world.now += 7200
    assert await world.send(ANNA) == HOLD_BURST  # time alone releases nothing

    released = Brake(world.ids[ANNA], "released", world.now, "chief")
    await world.database.run(brakes.change, released, feed=world.feed)
    world.now += SLOT
    assert await world.many(ANNA, 7) == [""] * 6 + [HOLD_BURST]

    blocked = Brake(world.ids[ANNA], "blocked", world.now, "chief")
    await world.database.run(brakes.change, blocked, feed=world.feed)
    for said in (await world.ask(ANNA), await world.send(ANNA), await world.ask(ANNA, worker=1)):
        assert said.startswith("550 5.7.1 Sending from this account is blocked")


async def test_the_hour_counts_where_minutes_do_not(world: World) -> None:
    world.set(burst_hour=10, burst_minutes=6)
    said = []
    for _ in range(6):
        said += await world.many(ANNA, 2)
        world.now += SLOT
    assert said == [""] * 10 + [HOLD_BURST] * 2


async def test_what_is_usual_is_not_held(world: World) -> None:
    """An account that sends much every day may go on, up to several times as much."""
    world.set(burst_hour=10, burst_minutes=6, burst_factor=4.0, account_messages_hour=0)
    today = int(NOON // 86400)
    for day in range(2, 6):
        counts = {(f"a{world.ids[ANNA]}", (today - day) * 144): (5, 5)}
        await world.database.run(sending_counts.add, counts)
    await world.database.run(sending_counts.fold, NOON)
    assert await world.many(ANNA, 21) == [""] * 20 + [HOLD_BURST]
    brake = await world.database.read(brakes.find, world.ids[ANNA])
    assert brake is not None
    assert (brake.sent, brake.usual) == (21, 5)


async def test_a_floor_of_its_own(world: World) -> None:
    world.set(burst_hour=3, burst_minutes=3)
    scope = sending.of_account(world.ids[ANNA])
    own = Limits(burst_hour=0, burst_minutes=0)
    await world.database.run(sending.put_limits, scope, own, feed=world.feed)
    assert await world.many(ANNA, 20) == [""] * 20
    assert await world.many(BERT, 4) == [""] * 3 + [HOLD_BURST]


async def test_limits_refuse_also_while_mail_is_held(world: World) -> None:
    world.set(burst_hour=2, account_messages_hour=4)
    said = await world.many(ANNA, 6)
    assert said[:4] == ["", "", HOLD_BURST, HOLD_BURST]
    assert all(each.startswith("450 4.7.1") for each in said[4:])


async def test_local_programs_and_removed_accounts(world: World) -> None:
    local = Origin("tr4ce", "LOCAL", "localhost", "", 0, account_id=0, login="root")
    world.set(account_messages_hour=1, address_messages_hour=1)
    for _ in range(3):
        assert await world.workers[0].take(local, None, 1, 10) == ""
    await world.database.run(admin.remove_account, ANNA, feed=world.feed)
    assert (await world.send(ANNA)).startswith("550 5.7.1 This account is no more")


async def test_nothing_is_lost_while_the_database_is_away(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.set(account_messages_hour=5)
    assert await world.many(ANNA, 2) == ["", ""]

    async def away(op: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise DatabaseUnavailable("gone for a moment")

    with monkeypatch.context() as broken:
        broken.setattr(world.database, "run", away)
        await world.workers[0].flush()
        assert await world.send(ANNA) == ""
        await world.workers[0].flush()
    await world.flush()
    assert await world.many(ANNA, 3, worker=1) == ["", "", (await world.send(ANNA, worker=1))]
    with monkeypatch.context() as broken:
        broken.setattr(world.database, "read", away)
        assert (await world.send(BERT)).startswith("451 ")
