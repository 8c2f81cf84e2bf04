"""Groups on every engine: who is in them, directly or by others, and that none comes to be in itself."""

from __future__ import annotations

import pytest
import pytest_asyncio
from people import credentials

from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin, groups
from posthouse.directory.errors import DirectoryError

NAMES = ("ann@example.org", "bob@example.org", "cid@example.net")


@pytest_asyncio.fixture
async def ids(database: Database) -> dict[str, int]:
    def fill(tx: Transaction) -> dict[str, int]:
        admin.add_domain(tx, "example.org")
        admin.add_domain(tx, "example.net")
        return {name: admin.add_account(tx, name, credentials()).id for name in NAMES}

    return await database.run(fill)


async def test_members_come_by_other_groups(database: Database, ids: dict[str, int]) -> None:
    def build(tx: Transaction) -> dict[str, int]:
        made = {name: groups.add(tx, name).id for name in ("all", "Staff@Example.org", "night shift")}
        groups.add_member(tx, "all", "staff@example.org")
        groups.add_member(tx, "staff@example.org", "night shift")
        groups.add_member(tx, "night  SHIFT", "ANN@example.org")
        groups.add_member(tx, "all", "cid@example.net")
        groups.add_member(tx, "all", "ann@example.org")  # by two ways
        return made

    made = await database.run(build)
    ann, bob, cid = (ids[name] for name in NAMES)
    assert await database.read(groups.members_of, made["all"]) == {ann, cid}
    assert await database.read(groups.members_of, made["night shift"]) == {ann}
    assert await database.read(groups.groups_of, ann) == set(made.values())
    assert await database.read(groups.groups_of, cid) == {made["all"]}
    assert await database.read(groups.groups_of, bob) == set()
    found = await database.read(groups.find, "STAFF@example.org")
    assert found is not None
    assert found.domain == "example.org"
    shown = await database.read(groups.direct_members, await database.read(groups.wanted, "all"))
    assert shown == groups.GroupMembers(("ann@example.org", "cid@example.net"), ("staff@example.org",))


async def test_a_group_is_never_in_itself(database: Database, ids: dict[str, int]) -> None:
    for name in ("one", "two", "three"):
        await database.run(groups.add, name)
    await database.run(groups.add_member, "one", "two")
    await database.run(groups.add_member, "two", "three")
    for into, member in (("one", "one"), ("two", "one"), ("three", "one")):
        with pytest.raises(DirectoryError, match="in itself") as caught:
            await database.run(groups.add_member, into, member)
        assert caught.value.kind == "refused"
    await database.run(groups.add_member, "one", "three")  # twice below, but not in a circle


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "invalid"),
        ("a,b", "invalid"),
        ("x" * 256, "invalid"),
        ("a\r\nb;", "invalid"),
        ("staff@elsewhere.test", "missing"),
        ("two words@example.org", "invalid"),
        ("STAFF", "exists"),
    ],
)
async def test_names_that_are_none(database: Database, ids: dict[str, int], name: str, kind: str) -> None:
    await database.run(groups.add, "staff")
    with pytest.raises(DirectoryError) as caught:
        await database.run(groups.add, name)
    assert caught.value.kind == kind


async def test_members_twice_unknown_and_gone(database: Database, ids: dict[str, int]) -> None:
    await database.run(groups.add, "staff")
    await database.run(groups.add_member, "staff", "ann@example.org")
    for call, member, kind in (
        (groups.add_member, "ann@example.org", "exists"),
        (groups.add_member, "eve@example.org", "missing"),
        (groups.add_member, "nobody", "missing"),
        (groups.remove_member, "bob@example.org", "missing"),
    ):
        with pytest.raises(DirectoryError) as caught:
            await database.run(call, "staff", member)
        assert caught.value.kind == kind
    await database.run(groups.remove_member, "staff", "ann@example.org")
    assert await database.read(groups.groups_of, ids["ann@example.org"]) == set()


async def test_what_goes_leaves_its_groups(database: Database, ids: dict[str, int]) -> None:
    def build(tx: Transaction) -> tuple[int, int]:
        whole, part = groups.add(tx, "whole").id, groups.add(tx, "part@example.net").id
        groups.add_member(tx, "whole", "part@example.net")
        groups.add_member(tx, "part@example.net", "cid@example.net")
        groups.add_member(tx, "whole", "ann@example.org")
        groups.add_member(tx, "whole", "bob@example.org")
        return whole, part

    whole, part = await database.run(build)
    await database.run(admin.remove_account, "ann@example.org")
    assert await database.read(groups.members_of, whole) == {ids["bob@example.org"], ids["cid@example.net"]}
    await database.run(admin.remove_domain, "example.net", force=True)
    assert await database.read(groups.by_id, part) is None
    assert await database.read(groups.members_of, whole) == {ids["bob@example.org"]}
    await database.run(groups.remove, "whole")
    assert await database.read(groups.find, "whole") is None
    assert await database.run(groups.add, "whole") != whole


async def test_a_group_changes_its_name_within_its_domain(database: Database, ids: dict[str, int]) -> None:
    made = await database.run(groups.add, "staff@example.org", "Who works here")
    changed = await database.run(groups.change, "staff@example.org", new_name="crew@example.org")
    assert (changed.id, changed.name, changed.description) == (made.id, "crew@example.org", "Who works here")
    for name in ("crew", "crew@example.net"):
        with pytest.raises(DirectoryError, match="another domain"):
            await database.run(groups.change, "crew@example.org", new_name=name)
