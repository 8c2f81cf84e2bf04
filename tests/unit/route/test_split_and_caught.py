"""A domain of ours with a catch-all and a route: who is elsewhere by the route goes there, the rest is caught."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio
from route_scene import RouteScene, route_scene

from posthouse.database.contract import Database
from posthouse.directory import aliases, domains
from posthouse.mail.address import parse_address


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[RouteScene]:
    async with route_scene(sqlite_database) as made:
        await made.database.run(domains.change, "ours.test", {"catch_all": "bob@ours.test"}, feed=made.feed)
        yield made


async def kind(scene: RouteScene, text: str) -> tuple[str, str]:
    found = await scene.router.resolve(parse_address(text))
    return found.kind, found.account.address if found.account is not None else ""


async def test_without_a_route_it_is_caught(scene: RouteScene) -> None:
    await scene.route(recipient="*", target="smart.test")
    assert await kind(scene, "nobody@ours.test") == ("local", "bob@ours.test")
    assert await scene.leads("nobody@ours.test") == "local"
    assert await scene.rcpt("nobody@ours.test") == ""


async def test_a_route_for_the_domain_comes_first(scene: RouteScene) -> None:
    """As with hMailServer: account, alias, list, route, catch-all."""
    split = await scene.route(recipient="ours.test", target="inside.test", local_recipients=True)
    assert await kind(scene, "nobody@ours.test") == ("unknown", "")
    assert await scene.leads("nobody@ours.test") == f"route:{split}"
    assert await scene.rcpt("nobody@ours.test") == ""
    assert await kind(scene, "alice@ours.test") == ("local", "alice@ours.test")
    assert await scene.leads("sales@ours.test") == "local"
    assert await kind(scene, "abuse@ours.test") == ("local", "alice@ours.test")


async def test_a_route_with_a_list_leaves_the_others_to_the_catch_all(scene: RouteScene) -> None:
    split = await scene.route(
        recipient="ours.test", target="inside.test", all_addresses=False, addresses=("carl@ours.test",)
    )
    assert await scene.leads("carl@ours.test") == f"route:{split}"
    assert await kind(scene, "carl@ours.test") == ("unknown", "")
    assert await kind(scene, "nobody@ours.test") == ("local", "bob@ours.test")
    assert await scene.rcpt("nobody@ours.test") == ""


async def test_what_an_alias_leads_to_is_asked_in_the_same_order(scene: RouteScene) -> None:
    split = await scene.route(recipient="ours.test", target="inside.test", local_recipients=True)
    await scene.database.run(aliases.add_alias, "both@ours.test", ["alice@ours.test", "else@ours.test"])
    found = await scene.router.resolve(parse_address("both@ours.test"))
    assert [(each.kind, each.target) for each in found.places] == [
        ("local", ""),
        ("unknown", "else@ours.test"),
    ]
    assert await scene.leads("else@ours.test") == f"route:{split}"
