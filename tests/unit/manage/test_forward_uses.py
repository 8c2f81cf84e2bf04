"""Forwards as administrators and people set them up: reach, the setting that allows them, the audit."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.directory import admin, forwards
from posthouse.directory.errors import DirectoryError
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.settings.contract import Settings

Do = Callable[..., Awaitable[Any]]
ANNA, BERT = "anna@here.test", "bert@here.test"


@pytest.fixture
async def people(context: Context, do: Do) -> None:
    await do("domain.add", name="here.test")
    for address in (ANNA, BERT):
        await do("account.add", address=address, password="correct horse battery")


async def own(context: Context, name: str, **wanted: Any) -> Any:
    """What Anna does herself."""
    account = await context.database.read(admin.find_account, ANNA)
    actor = Actor(
        ANNA, "web", rights=frozenset({"view", "change"}), role="user", account=ANNA, account_id=account.id
    )
    return await perform(context, actor, name, wanted)


@pytest.mark.usefixtures("people")
async def test_set_shown_changed_cleared(do: Do) -> None:
    assert (await do("account.forward", address=ANNA))["targets"] == []
    made = await do("account.forward_set", address=ANNA, targets=["a@far.test", " B@far.test"], keep=False)
    assert [each["address"] for each in made["targets"]] == ["a@far.test", "B@far.test"]
    assert (made["keep"], made["active"]) == (False, True)
    await do("account.forward_set", address=ANNA, targets=["c@far.test"])
    found = await do("account.forward", address=ANNA)
    assert [(each["address"], each["state"]) for each in found["targets"]] == [("c@far.test", "fine")]
    assert (await do("account.forward_clear", address=ANNA))["targets"] == []
    with pytest.raises(ManageError, match="is not forwarded"):
        await do("account.forward_clear", address=ANNA)
    lines = (await do("audit.list"))["lines"]
    assert [line["use"] for line in lines[:3]] == [
        "account.forward_clear",
        "account.forward_set",
        "account.forward_set",
    ]
    assert "c@far.test" in json.dumps(lines[1])


@pytest.mark.usefixtures("people")
async def test_a_circle_is_refused(do: Do) -> None:
    """Through aliases and other people's forwards."""
    await do("alias.add", address="office@here.test", target=BERT)
    await do("account.forward_set", address=BERT, targets=[ANNA])
    for target in (ANNA, "Anna+more@here.test", BERT, "office@here.test"):
        with pytest.raises(ManageError, match="round in circles"):
            await do("account.forward_set", address=ANNA, targets=["a@far.test", target])
    for targets in ([], [" "], ["no address"], ["a\r\nb@far.test"], [f"a{n}@far.test" for n in range(11)]):
        with pytest.raises(ManageError):
            await do("account.forward_set", address=ANNA, targets=targets)


@pytest.mark.usefixtures("people")
async def test_where_people_may_forward_to(context: Context, do: Do) -> None:
    """The setting binds people, not administrators."""
    assert (await own(context, "me.forward_set", targets=["a@far.test"])).allowed == "anywhere"
    context.settings.now = Settings({"forwarding.allowed": "own-domains"})
    with pytest.raises(ManageError, match="within this server only"):
        await own(context, "me.forward_set", targets=[BERT, "a@far.test"])
    assert (await own(context, "me.forward_set", targets=[BERT])).targets[0].address == BERT
    context.settings.now = Settings({"forwarding.allowed": "nobody"})
    with pytest.raises(ManageError, match="may not forward"):
        await own(context, "me.forward_set", targets=[BERT])
    assert (await own(context, "me.forward")).allowed == "nobody"
    assert (await own(context, "me.forward_clear")).targets == []
    await do("account.forward_set", address=ANNA, targets=["a@far.test"])


@pytest.mark.usefixtures("people")
async def test_it_goes_with_account_and_domain(context: Context, do: Do) -> None:
    """An account of the same id would otherwise inherit it."""
    ids = [(await context.database.read(admin.find_account, each)).id for each in (ANNA, BERT)]
    for address in (ANNA, BERT):
        await do("account.forward_set", address=address, targets=["a@far.test"])
    await do("account.remove", address=ANNA)
    await context.database.run(admin.remove_domain, "here.test", force=True)
    for each in ids:
        assert await context.database.read(forwards.find, each) is None


@pytest.mark.usefixtures("people")
async def test_two_at_once_leave_one_forward(context: Context, do: Do) -> None:
    wanted = [["a@far.test", "b@far.test"], ["b@far.test", "c@far.test"]]
    await asyncio.gather(*(do("account.forward_set", address=ANNA, targets=each) for each in wanted))
    found = await do("account.forward", address=ANNA)
    assert [each["address"] for each in found["targets"]] in wanted
    account = await context.database.read(admin.find_account, BERT)
    with pytest.raises(DirectoryError):
        await context.database.run(forwards.clear, account)
