"""Who is banned for guessing, for how long, and who is spared."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import insert

from posthouse.database.contract import Database, Transaction
from posthouse.directory import autoban, bans
from posthouse.directory.autoban import LOCKED, AutoBan, Guesser, ban_guesser
from posthouse.directory.contract import Account
from posthouse.directory.identity_records import devices
from posthouse.settings import autoban as settings_autoban
from posthouse.settings.contract import CurrentSettings

ANNA = Account(1, 1, "anna@example.org", 0)


class Scene:
    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.bans: list[tuple[str, str, int]] = []
        self.locks: list[str] = []
        settings = CurrentSettings()
        self.most = settings.now[settings_autoban.FAILURES]
        self.most_of_account = settings.now[settings_autoban.ACCOUNT_FAILURES]
        self.counters = AutoBan(
            settings, lambda *ban: self.bans.append(ban), self.locks.append, lambda: self.now
        )

    def fail(self, times: int, login: str = "x@example.org", peer: str = "192.0.2.1") -> None:
        for _ in range(times):
            self.counters.failed(login, peer)


def test_so_many_failures_within_the_time() -> None:
    scene = Scene()
    scene.fail(scene.most - 1)
    assert scene.bans == []
    scene.now += 31 * 60
    scene.fail(1)
    assert scene.bans == []  # the others are too long ago
    scene.fail(scene.most - 1)
    assert scene.bans == [("192.0.2.1", "x@example.org", scene.most)]
    scene.counters.banned("192.0.2.1")
    scene.fail(scene.most - 1)
    assert len(scene.bans) == 1


def test_ipv6_counts_by_the_64_and_what_others_saw_counts_too() -> None:
    scene = Scene()
    for number in range(scene.most - 2):
        scene.fail(1, peer=f"2001:db8::{number:x}")
    from posthouse.directory.signin import peer_key

    scene.counters.heard(peer_key("2001:db8::ffff"), "y@example.org", 1)
    assert scene.bans == []
    scene.fail(1, peer="2001:db8::abcd")
    assert [ban[0] for ban in scene.bans] == ["2001:db8::abcd"]
    scene.fail(1, peer="2001:db8:0:1::1")
    assert len(scene.bans) == 1


def test_a_login_that_is_guessed_at_is_locked_for_strangers_only() -> None:
    scene = Scene()
    for number in range(scene.most_of_account):
        scene.fail(1, ANNA.address, f"198.51.100.{number}")
    assert scene.locks == [ANNA.address]
    scene.counters.places(ANNA.address, ["192.0.2.77", "2001:db8::1"])
    assert scene.counters.refused(ANNA, "203.0.113.1") == LOCKED
    assert scene.counters.refused(ANNA, "192.0.2.77") == scene.counters.refused(ANNA, "2001:db8::ffff") == ""
    scene.counters.failed(ANNA.address, "203.0.113.1", LOCKED)  # the right password: nothing is counted
    scene.now += autoban.FIRST_LOCK
    assert scene.counters.refused(ANNA, "203.0.113.1") == ""
    scene.fail(scene.most_of_account, ANNA.address, "198.51.100.1")
    scene.now += autoban.FIRST_LOCK
    assert scene.counters.refused(ANNA, "203.0.113.1") == LOCKED  # twice as long
    scene.now += autoban.FIRST_LOCK
    assert scene.counters.refused(ANNA, "203.0.113.1") == ""


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(autoban, "MOST", 10)
    window = autoban.Window()
    for number in range(100):
        window.add(str(number), 0.0, 60.0, 5)
    assert len(window) == 10


def guesser(peer: str = "192.0.2.1", **more: object) -> Guesser:
    return Guesser(peer, "x@example.org", 10, 3600.0, 7 * 86400.0, **more)  # type: ignore[arg-type]


async def test_each_ban_lasts_twice_as_long_up_to_the_longest(database: Database) -> None:
    now = time.time()
    lasted = []
    for _ in range(10):
        ban = await database.run(ban_guesser, guesser(), now=now)
        assert ban is not None
        assert ban.network == "192.0.2.1/32"
        assert ban.kind == autoban.KIND
        lasted.append(round((ban.until - now) / 3600))
        assert await database.run(ban_guesser, guesser(), now=now) is None
        now = ban.until + 1
    assert lasted[:5] == [1, 2, 4, 8, 16]
    assert lasted[-1] == 168
    ban = await database.run(ban_guesser, guesser(), now=now + 8 * 86400)
    assert ban is not None
    assert round((ban.until - now - 8 * 86400) / 3600) == 1
    assert await database.read(autoban.standing) == 1


async def test_ipv6_is_banned_by_the_64(database: Database) -> None:
    ban = await database.run(ban_guesser, guesser("2001:db8::1234"))
    assert ban is not None
    assert ban.network == "2001:db8::/64"


async def test_an_own_ban_is_not_shortened(database: Database) -> None:
    await database.run(bans.put_ban, "192.0.2.1", "mine", 0.0)
    assert await database.run(ban_guesser, guesser()) is None
    found = await database.read(bans.find_ban, "192.0.2.1/32")
    assert found is not None
    assert found.reason == "mine"


def note_device(tx: Transaction, account_id: int, peer: str, seen: float) -> None:
    mark = f"{account_id}{peer}".encode().ljust(32, b"-")[:32]
    values = {"account_id": account_id, "mark": mark, "protocol": "imap", "peer": peer, "client": ""}
    tx.execute(insert(devices).values(**values, first_seen=seen, last_seen=seen))


async def test_known_addresses_are_spared_unless_far_over(database: Database) -> None:
    await database.run(note_device, 5, "192.0.2.1", time.time() - 86400)
    assert await database.run(ban_guesser, guesser()) is None
    assert await database.run(ban_guesser, guesser(far_over=True)) is not None
    await database.run(note_device, 6, "192.0.2.2", time.time() - 8 * 86400)
    assert await database.run(ban_guesser, guesser("192.0.2.2")) is not None


async def test_an_administrator_at_work_is_never_banned(database: Database) -> None:
    from posthouse.directory.people_records import account_roles

    def make(tx: Transaction) -> None:
        tx.upsert(account_roles, {"account_id": 5}, {"role": "server"})

    await database.run(make)
    await database.run(note_device, 5, "192.0.2.1", time.time() - 60)
    assert await database.run(ban_guesser, guesser(far_over=True)) is None
