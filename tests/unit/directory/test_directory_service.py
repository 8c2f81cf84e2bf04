"""The directory service: cached look-ups, sign-ins of equal cost, SCRAM keys for everybody."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
import pytest_asyncio
from failing import FailingDatabase
from hashing import CountingHasher
from people import PASSWORD, credentials, people
from structlog.testing import capture_logs

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.directory import admin, cache
from posthouse.directory.contract import Directory, SignIn
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.settings.contract import CurrentSettings, Settings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Scene:
    """A service over a database that can fail, a clock that stands still, and hashes that are counted."""

    database: FailingDatabase
    feed: LocalFeed
    clock: Clock
    hasher: CountingHasher
    settings: CurrentSettings
    service: DirectoryService

    async def sign_in(self, login: str = "alice@ours.test", password: str = PASSWORD) -> SignIn:
        return await self.service.sign_in(login, password, peer="192.0.2.1", protocol="imap")


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    await people(sqlite_database)
    database, feed, clock, hasher = FailingDatabase(sqlite_database), LocalFeed(), Clock(), CountingHasher()
    settings = CurrentSettings()
    service: Directory = DirectoryService(database, feed, settings, Passwords(2, hasher), clock)
    assert isinstance(service, DirectoryService)
    yield Scene(database, feed, clock, hasher, settings, service)
    service.close()


async def test_the_right_password_signs_in_and_no_other(scene: Scene) -> None:
    """The login is an address in any case; wrong passwords and unknown logins are refused alike."""
    found = await scene.sign_in("ALICE@Ours.Test")
    assert found.account is not None
    assert found.account.address == "alice@ours.test"
    for login, password in (
        ("alice@ours.test", "nope"),
        ("nobody@ours.test", PASSWORD),
        ("alice", PASSWORD),
        ("alice+x@ours.test", PASSWORD),
        ("sales@ours.test", PASSWORD),
        ("postmaster", PASSWORD),
        ("", ""),
        ("\0\ud800" * 400, PASSWORD),
    ):
        assert (await scene.sign_in(login, password)).account is None


async def test_every_first_attempt_costs_one_hash(scene: Scene) -> None:
    """Right, wrong, unknown, malformed and inactive: the count of hashes does not tell them apart."""
    await scene.database.run(admin.set_active, "bob@ours.test", False)
    for login, password in (
        ("alice@ours.test", PASSWORD),
        ("alice@ours.test", "nope"),
        ("nobody@ours.test", "nope"),
        ("no address", "nope"),
        ("bob@ours.test", PASSWORD),
        ("bob@ours.test", "nope"),
    ):
        before = scene.hasher.verified
        await scene.sign_in(login, password)
        assert scene.hasher.verified == before + 1, login


async def test_a_verified_password_is_remembered_for_a_while(scene: Scene) -> None:
    """The next connections of one program cost no hash; when the time is over, one again."""
    for _ in range(5):
        assert (await scene.sign_in()).account is not None
    assert scene.hasher.verified == 1
    scene.clock.now += 121
    assert (await scene.sign_in()).account is not None
    assert scene.hasher.verified == 2
    scene.settings.now = Settings({"signin.remember": 0})
    await scene.sign_in()
    await scene.sign_in()
    assert scene.hasher.verified == 4


async def test_five_connections_at_once_share_one_hash(scene: Scene) -> None:
    """A program that opens all its connections together does not queue up for hashes."""
    done = await asyncio.gather(*(scene.sign_in() for _ in range(5)))
    assert all(each.account is not None for each in done)
    assert scene.hasher.verified == 1


async def test_a_connection_that_goes_away_does_not_spoil_the_hash_of_another(scene: Scene) -> None:
    """Cancelling one waiter leaves the others their answer."""
    first = asyncio.ensure_future(scene.sign_in())
    second = asyncio.ensure_future(scene.sign_in())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).account is not None


async def test_a_changed_password_ends_the_old_one_within_a_second(scene: Scene) -> None:
    """At once where the feed tells, and after a second where the notice was lost."""
    assert (await scene.sign_in()).account is not None
    await scene.database.run(admin.set_password, "alice@ours.test", credentials("two"), feed=scene.feed)
    await asyncio.sleep(0.01)
    assert (await scene.sign_in()).account is None
    assert (await scene.sign_in(password="two")).account is not None
    await scene.database.run(admin.set_password, "alice@ours.test", credentials("three"))
    scene.clock.now += 1.0
    assert (await scene.sign_in(password="two")).account is None
    assert (await scene.sign_in(password="three")).account is not None


async def test_a_password_changed_while_the_hash_runs_is_refused(scene: Scene) -> None:
    """The answer belongs to the password as it is when the answer is given."""
    inner = scene.hasher.verify

    loop = asyncio.get_running_loop()

    def slow(hash: str, password: str) -> bool:
        change = scene.database.run(
            admin.set_password, "alice@ours.test", credentials("new"), feed=scene.feed
        )
        asyncio.run_coroutine_threadsafe(change, loop).result(10)
        asyncio.run_coroutine_threadsafe(asyncio.sleep(0.01), loop).result(10)
        return inner(hash, password)

    scene.hasher.verify = slow  # type: ignore[method-assign]
    assert (await scene.sign_in()).account is None


async def test_a_removed_account_cannot_sign_in_and_is_no_target(scene: Scene) -> None:
    """Removal is noticed by every kind of look-up."""
    assert (await scene.sign_in()).account is not None
    alice = (await scene.service.target(parse_address("alice@ours.test"))).account
    assert alice is not None
    assert await scene.service.account(alice.id) == alice
    await scene.database.run(admin.remove_account, "alice@ours.test")
    assert await scene.service.account(alice.id) == alice  # half a second old is fresh enough
    scene.clock.now += 1.0
    assert (await scene.sign_in()).account is None
    assert await scene.service.account(alice.id) is None
    assert (await scene.service.target(parse_address("alice@ours.test"))).kind == "unknown"


async def test_an_inactive_account_is_refused(scene: Scene) -> None:
    """By password, by SCRAM and by id."""
    bob = (await scene.service.target(parse_address("bob@ours.test"))).account
    assert bob is not None
    await scene.database.run(admin.set_active, "bob@ours.test", False)
    scene.clock.now += 1.0
    refused = await scene.sign_in("bob@ours.test")
    assert (refused.account, refused.reason) == (None, "account not active")
    account, _ = await scene.service.scram_keys("bob@ours.test")
    done = await scene.service.record_scram("bob@ours.test", account, True, peer="192.0.2.1", protocol="pop3")
    assert done.account is None
    assert await scene.service.account(bob.id) is None


async def test_look_ups_are_cached(scene: Scene) -> None:
    """Asking again within a second costs the database nothing, and an unchanged version one question a second."""
    for _ in range(3):
        await scene.service.target(parse_address("alice@ours.test"))
        assert await scene.service.is_local_domain("ours.test")
        assert not await scene.service.is_local_domain("elsewhere.test")
    before = scene.database.calls
    await scene.service.target(parse_address("alice@ours.test"))
    assert await scene.service.is_local_domain("ours.test")
    assert scene.database.calls == before
    scene.clock.now += 1.0
    await scene.service.target(parse_address("alice@ours.test"))
    await scene.service.is_local_domain("ours.test")
    assert scene.database.calls == before + 1


async def test_the_cache_is_bounded(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers may ask for any address; the cache forgets rather than grows."""
    monkeypatch.setattr(cache, "MAX_ENTRIES", 50)
    for n in range(200):
        await scene.service.target(parse_address(f"guess{n}@ours.test"))
    assert len(scene.service._cache._answers) <= 50


async def test_scram_keys_of_unknown_logins_stay_the_same(scene: Scene) -> None:
    """Made-up keys differ by login, stay the same for one login, and are the same in every worker."""
    account, keys = await scene.service.scram_keys("alice@ours.test")
    assert account is not None
    assert keys == credentials().scram
    nobody, first = await scene.service.scram_keys("nobody@ours.test")
    assert nobody is None
    assert (await scene.service.scram_keys("NOBODY@ours.test"))[1] == first
    assert (await scene.service.scram_keys("somebody@ours.test"))[1].salt != first.salt
    other = DirectoryService(
        scene.database, scene.feed, scene.settings, Passwords(1, scene.hasher), scene.clock
    )
    assert (await other.scram_keys("nobody@ours.test"))[1] == first
    assert (len(first.salt), len(first.stored_key), len(first.server_key)) == (16, 32, 32)
    other.close()


async def test_scram_outcomes_count_like_sign_ins(scene: Scene) -> None:
    """Failed exchanges earn the same growing delay, and a proven one signs in."""
    account, _ = await scene.service.scram_keys("alice@ours.test")
    delays = []
    for ok in (False, False, False, False):
        done = await scene.service.record_scram(
            "alice@ours.test", account, ok, peer="192.0.2.1", protocol="imap"
        )
        assert done.account is None
        delays.append(done.delay)
    assert delays == [0, 0, 1, 2]
    done = await scene.service.record_scram(
        "alice@ours.test", account, True, peer="198.51.100.7", protocol="imap"
    )
    assert done.account == account
    assert done.delay == 0
    nobody = await scene.service.record_scram(
        "nobody@ours.test", None, True, peer="198.51.100.7", protocol="imap"
    )
    assert nobody.account is None


async def test_a_database_that_is_away_is_a_temporary_failure(scene: Scene) -> None:
    """No answer is not a no: nothing is counted, and look-ups raise."""
    account, _ = await scene.service.scram_keys("alice@ours.test")
    scene.database.fail()
    scene.clock.now += 1.0
    refused = await scene.sign_in()
    assert (refused.account, refused.temporary, refused.delay) == (None, True, 0.0)
    done = await scene.service.record_scram(
        "alice@ours.test", account, True, peer="192.0.2.1", protocol="imap"
    )
    assert done.temporary
    with pytest.raises(DatabaseUnavailable):
        await scene.service.target(parse_address("alice@ours.test"))
    scene.database.mend()
    assert (await scene.sign_in()).account is not None


async def test_passwords_never_reach_the_log(scene: Scene) -> None:
    """Neither right nor wrong ones."""
    with capture_logs() as lines:
        await scene.sign_in()
        await scene.sign_in(password="hunter2-secret")
        await scene.sign_in("nobody@ours.test", "hunter2-secret")
    assert len(lines) == 2
    assert "hunter2" not in repr(lines)
    assert PASSWORD not in repr(lines)
