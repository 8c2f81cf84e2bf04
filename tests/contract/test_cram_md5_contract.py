"""Keys for CRAM-MD5 as units of work, the same on every engine: made only while they are wanted, gone with the
password, the account and the setting."""

from __future__ import annotations

from dataclasses import replace

from people import credentials, people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin, cram_md5, removed, sources_kept
from posthouse.directory.passwords import Credentials
from posthouse.directory.stored import put_setting
from posthouse.directory.versions import DIRECTORY, version
from posthouse.manage.backup.tables import every_table
from posthouse.wire.sasl.cram_md5 import key_of


def keyed(password: str) -> Credentials:
    return replace(credentials(password), cram_md5=key_of(password.encode()))


async def switch(database: Database, on: bool) -> None:
    await database.run(put_setting, "signin.cram_md5", on)


async def key(database: Database, account_id: int) -> bytes | None:
    return await database.read(cram_md5.kept, account_id)


async def test_no_key_is_made_while_it_is_off(database: Database) -> None:
    """Neither for new passwords nor at a sign-in; off is the default."""
    alice = (await people(database))["alice"]
    await database.run(admin.set_password, alice.address, keyed("one"))
    assert not await database.run(cram_md5.learn, alice.id, "plain$one", key_of(b"one"))
    await switch(database, True)
    await switch(database, False)
    await database.run(admin.set_password, alice.address, keyed("two"))
    assert not await database.read(cram_md5.any_kept)


async def test_keys_follow_the_password(database: Database) -> None:
    """Made with a new account and a new password, dropped with the old one, and with the account; an upgrade of the
    same password makes one."""
    await people(database)
    await switch(database, True)
    made = await database.run(admin.add_account, "carol@ours.test", keyed("one"))
    assert await key(database, made.id) == key_of(b"one")
    await database.run(admin.set_password, made.address, keyed("two"))
    assert await key(database, made.id) == key_of(b"two")
    await database.run(admin.set_password, made.address, credentials("imported"))
    assert not await database.read(cram_md5.any_kept)
    assert await database.run(admin.upgrade_password, made.id, "plain$imported", keyed("imported"))
    assert await key(database, made.id) == key_of(b"imported")
    assert not await database.run(admin.upgrade_password, made.id, "plain$other", keyed("other"))
    assert await key(database, made.id) == key_of(b"imported")
    await database.run(admin.remove_account, made.address)
    assert not await database.read(cram_md5.any_kept)
    await database.run(admin.add_account, "carol@ours.test", keyed("one"))
    await database.run(admin.remove_domain, "ours.test", force=True)
    assert not await database.read(cram_md5.any_kept)


async def test_a_key_is_learned_once_and_of_the_present_password_only(database: Database) -> None:
    """Learning raises the directory's version, so that every worker knows; what is known is not written again."""
    alice = (await people(database))["alice"]
    await database.run(admin.set_password, alice.address, credentials("one"))
    await switch(database, True)
    before = await database.read(version, DIRECTORY)
    assert not await database.run(cram_md5.learn, alice.id, "plain$two", key_of(b"two"))
    assert not await database.run(cram_md5.learn, alice.id + 1000, "plain$one", key_of(b"one"))
    assert await database.read(version, DIRECTORY) == before
    assert await database.run(cram_md5.learn, alice.id, "plain$one", key_of(b"one"), feed=LocalFeed())
    assert await database.read(version, DIRECTORY) == before + 1
    assert not await database.run(cram_md5.learn, alice.id, "plain$one", key_of(b"one"))
    assert await key(database, alice.id) == key_of(b"one")


async def test_an_account_put_away_or_judged_outside_has_none(database: Database) -> None:
    made = await people(database)
    await switch(database, True)
    for account in made.values():
        await database.run(admin.set_password, account.address, keyed("one"))
    await database.run(removed.put_away, made["alice"], "root", 1.0)
    assert await key(database, made["alice"].id) is None
    back = await database.run(removed.restore, made["alice"].address)
    assert await key(database, back.id) is None
    await database.run(sources_kept.assign, made["bob"].id, "", None)
    assert not await database.read(cram_md5.any_kept)


async def test_a_hash_that_changed_behind_our_back_ends_the_key(database: Database) -> None:
    """As a restored backup does: the key of another password opens nothing, and is swept up."""
    made = await people(database)
    await switch(database, True)
    for account in made.values():
        await database.run(admin.set_password, account.address, keyed("one"))

    def restored(tx: Transaction) -> None:
        accounts = every_table()["accounts"]
        tx.change(accounts.update().where(accounts.c.id == made["bob"].id).values(password_hash="plain$old"))

    await database.run(restored)
    assert await key(database, made["bob"].id) is None
    await database.run(cram_md5.sweep)
    assert await key(database, made["alice"].id) == key_of(b"one")
    await database.run(restored_to, made["bob"].id, "plain$one")
    assert await key(database, made["bob"].id) is None


def restored_to(tx: Transaction, account_id: int, password_hash: str) -> None:
    accounts = every_table()["accounts"]
    tx.change(accounts.update().where(accounts.c.id == account_id).values(password_hash=password_hash))


async def test_switched_off_all_go_some_at_a_time(database: Database) -> None:
    """While it is on none goes; no unit removes more than its share."""
    alice = (await people(database))["alice"]
    await switch(database, True)

    def many(tx: Transaction) -> None:
        for number in range(cram_md5.CLEAR_UNIT + 1):
            cram_md5.replace(tx, alice.id + number, "plain$x", key_of(b"x"))

    await database.run(many)
    assert await database.run(cram_md5.clear_some) == 0
    await switch(database, False)
    before = await database.read(version, DIRECTORY)
    assert await database.run(cram_md5.clear_some) == cram_md5.CLEAR_UNIT
    assert await database.run(cram_md5.clear_some) == 1
    assert await database.run(cram_md5.clear_some) == 0
    assert await database.read(version, DIRECTORY) == before + 2
    assert not await database.read(cram_md5.any_kept)


async def test_no_backup_has_them() -> None:
    assert "accounts" in every_table()
    assert "cram_md5_keys" not in every_table()
