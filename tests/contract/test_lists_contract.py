"""Distribution lists on every engine: who is on them, once each, and what happens to those whose mail comes back."""

from __future__ import annotations

import pytest
import pytest_asyncio
from people import credentials, people

from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin, domains, groups, lists, removed
from posthouse.directory.errors import DirectoryError
from posthouse.directory.lists import MailingList
from posthouse.directory.lookup import find_target
from posthouse.mail.address import parse_address


@pytest_asyncio.fixture
async def team(database: Database) -> MailingList:
    await people(database)

    def fill(tx: Transaction) -> MailingList:
        groups.add(tx, "staff")
        groups.add_member(tx, "staff", "alice@ours.test")
        groups.add_member(tx, "staff", "bob@ours.test")
        lists.add(tx, "inner@ours.test", {})
        made = lists.add(tx, "news@ours.test", {"mode": "public"})
        lists.add_members(tx, lists.wanted(tx, "inner@ours.test"), ["Eve@Far.test", "alice@ours.test"])
        lists.add_members(tx, made, ["staff", "inner@ours.test", "eve@far.test", "Zoe@far.test"])
        return made

    return await database.run(fill)


async def test_everybody_is_on_it_once(database: Database, team: MailingList) -> None:
    found = await database.read(lists.readers, team.id)
    assert sorted(found) == ["alice@ours.test", "bob@ours.test", "eve@far.test", "zoe@far.test"]
    assert found["zoe@far.test"] == "Zoe@far.test"
    for key, there in (("bob@ours.test", True), ("zoe@far.test", True), ("carl@far.test", False)):
        assert await database.read(lists.is_reader, team.id, key) is there


async def test_people_of_a_removed_domain_get_nothing_by_their_group(
    database: Database, team: MailingList
) -> None:
    """Their mail would leave for whoever has the domain now."""

    def op(tx: Transaction) -> None:
        admin.add_domain(tx, "theirs.test")
        admin.add_account(tx, "carl@theirs.test", credentials())
        groups.add_member(tx, "staff", "carl@theirs.test")

    await database.run(op)
    assert "carl@theirs.test" in await database.read(lists.readers, team.id)
    await database.run(removed.put_away_domain, "theirs.test", "admin", 1000.0, everything=True)
    assert "carl@theirs.test" not in await database.read(lists.readers, team.id)
    await database.run(removed.restore_domain, "theirs.test")
    assert "carl@theirs.test" in await database.read(lists.readers, team.id)


@pytest.mark.parametrize("how", ["switched off", "removed", "list switched off"])
async def test_lists_of_a_domain_that_is_off_get_no_posts(
    database: Database, team: MailingList, how: str
) -> None:
    """Neither they nor what is on them alone."""

    def op(tx: Transaction) -> None:
        admin.add_domain(tx, "theirs.test")
        lists.add(tx, "club@theirs.test", {})
        lists.add(tx, "deep@ours.test", {})
        lists.add_members(tx, lists.wanted(tx, "deep@ours.test"), ["deep@far.test"])
        club = lists.wanted(tx, "club@theirs.test")
        lists.add_members(tx, club, ["carl@far.test", "zoe@far.test", "deep@ours.test"])
        lists.add_members(tx, team, ["club@theirs.test"])

    await database.run(op)
    assert {"carl@far.test", "deep@far.test"} <= set(await database.read(lists.readers, team.id))
    if how == "switched off":
        await database.run(domains.change, "theirs.test", {"active": False})
    elif how == "removed":
        await database.run(removed.put_away_domain, "theirs.test", "admin", 1000.0, everything=True)
    else:
        await database.run(lists.change, "club@theirs.test", {"active": False})
    left = await database.read(lists.readers, team.id)
    assert sorted(left) == ["alice@ours.test", "bob@ours.test", "eve@far.test", "zoe@far.test"]


async def test_the_address_leads_to_the_list(database: Database, team: MailingList) -> None:
    for text, detail in (("News@ours.test", ""), ("news+owner@ours.test", "owner")):
        target = await database.read(find_target, parse_address(text))
        assert (target.kind, target.list_id, target.detail) == ("list", team.id, detail)
    with pytest.raises(DirectoryError, match="a mailing list already"):
        await database.run(admin.add_alias, "news@ours.test", "alice@ours.test")
    with pytest.raises(DirectoryError, match="an account already"):
        await database.run(lists.add, "bob@ours.test", {})


async def test_lists_never_come_to_be_in_themselves(database: Database, team: MailingList) -> None:
    inner = await database.read(lists.wanted, "inner@ours.test")
    for into, name in ((inner, "news@ours.test"), (inner, "inner@ours.test"), (team, "NEWS@ours.test")):
        with pytest.raises(DirectoryError, match="its own mail"):
            await database.run(lists.add_members, into, [name])


async def test_who_leaves_is_off_it_by_every_way(database: Database, team: MailingList) -> None:
    assert await database.run(lists.leave, team.id, parse_address("alice@ours.test"))
    assert await database.run(lists.leave, team.id, parse_address("EVE@far.test"))
    assert not await database.run(lists.leave, team.id, parse_address("eve@far.test"))
    assert sorted(await database.read(lists.readers, team.id)) == ["bob@ours.test", "zoe@far.test"]
    await database.run(lists.add_members, team, ["alice@ours.test"])  # and back again
    assert "alice@ours.test" in await database.read(lists.readers, team.id)


async def test_bounces_are_counted_until_a_member_is_suspended(database: Database, team: MailingList) -> None:
    zoe = parse_address("zoe@far.test")
    told = [await database.run(lists.note_bounce, team.id, zoe, 1000.0 + n, 3, 100.0) for n in range(4)]
    assert told == [False, False, True, False]
    assert "zoe@far.test" not in await database.read(lists.readers, team.id)
    bob = parse_address("bob@ours.test")  # in by a group
    slow = [await database.run(lists.note_bounce, team.id, bob, 1000.0 * n, 2, 100.0) for n in range(1, 4)]
    assert slow == [False, False, False]
    stranger = parse_address("nobody@far.test")
    assert not await database.run(lists.note_bounce, team.id, stranger, 1.0, 1, 100.0)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"mode": "all"}, "mode"),
        ({"tag": "two\nlines"}, "one line"),
        ({"tag": "x" * 61}, "too long"),
        ({"max_size": -1}, "size"),
        ({"joining": ""}, "joining"),
    ],
)
async def test_what_a_list_cannot_be(
    database: Database, team: MailingList, values: dict[str, object], part: str
) -> None:
    with pytest.raises(DirectoryError, match=part):
        await database.run(lists.change, "news@ours.test", values)


async def test_what_goes_is_off_every_list(database: Database, team: MailingList) -> None:
    await database.run(groups.remove, "staff")
    await database.run(lists.remove, "inner@ours.test")
    assert sorted(await database.read(lists.readers, team.id)) == ["eve@far.test", "zoe@far.test"]
    await database.run(admin.remove_domain, "ours.test", force=True)
    assert await database.read(lists.by_id, team.id) is None
