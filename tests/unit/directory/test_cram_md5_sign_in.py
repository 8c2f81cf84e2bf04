"""Signing in by CRAM-MD5: keys come from passwords that are known, and every refusal looks and costs the same."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest_asyncio
from failing import FailingDatabase
from hashing import CountingHasher
from people import PASSWORD, credentials, people
from structlog.testing import capture_logs

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin, app_passwords, cram_md5, details, records
from posthouse.directory.contract import Account, SignIn
from posthouse.directory.details import Change
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.directory.stored import put_setting
from posthouse.directory.versions import DIRECTORY, bump
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.wire.sasl.contract import CheckDigest
from posthouse.wire.sasl.cram_md5 import answer, key_of

CHALLENGE = b"<1.2@mail.ours.test>"
ALICE, BOB = "alice@ours.test", "bob@ours.test"


@dataclass
class Guard:
    """Counts what fails, and lets in who is not listed."""

    heard: list[tuple[str, str, str]] = field(default_factory=list)
    banned: str = ""

    def failed(self, login: str, peer: str, protocol: str, reason: str) -> None:
        self.heard.append((login, peer, protocol))

    def refused(self, account: Account, peer: str, protocol: str) -> str:
        return "banned" if account.address == self.banned else ""


@dataclass
class Scene:
    database: FailingDatabase
    feed: LocalFeed
    hasher: CountingHasher
    settings: CurrentSettings
    service: DirectoryService
    guard: Guard

    async def switch(self, on: bool = True, **more: object) -> None:
        named = {name.replace("__", "."): value for name, value in more.items()}
        self.settings.now = Settings({"signin.cram_md5": on, "signin.first_delay": 0.0, **named})
        await self.database.run(put_setting, "signin.cram_md5", on)

    async def plain(self, login: str = ALICE, password: str = PASSWORD) -> SignIn:
        return await self.service.sign_in(login, password, peer="192.0.2.1", protocol="imap")

    async def cram(self, login: str = ALICE, password: str = PASSWORD, protocol: str = "imap") -> SignIn:
        digest = answer(key_of(password.encode()), CHALLENGE)
        shown = CheckDigest(login, CHALLENGE, digest)
        return await self.service.sign_in_digest(shown, peer="192.0.2.1", protocol=protocol)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[Scene]:
    await people(sqlite_database)
    database, feed, hasher, settings = (
        FailingDatabase(sqlite_database),
        LocalFeed(),
        CountingHasher(),
        CurrentSettings(),
    )
    service = DirectoryService(database, feed, settings, Passwords(2, hasher))
    service.guard = guard = Guard()
    yield Scene(database, feed, hasher, settings, service, guard)
    service.close()


async def test_off_by_default(scene: Scene) -> None:
    """Not offered, refused, and no sign-in leaves a key."""
    assert scene.service.cram_md5_host() == ""
    assert (await scene.plain()).account is not None
    assert not await scene.database.read(cram_md5.any_kept)
    assert (await scene.cram()).account is None


async def test_a_sign_in_with_the_password_makes_the_key(scene: Scene) -> None:
    """Of the account's own password only, once, also by the login's other spellings; a wrong one makes none."""
    await scene.switch()
    assert scene.service.cram_md5_host() == "localhost"
    assert (await scene.cram()).account is None
    await scene.plain(password="wrong")
    assert not await scene.database.read(cram_md5.any_kept)
    await scene.plain("ALICE@ours.test")
    found = await scene.cram()
    assert found.account is not None
    assert found.account.address == ALICE
    assert (await scene.cram("Alice@OURS.test")).account == found.account
    assert (await scene.cram(password="wrong")).account is None
    assert (await scene.cram(BOB)).account is None


async def test_a_changed_password_ends_the_key(scene: Scene) -> None:
    await scene.switch()
    await scene.plain()
    await scene.database.run(admin.set_password, ALICE, credentials("two"), feed=scene.feed)
    assert (await scene.cram()).account is None
    assert (await scene.cram(password="two")).account is None
    await scene.plain(password="two")
    assert (await scene.cram(password="two")).account is not None
    assert (await scene.cram()).account is None


async def test_real_credentials_carry_the_key(scene: Scene) -> None:
    """The key is that of the prepared password: two spellings of it are one."""
    await scene.switch()
    made = await Passwords(1, scene.hasher).make("p\u00aassw\u00f6rd")
    assert "cram_md5" not in repr(made)
    await scene.database.run(admin.set_password, ALICE, made, feed=scene.feed)
    assert (await scene.cram(password="passw\u00f6rd")).account is not None


async def test_switching_off_ends_it_at_once(scene: Scene) -> None:
    """Before the keys are removed, and for an exchange under way."""
    await scene.switch()
    await scene.plain()
    assert (await scene.cram()).account is not None
    await scene.switch(False)
    assert scene.service.cram_md5_host() == ""
    assert (await scene.cram()).account is None
    await scene.database.run(cram_md5.clear_some, feed=scene.feed)
    await scene.switch()
    assert (await scene.cram()).account is None
    await scene.plain()
    assert (await scene.cram()).account is not None


async def test_every_refusal_costs_one_hash_and_is_counted(scene: Scene) -> None:
    """Nobody's name, no key, a wrong digest, a closed account, a ban, the wrong protocol: the same answer."""
    await scene.switch()
    await scene.plain()
    await scene.plain(BOB)
    for address in (ALICE, BOB):
        assert (await scene.cram(address)).account is not None
    await scene.database.run(admin.set_active, BOB, False, feed=scene.feed)
    cases = [
        ("nobody@ours.test", PASSWORD, "imap"),
        ("no address", PASSWORD, "imap"),
        ("\0\ud800" * 400, PASSWORD, "imap"),
        ("sales@ours.test", PASSWORD, "imap"),
        (ALICE, "wrong", "imap"),
        (BOB, PASSWORD, "imap"),
        (BOB, "wrong", "submission"),
        (ALICE, PASSWORD, "pop3"),
    ]
    account = (await scene.cram()).account
    assert account is not None
    await scene.database.run(details.change, account.id, Change(protocols=["imap"]), feed=scene.feed)
    for number, (login, password, protocol) in enumerate(cases):
        before = scene.hasher.verified
        told = await scene.cram(login, password, protocol)
        assert (told.account, told.text, told.temporary) == (None, "", False), login
        assert scene.hasher.verified == before + 1, login
        assert len(scene.guard.heard) == number + 1
    before = scene.hasher.verified
    assert (await scene.cram()).account is not None
    scene.guard.banned = ALICE
    assert (await scene.cram()).account is None
    assert scene.hasher.verified == before + 1


async def test_app_passwords_and_outside_sources_have_no_keys(scene: Scene) -> None:
    await scene.switch()
    made = (await scene.database.read(admin.find_account, ALICE)).id
    secret = app_passwords.new_password()
    more = {"name": "x", "protocols": "", "networks": "", "now": time.time(), "expires_at": 0.0}
    await scene.database.run(app_passwords.add, made, secret, feed=scene.feed, **more)
    assert (await scene.plain(password=secret)).account is not None
    assert not await scene.database.read(cram_md5.any_kept)
    assert (await scene.cram(password=secret)).account is None
    await scene.plain()
    assert (await scene.cram()).account is not None

    def outside(tx: Transaction) -> None:
        tx.change(records.SET_SOURCE, {"of_id": made, "new_source": "ldap"})
        bump(tx, DIRECTORY, scene.feed)

    await scene.database.run(outside)
    assert (await scene.cram()).account is None


async def test_an_expired_password_and_app_passwords_only(scene: Scene) -> None:
    """As with every other way: told so after the right digest, no failure is counted."""
    await scene.switch()
    await scene.plain()

    def age(tx: Transaction) -> None:
        tx.change(records.accounts.update().values(password_changed_at=time.time() - 90 * 86_400.0))
        bump(tx, DIRECTORY, scene.feed)

    await scene.database.run(age)
    await scene.switch(signin__password_days=30)
    told = await scene.cram()
    assert (told.account, told.expired) == (None, True)
    assert "expired" in told.text
    assert (await scene.cram(password="wrong")).text == ""
    assert len(scene.guard.heard) == 1
    await scene.switch(signin__app_passwords="everybody")
    assert scene.service.cram_md5_host() == ""
    assert (await scene.cram()).account is None


async def test_trouble_of_the_database_is_temporary(scene: Scene) -> None:
    """A key that cannot be kept spoils no sign-in; a digest that cannot be checked is no failure."""
    await scene.switch()
    await scene.plain()
    scene.database.fail()
    told = await scene.cram("bob@ours.test")
    assert (told.account, told.temporary) == (None, True)
    assert scene.guard.heard == []
    scene.database.mend()
    await scene.plain(BOB)
    await scene.database.run(admin.set_password, BOB, credentials("two"), feed=scene.feed)
    await scene.plain(BOB, "nobody's")  # so that all is in memory but the key
    scene.database.lose()
    assert (await scene.plain(BOB, "two")).account is not None
    assert (await scene.cram(BOB, "two")).account is not None  # it was kept, though nobody could say so


async def test_nothing_of_it_is_logged(scene: Scene) -> None:
    await scene.switch()
    with capture_logs() as logs:
        await scene.plain()
        await scene.cram()
        await scene.cram(password="wrong")
    assert [each["event"] for each in logs] == ["signin.cram_md5_key", "signin.refused"]
    key = key_of(PASSWORD.encode())
    for secret in (key.hex(), answer(key, CHALLENGE).hex(), PASSWORD, repr(key)):
        assert secret not in str(logs)
