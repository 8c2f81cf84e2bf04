"""The directory's units of work and look-ups, the same on every engine."""

from __future__ import annotations

import asyncio

import pytest
from people import credentials, people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.directory import admin, lookup
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.directory.rows import read_login
from posthouse.directory.stored import put_setting, setting_values
from posthouse.directory.versions import version
from posthouse.mail.address import Address, parse_address
from posthouse.settings.queue import LIFETIME


async def _target(database: Database, text: str) -> lookup.Target:
    return await database.read(lookup.find_target, parse_address(text))


async def test_domains_are_added_listed_and_removed(database: Database) -> None:
    """A domain is listed with what it holds, is refused twice, and goes only when it is empty or forced."""
    await people(database)
    await database.run(admin.add_domain, "BÜCHER.Example")
    listed = await database.read(admin.list_domains)
    assert [(each.name, each.accounts, each.aliases) for each in listed] == [
        ("bücher.example", 0, 0),
        ("ours.test", 2, 7),
    ]
    with pytest.raises(DirectoryError) as twice:
        await database.run(admin.add_domain, "xn--bcher-kva.example")
    assert twice.value.kind == "exists"
    with pytest.raises(DirectoryError) as full:
        await database.run(admin.remove_domain, "ours.test")
    assert full.value.kind == "refused"
    assert "2 accounts and 7 aliases" in full.value.text
    gone = await database.run(admin.remove_domain, "ours.test", force=True)
    assert sorted(account.address for account in gone) == ["alice@ours.test", "bob@ours.test"]
    assert (await database.run(admin.remove_domain, "bücher.example")) == []
    assert (await database.read(admin.list_domains)) == []


async def test_accounts_keep_their_secrets_apart_from_their_listing(database: Database) -> None:
    """An account is stored under its lower-case address, with hash and SCRAM keys that read back
    unchanged."""
    await database.run(admin.add_domain, "ours.test")
    made = await database.run(admin.add_account, "Älice@Ours.Test", credentials("one"), 5000)
    assert made.address == "älice@ours.test"
    login = await database.read(read_login, "älice@ours.test")
    assert login is not None
    assert login.account == made
    assert login.password_hash == "plain$one"
    assert login.scram == credentials("one").scram
    await database.run(admin.set_password, "älice@ours.test", credentials("two"))
    await database.run(admin.set_quota, "älice@ours.test", 7)
    await database.run(admin.set_active, "älice@ours.test", False)
    login = await database.read(read_login, "älice@ours.test")
    assert login is not None
    assert login.password_hash == "plain$two"
    assert (login.account.quota, login.account.active) == (7, False)
    assert (await database.read(admin.list_accounts)) == [login.account]
    assert (await database.read(admin.list_accounts, "ours.test")) == [login.account]
    assert (await database.run(admin.remove_account, "älice@ours.test")).id == made.id
    assert (await database.read(admin.list_accounts)) == []


async def test_an_account_id_is_never_given_again(database: Database) -> None:
    """A new account never inherits what belonged to a removed one."""
    made = await people(database)
    await database.run(admin.remove_account, "bob@ours.test")
    again = await database.run(admin.add_account, "bob@ours.test", credentials())
    assert again.id > made["bob"].id


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("alice@ours.test", "exists"),
        ("sales@ours.test", "exists"),
        ("carol@elsewhere.test", "missing"),
        ("carol", "invalid"),
        ("postmaster", "invalid"),
        ('"a b"@ours.test', "invalid"),
        ('"a@b"@ours.test', "invalid"),
        ("a%b@ours.test", "invalid"),
        ("a!b@ours.test", "invalid"),
        ("carol@[192.0.2.1]", "missing"),
    ],
)
async def test_addresses_that_no_account_may_have(sqlite_database: Database, address: str, kind: str) -> None:
    """Taken, foreign, malformed and route-like addresses are refused with the thing and the mend."""
    await people(sqlite_database)
    with pytest.raises(DirectoryError) as refused:
        await sqlite_database.run(admin.add_account, address, credentials())
    assert refused.value.kind == kind
    assert refused.value.mend


async def test_an_address_cannot_become_account_and_alias_at_once(database: Database) -> None:
    """Of two changes at the same moment that want one address, one is refused."""
    await people(database)
    done = await asyncio.gather(
        database.run(admin.add_account, "new@ours.test", credentials()),
        database.run(admin.add_alias, "new@ours.test", "alice@ours.test"),
        return_exceptions=True,
    )
    assert sum(isinstance(each, DirectoryError) for each in done) == 1


async def test_aliases_lead_somewhere(database: Database) -> None:
    """Aliases are added, listed, refused when they lead to themselves, and removed."""
    await people(database)
    with pytest.raises(DirectoryError):
        await database.run(admin.add_alias, "x@ours.test", "X@ours.test")
    listed = await database.read(admin.list_aliases, "ours.test")
    assert admin.Alias("sales@ours.test", "alice@ours.test") in listed
    assert listed == await database.read(admin.list_aliases)
    await database.run(admin.remove_alias, "SALES@ours.test")
    with pytest.raises(DirectoryError) as missing:
        await database.run(admin.remove_alias, "sales@ours.test")
    assert missing.value.kind == "missing"


async def test_where_addresses_lead(database: Database) -> None:
    """Case, plus details, quoted local parts and routes in a local part: a local part is a name and nothing
    else."""
    made = await people(database)
    alice = made["alice"]
    assert (await _target(database, "ALICE@OURS.TEST")).account == alice
    plus = await _target(database, "alice+Lists.Python@ours.test")
    assert (plus.account, plus.detail) == (alice, "Lists.Python")
    assert (await _target(database, '"alice"@ours.test')).account == alice
    alias = await _target(database, "sales+x@ours.test")
    assert (alias.kind, alias.forward, alias.detail) == ("alias", "alice@ours.test", "x")
    for odd in (
        '"alice@elsewhere.test"@ours.test',
        "alice%elsewhere.test@ours.test",
        "nobody@ours.test",
        "+x@ours.test",
    ):
        assert (await _target(database, odd)).kind == "unknown", odd
    for foreign in (
        "alice@elsewhere.test",
        "alice@[192.0.2.1]",
        "alice@sub.ours.test",
        "alice@[IPv6:2001:db8::1]",
    ):
        assert (await _target(database, foreign)).kind == "foreign", foreign


async def test_an_exact_address_wins_over_a_detail(database: Database) -> None:
    """An account whose name has a plus sign gets its own mail."""
    await people(database)
    exact = await database.run(admin.add_account, "alice+own@ours.test", credentials())
    found = await _target(database, "alice+own@ours.test")
    assert (found.account, found.detail) == (exact, "")


async def test_the_postmaster_always_leads_to_somebody(database: Database) -> None:
    """Without a postmaster of its own, a domain's oldest active account is it, else the server's oldest."""
    assert (await _target(database, "postmaster")).kind == "unknown"
    made = await people(database)
    await database.run(admin.add_domain, "second.test")
    for text in ("postmaster", "PostMaster@ours.test", "postmaster+x@ours.test", "postmaster@second.test"):
        assert (await _target(database, text)).account == made["alice"], text
    assert (await _target(database, "postmaster@elsewhere.test")).kind == "foreign"
    await database.run(admin.set_active, "alice@ours.test", False)
    assert (await _target(database, "postmaster")).account == made["bob"]
    await database.run(admin.add_alias, "postmaster@ours.test", "bob@ours.test")
    assert (await _target(database, "postmaster")).forward == "bob@ours.test"
    assert (await database.read(lookup.find_postmaster, "second.test")) == made["bob"]


async def test_odd_addresses_never_raise(database: Database) -> None:
    """Whatever stands in an address is looked up as it is."""
    await people(database)
    for local in ("a\0b", "'; drop table accounts; --", "%", "\\", "😀" * 60, " "):
        if "\0" in local and database.inline is False:
            continue  # a parsed address has no NUL, and PostgreSQL takes none
        assert (await database.read(lookup.find_target, Address(local, "ours.test"))).kind == "unknown"


async def test_every_change_raises_the_version_and_tells_the_feed(database: Database) -> None:
    """Caches elsewhere learn of a change by the feed, and by the version when the notice was lost."""
    feed = LocalFeed()
    told: list[int] = []
    feed.subscribe("directory", None, lambda topic, key, number: told.append(number))
    assert (await database.read(version, "directory")) == 0
    await database.run(admin.add_domain, "ours.test", feed=feed)
    await database.run(admin.add_account, "alice@ours.test", credentials(), feed=feed)
    await asyncio.sleep(0.05)
    assert (await database.read(version, "directory")) == 2
    assert told[-1] == 2
    with pytest.raises(DirectoryError):
        await database.run(admin.add_account, "alice@ours.test", credentials(), feed=feed)
    assert (await database.read(version, "directory")) == 2


async def test_settings_are_stored_by_name_and_put_back(database: Database) -> None:
    """A stored value is read back in its type; None puts the default back."""
    feed = LocalFeed()
    assert (await database.run(put_setting, "queue.lifetime", "3600", feed=feed)) == 3600
    assert (await database.run(put_setting, "queue.lifetime", 7200, feed=feed)) == 7200
    assert (await database.read(setting_values)) == {"queue.lifetime": 7200}
    assert (await database.run(put_setting, "queue.lifetime", None, feed=feed)) == LIFETIME.default
    assert (await database.read(setting_values)) == {}
    assert (await database.read(version, "settings")) == 3


@pytest.mark.parametrize("name", ["", "  ", "-1", "exa mple.org", "a" * 10_000, "\N{PILE OF POO}.la", "a..b"])
def test_a_wrong_name_is_refused_in_a_line_one_can_read(name: str) -> None:
    """Whatever was typed: the refusal says what is wrong in plain words, and does not repeat pages of it."""
    for check in (domain_name, own_address):
        with pytest.raises(DirectoryError) as refused:
            check(name)
        assert len(refused.value.text) < 260
        assert "malformed" not in refused.value.text
        assert refused.value.mend
