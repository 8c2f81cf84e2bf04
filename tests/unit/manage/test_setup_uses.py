"""Set-up: one browser, one administrator, and nothing is a dead end."""

from __future__ import annotations

import pytest

from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.setup_door import SetupDoor, newcomer
from posthouse.manage.use import perform
from posthouse.settings.contract import Settings

ROOT = Actor("root", "test")


def test_the_link_is_for_one_browser() -> None:
    """Used once; a new link shuts the former browser out; set-up's end shuts everything."""
    now = [0.0]
    door = SetupDoor(lambda: now[0])
    path = door.link()
    token = path.rpartition("/")[2]
    assert door.link() == path
    assert door.enter("") == door.enter("x") == door.enter("ü") == ""
    cookie = door.enter(token)
    assert door.knows(cookie)
    assert not door.knows("")
    assert door.enter(token) == ""
    assert door.csrf(cookie) != door.csrf("other")
    again = door.link()
    assert again != path
    assert not door.knows(cookie)
    second = door.enter(again.rpartition("/")[2])
    now[0] = 25 * 3600.0
    assert not door.knows(second)
    third = door.link().rpartition("/")[2]
    door.shut()
    assert door.enter(third) == ""
    assert token not in repr(newcomer("192.0.2.1"))


async def test_set_up_ends_whatever_the_world_is_like(context: Context) -> None:
    """No DNS, no network: the server has its administrator all the same, and a second set-up is refused."""
    context.settings.now = Settings({"dns.servers": "127.0.0.1:1", "dns.timeout": 0.1})
    plan = await perform(context, ROOT, "setup.begin", {"address": "Me@Example.org"})
    assert (plan.address, plan.domain, plan.hostname) == ("me@example.org", "example.org", "mail.example.org")
    found = await perform(
        context,
        ROOT,
        "setup.check",
        {"domain": plan.domain, "hostname": plan.hostname, "addresses": "203.0.113.5"},
    )
    assert found.counts["unknown"] > 3
    finish = {
        "address": plan.address,
        "password": "correct-horse",
        "hostname": plan.hostname,
        "addresses": "203.0.113.5",
    }
    made = await perform(context, ROOT, "setup.finish", finish)
    assert made.hostname == "mail.example.org"
    left = await perform(context, ROOT, "setup.todo", {})
    assert {each.state for each in left.todo} <= {"bad", "warn"}
    assert left.todo == made.todo != []
    account = (await perform(context, ROOT, "account.list", {})).accounts[0]
    assert account.address == "me@example.org"
    assert not (await perform(context, ROOT, "setup.state", {})).needed
    for use, wanted in (("setup.begin", {"address": "b@example.org"}), ("setup.finish", finish)):
        with pytest.raises(ManageError) as refused:
            await perform(context, ROOT, use, wanted)
        assert refused.value.kind == "refused"
    audit = await perform(context, ROOT, "audit.list", {})
    assert "correct-horse" not in repr(audit)
    assert sorted(line.use for line in audit.lines) == ["account.add", "setup.finish"]


async def test_bad_answers_are_named(context: Context) -> None:
    """Nothing is made of them."""
    good = {"address": "me@example.org", "password": "correct-horse"}
    for change in ({"address": "nobody"}, {"hostname": "a b"}, {"addresses": "1.2.3"}, {"password": ""}):
        with pytest.raises(ManageError) as refused:
            await perform(context, ROOT, "setup.finish", good | change)
        assert refused.value.kind == "invalid"
    both = {"hostname": "a b", "addresses": "1.2.3"}
    with pytest.raises(ManageError) as refused:
        await perform(context, ROOT, "setup.name", both)
    assert [("a b" in line, "1.2.3" in line) for line in refused.value.problems] == [
        (True, False),
        (False, True),
    ]
    assert (await perform(context, ROOT, "setup.state", {})).needed
    assert (await perform(context, ROOT, "domain.list", {})).domains == []
