"""What holds in a domain, and where its addresses lead by that; the same on every engine."""

from __future__ import annotations

import pytest
from people import credentials

from posthouse.database.contract import Database
from posthouse.directory import admin, details, dkim, domains, lookup
from posthouse.directory.contract import Target
from posthouse.directory.errors import DirectoryError
from posthouse.mail.address import Address, parse_address

OURS = "ours.test"


async def _domain(database: Database, *locals_: str) -> int:
    domain_id = await database.run(admin.add_domain, OURS)
    for local in locals_:
        await database.run(admin.add_account, f"{local}@{OURS}", credentials("one"))
    return domain_id


async def _target(database: Database, text: str) -> Target:
    return await database.read(lookup.find_target, parse_address(text))


async def _set(database: Database, **wanted: object) -> domains.Properties:
    return (await database.run(domains.change, OURS, wanted))[1]


async def test_properties_are_kept_as_they_were_given(database: Database) -> None:
    """A domain has everybody's defaults at first; what is changed reads back, what is not stays."""
    domain_id = await _domain(database)
    assert await database.read(domains.properties_of, domain_id) == domains.Properties()
    await _set(database, plus="-", max_size=10**12, language="de", protocols=("submission", "imap"))
    await _set(database, catch_all="Anna@BÜCHER.test", quota=5)
    assert await database.read(domains.properties_of, domain_id) == domains.Properties(
        plus="-",
        max_size=10**12,
        language="de",
        protocols=("imap", "submission"),
        catch_all="Anna@bücher.test",
        quota=5,
    )


@pytest.mark.parametrize(
    "wanted",
    [
        {"plus": "++"},
        {"plus": "a"},
        {"plus": "@"},
        {"max_size": -1},
        {"max_accounts": 2**63},
        {"catch_all": "nobody"},
        {"postmaster": "x\0@ours.test"},
        {"max_account": 5, "quota": 6},
        {"protocols": ("telnet",)},
        {"time_zone": "../../etc/passwd"},
    ],
)
async def test_nonsense_is_refused_and_changes_nothing(database: Database, wanted: dict[str, object]) -> None:
    domain_id = await _domain(database)
    with pytest.raises(DirectoryError):
        await _set(database, **wanted)
    assert await database.read(domains.properties_of, domain_id) == domains.Properties()


async def test_other_names_are_names_for_everything(database: Database) -> None:
    """Every address, the postmaster and the sign-in work by any name; so do the keys mail is signed with."""
    domain_id = await _domain(database, "anna", "älice")
    await database.run(admin.add_alias, f"info@{OURS}", f"anna@{OURS}")
    assert await database.run(domains.add_name, OURS, "xn--bcher-kva.test") == "bücher.test"
    for text in ("Anna@xn--bcher-kva.test", "anna+x@bücher.test"):
        found = (await _target(database, text)).account
        assert found is not None
        assert found.address == f"anna@{OURS}"
    assert (await _target(database, "älice@bücher.test")).kind == "account"
    assert (await _target(database, "info@bücher.test")).forwards == (f"anna@{OURS}",)
    assert (await _target(database, "postmaster@bücher.test")).kind == "account"
    assert (await _target(database, "nobody@bücher.test")).kind == "unknown"
    assert await database.read(lookup.is_domain, "bücher.test")
    login = await database.read(lookup.find_login, "anna@bücher.test")
    assert login is not None
    assert login.account.address == f"anna@{OURS}"
    key = dkim.NewKey("s1", "ed25519-sha256", "secret", "public")
    await database.run(dkim.add_key, OURS, key, 1.0, None, state="active")
    for name in (OURS, "bücher.test"):
        assert [each.selector for each in await database.read(dkim.signing_keys, name)] == ["s1"]
    assert await database.read(dkim.signing_keys, "else.test") == ()
    assert await database.read(domains.names_of, domain_id) == ["bücher.test"]
    await database.run(domains.remove_name, OURS, "bücher.test")
    assert (await _target(database, "anna@bücher.test")).kind == "foreign"


async def test_a_name_is_given_once(database: Database) -> None:
    await _domain(database)
    await database.run(admin.add_domain, "second.test")
    await database.run(domains.add_name, OURS, "third.test")
    for domain, other in ((OURS, "second.test"), (OURS, OURS), ("second.test", "third.test")):
        with pytest.raises(DirectoryError) as taken:
            await database.run(domains.add_name, domain, other)
        assert taken.value.kind == "exists"
    with pytest.raises(DirectoryError) as made:
        await database.run(admin.add_domain, "third.test")
    assert made.value.kind == "exists"
    with pytest.raises(DirectoryError):
        await database.run(domains.remove_name, "second.test", "third.test")
    with pytest.raises(DirectoryError) as inside:
        await database.run(admin.add_account, "x@third.test", credentials("x"))
    assert OURS in inside.value.text + inside.value.mend
    await database.run(admin.remove_domain, OURS)
    await database.run(admin.add_domain, "third.test")


async def test_plus_addresses_by_the_domains_own_sign(database: Database) -> None:
    """The whole name comes first, then the longest name before a sign; a detail names a folder only where it may."""
    await _domain(database, "anna", "anna-maria")
    assert (await _target(database, f"anna-x@{OURS}")).kind == "unknown"
    await _set(database, plus="-")
    for text, address, detail in (
        ("anna-maria", "anna-maria", ""),
        ("anna-maria-lists", "anna-maria", "lists"),
        ("anna-x-y", "anna", "x-y"),
        ("ANNA-X", "anna", "X"),
    ):
        found = await _target(database, f"{text}@{OURS}")
        assert found.account is not None
        assert (found.account.address, found.detail, found.folder) == (f"{address}@{OURS}", detail, "")
    assert (await database.read(lookup.find_target, Address("-x", OURS))).kind == "unknown"
    await _set(database, plus_folder=True)
    assert (await _target(database, f"anna-x@{OURS}")).folder == "x"
    await _set(database, plus="")
    assert (await _target(database, f"anna-x@{OURS}")).kind == "unknown"


async def test_mail_for_nobody(database: Database) -> None:
    """A catch-all takes what nobody has, but never a return address that is none of ours."""
    await _domain(database, "anna")
    await _set(database, catch_all="far@else.test")
    found = await _target(database, f"typo@{OURS}")
    assert (found.kind, found.forwards, found.caught) == ("alias", ("far@else.test",), True)
    assert not (await _target(database, f"anna@{OURS}")).caught
    assert (await _target(database, f"SRS0=x=y=else.test=z@{OURS}")).kind == "unknown"
    await _set(database, catch_all="")
    assert (await _target(database, f"typo@{OURS}")).kind == "unknown"


async def test_the_postmaster_of_a_domain(database: Database) -> None:
    """The one that was named, unless somebody has the very address."""
    await _domain(database, "anna")
    await _set(database, postmaster="boss@else.test")
    assert (await _target(database, f"Postmaster@{OURS}")).forwards == ("boss@else.test",)
    assert (await _target(database, "postmaster")).forwards == ("boss@else.test",)
    await database.run(admin.add_account, f"postmaster@{OURS}", credentials("p"))
    assert (await _target(database, f"postmaster@{OURS}")).kind == "account"


async def test_a_domain_that_is_switched_off(database: Database) -> None:
    """Nobody is there, nobody signs in, by any of its names; the postmaster of others is not looked for in it."""
    await _domain(database, "anna")
    await database.run(domains.add_name, OURS, "also.test")
    account_id = (await database.read(admin.find_account, f"anna@{OURS}")).id
    await database.run(admin.add_domain, "second.test")
    await database.run(admin.add_account, "ben@second.test", credentials("b"))
    await _set(database, active=False)
    for domain in (OURS, "also.test"):
        assert (await _target(database, f"anna@{domain}")).kind == "disabled"
        login = await database.read(lookup.find_login, f"anna@{domain}")
        assert login is not None
        assert not login.account.active
        postmaster = await database.read(lookup.find_postmaster, domain)
        assert postmaster is not None
        assert postmaster.address == "ben@second.test"
    account = await database.read(lookup.find_account, account_id)
    assert account is not None
    assert not account.active
    await _set(database, active=True)
    assert (await _target(database, f"anna@{OURS}")).kind == "account"


async def test_limits_hold_when_something_is_made(database: Database) -> None:
    await _domain(database, "anna")
    await _set(database, max_accounts=2, max_aliases=1, max_account=100)
    with pytest.raises(DirectoryError) as unlimited:
        await database.run(admin.add_account, f"ben@{OURS}", credentials("b"), 0)
    assert unlimited.value.kind == "refused"
    with pytest.raises(DirectoryError):
        await database.run(admin.add_account, f"ben@{OURS}", credentials("b"), 101)
    made = await database.run(admin.add_account, f"ben@{OURS}", credentials("b"), None)
    assert made.quota == 100
    with pytest.raises(DirectoryError):
        await database.run(admin.set_quota, f"ben@{OURS}", 0)
    with pytest.raises(DirectoryError) as many:
        await database.run(admin.add_account, f"carl@{OURS}", credentials("c"), 5)
    assert many.value.kind == "refused"
    await database.run(admin.add_alias, f"info@{OURS}", "a@else.test")
    with pytest.raises(DirectoryError):
        await database.run(admin.add_alias, f"more@{OURS}", "a@else.test")


async def test_new_accounts_get_what_the_domain_has_for_them(database: Database) -> None:
    await _domain(database, "old")
    await _set(database, quota=77, language="de", time_zone="Europe/Berlin", protocols=("imap",))
    made = await database.run(admin.add_account, f"new@{OURS}", credentials("n"), None)
    assert made.quota == 77
    person = (await database.read(details.of, [made.id]))[made.id].details
    assert (person.language, person.time_zone, person.protocols) == ("de", "Europe/Berlin", "imap")
    old = await database.read(admin.find_account, f"old@{OURS}")
    assert old.protocols == ""


async def test_domains_are_made_from_templates(database: Database) -> None:
    domain_id = await _domain(database)
    held = await _set(database, max_accounts=5, plus="=", language="fr")
    await database.run(domains.save_template, " Small  office ", held)
    await database.run(domains.save_template, "Small office", held)
    assert [each.name for each in await database.read(domains.templates)] == ["Small office"]
    made = await database.run(admin.add_domain, "second.test", template="Small office")
    assert await database.read(domains.properties_of, made) == held
    await database.run(domains.remove_template, "Small office")
    with pytest.raises(DirectoryError) as gone:
        await database.run(admin.add_domain, "third.test", template="Small office")
    assert gone.value.kind == "missing"
    assert not await database.read(lookup.is_domain, "third.test")
    assert await database.read(domains.properties_of, domain_id) == held
