"""Further and masked addresses, aliases with several targets, renaming and details of accounts on every engine."""

from __future__ import annotations

from time import time

import pytest
from people import credentials, people

from posthouse.database.contract import Database
from posthouse.directory import addresses, admin, aliases, details, domains, lookup, masked, naming, removed
from posthouse.directory.contract import Target
from posthouse.directory.details import Change
from posthouse.directory.errors import DirectoryError
from posthouse.mail.address import parse_address


async def _target(database: Database, text: str) -> Target:
    return await database.read(lookup.find_target, parse_address(text))


async def _declined(unit: object) -> DirectoryError:
    with pytest.raises(DirectoryError) as caught:
        await unit  # type: ignore[misc]
    return caught.value


async def test_a_further_address_is_as_good_as_the_own_one(database: Database) -> None:
    """Mail for it is the account's, with a detail too; it signs in where that is wanted, and goes with the account."""
    made = await people(database)
    await database.run(addresses.add, made["alice"], "A.Lice@ours.test")
    await database.run(addresses.add, made["alice"], "quiet@ours.test", signin=False)
    found = await _target(database, "a.lice@ours.test")
    assert found.account == made["alice"]
    assert (await _target(database, "a.lice+shop@ours.test")).detail == "shop"
    assert await database.read(addresses.find, "a.lice@ours.test") == made["alice"].id
    login = await database.read(lookup.find_login, "a.lice@ours.test")
    assert login is not None
    assert login.account == made["alice"]
    assert await database.read(lookup.find_login, "quiet@ours.test") is None
    assert (
        await _declined(database.run(addresses.remove, made["bob"], "a.lice@ours.test"))
    ).kind == "missing"
    await database.run(addresses.remove, made["alice"], "quiet@ours.test")
    assert (await _target(database, "quiet@ours.test")).kind == "unknown"
    await database.run(admin.remove_account, "alice@ours.test")
    assert (await _target(database, "a.lice@ours.test")).kind == "unknown"
    assert await database.read(naming.taken_by, "a.lice@ours.test") == ""


@pytest.mark.parametrize("how", ["switched off", "removed"])
async def test_a_further_address_is_used_up_with_the_domain_of_its_account(
    database: Database, how: str
) -> None:
    """Dora's own domain is off: her address in ours leads to nobody who reads it."""
    await people(database)
    await database.run(admin.add_domain, "asleep.test")
    dora = await database.run(admin.add_account, "dora@asleep.test", credentials())
    await database.run(addresses.add, dora, "dora@ours.test")
    assert (await _target(database, "dora@ours.test")).account == dora
    if how == "removed":
        await database.run(removed.put_away_domain, "asleep.test", "admin", 1000.0, everything=True)
    else:
        await database.run(domains.change, "asleep.test", {"active": False})
    found = (await _target(database, "dora+shop@ours.test")).account
    assert found is not None
    assert (found.id, found.active) == (dora.id, False)


async def test_a_name_is_one_thing_only(database: Database) -> None:
    """Accounts, aliases, further and masked addresses share the names of a domain."""
    made = await people(database)
    await database.run(addresses.add, made["alice"], "second@ours.test")
    shop = await database.run(masked.make, made["bob"], prefix="shop")
    taken = ("alice@ours.test", "sales@ours.test", "second@ours.test", shop.address)
    for address in taken:
        for unit in (
            database.run(admin.add_account, address, credentials()),
            database.run(aliases.add_alias, address, "x@elsewhere.test"),
            database.run(addresses.add, made["bob"], address),
        ):
            assert (await _declined(unit)).kind == "exists", address
    words = [await database.read(naming.taken_by, address) for address in taken]
    assert words == ["account", "alias", "address", "masked"]


async def test_a_masked_address_ends_with_its_messages_and_its_time(database: Database) -> None:
    """It leads to its owner until it was used so often, its time is over, or it is switched off; then to nobody."""
    made = await people(database)
    shop = await database.run(masked.make, made["alice"], prefix="shop", note="the shop", most=2)
    assert shop.address.startswith("shop-")
    found = await _target(database, shop.address)
    assert (found.account, found.masked) == (made["alice"], shop.address)
    for _ in range(2):
        assert (await _target(database, shop.address)).kind == "account"
        await database.run(masked.used, [shop.address], time())
    assert (await _target(database, shop.address)).kind == "unknown"
    (listed,) = await database.read(masked.of_account, made["alice"].id)
    assert (listed.used, listed.takes_mail(time()), listed.last_used > 0) == (2, False, True)
    await database.run(masked.change, made["alice"], shop.address, most=0)
    assert (await _target(database, shop.address)).kind == "account"
    await database.run(masked.change, made["alice"], shop.address, active=False)
    assert (await _target(database, shop.address)).kind == "unknown"
    soon = await database.run(masked.make, made["alice"], expires_at=time() + 1000)
    assert (await _target(database, soon.address)).until == pytest.approx(soon.expires_at)


async def test_masked_addresses_are_their_owners_alone(database: Database) -> None:
    """Nobody else sees or changes them; there is a limit; they go with the account."""
    made = await people(database)
    one = await database.run(masked.make, made["alice"], limit=1)
    assert (await _declined(database.run(masked.make, made["alice"], limit=1))).kind == "refused"
    assert (
        await _declined(database.run(masked.change, made["bob"], one.address, active=False))
    ).kind == "missing"
    assert (await _declined(database.run(masked.remove, made["bob"], one.address))).kind == "missing"
    for prefix in ("a b", "-a", "x" * 40, "ä", "a@b", "a+b"):
        assert (await _declined(database.run(masked.make, made["bob"], prefix=prefix))).kind == "invalid"
    await database.run(admin.remove_account, "alice@ours.test")
    assert (await _target(database, one.address)).kind == "unknown"


async def test_an_alias_leads_to_several_and_can_be_off(database: Database) -> None:
    """Each target once; one that is off is nobody's address, but its name stays taken."""
    await people(database)
    goals = ["alice@ours.test", "X@elsewhere.test", "ALICE@ours.test"]
    await database.run(aliases.add_alias, "all@ours.test", goals, note="for  all")
    assert (await _target(database, "all@ours.test")).forwards == ("alice@ours.test", "X@elsewhere.test")
    changed = await database.run(aliases.change_alias, "all@ours.test", active=False)
    assert (changed.note, changed.targets) == ("for all", ("alice@ours.test", "X@elsewhere.test"))
    assert (await _target(database, "all@ours.test")).kind == "unknown"
    assert await database.read(naming.taken_by, "all@ours.test") == "alias"
    await database.run(aliases.change_alias, "all@ours.test", targets=["bob@ours.test"], active=True)
    assert (await _target(database, "all@ours.test")).forwards == ("bob@ours.test",)
    bad: tuple[list[str], ...] = (
        [],
        ["all@ours.test"],
        ["no address"],
        [f"x{n}@far.test" for n in range(101)],
    )
    for goals in bad:
        assert (
            await _declined(database.run(aliases.change_alias, "all@ours.test", targets=goals))
        ).kind == "invalid"


async def test_a_renamed_account_keeps_what_it_has(database: Database) -> None:
    """Id, password and SCRAM keys stay; the old address leads to it while it is kept."""
    made = await people(database)
    before = await database.read(lookup.find_login, "alice@ours.test")
    renamed = await database.run(admin.rename_account, "alice@ours.test", "Ally@ours.test")
    assert (renamed.id, renamed.address) == (made["alice"].id, "ally@ours.test")
    for name in ("ally@ours.test", "alice@ours.test"):
        after = await database.read(lookup.find_login, name)
        assert after is not None
        assert before is not None
        assert (after.account.id, after.scram) == (before.account.id, before.scram)
    assert (
        await _declined(database.run(admin.rename_account, "bob@ours.test", "sales@ours.test"))
    ).kind == "exists"
    await database.run(admin.rename_account, "ally@ours.test", "alice@ours.test", keep=False)
    assert (await _target(database, "ally@ours.test")).kind == "unknown"
    assert (await _target(database, "alice@ours.test")).account is not None


async def test_details_of_a_person(database: Database) -> None:
    """What is given changes, what is wrong changes nothing; a sign-in is written once in an hour."""
    made = await people(database)
    alice = made["alice"].id
    given = Change(
        display_name="  Alice   Öz ",
        language="de",
        time_zone="Europe/Berlin",
        protocols=("IMAP", "web"),
        networks=("192.0.2.7/24", "2001:db8::/32"),
    )
    await database.run(details.change, alice, given)
    known = (await database.read(details.of, [alice]))[alice].details
    assert (known.display_name, known.protocols) == ("Alice Öz", "imap,web")
    assert known.networks == "192.0.2.0/24,2001:db8::/32"
    account = await database.read(admin.find_account, "alice@ours.test")
    assert (account.protocols, account.display_name) == ("imap,web", "Alice Öz")
    for wrong in (
        Change(time_zone="Mars/Base"),
        Change(language="not a language"),
        Change(protocols=("telnet",)),
        Change(networks=("300.1.1.1",)),
        Change(first_name="x" * 101),
        Change(note="a\x00b"),
        Change(max_message=-1),
    ):
        assert (await _declined(database.run(details.change, alice, wrong))).kind == "invalid"
    for moment, noted in ((10_000.0, 10_000.0), (12_000.0, 10_000.0), (20_000.0, 20_000.0)):
        await database.run(details.signed_in, alice, moment)
        assert (await database.read(details.of, [alice]))[alice].last_signin == noted
