"""Which way mail takes: routes in order, the split domain, the domain's own hosts; and what a route says."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from route_scene import RouteScene, route_scene

from posthouse.database.contract import Database
from posthouse.directory import admin, routes
from posthouse.mail.refusal import Refusal
from posthouse.route.contract import Credentials, Target, Way
from posthouse.settings import route as settings_route


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[RouteScene]:
    async with route_scene(sqlite_database) as made:
        yield made


@pytest.mark.parametrize(
    ("text", "destination"),
    [
        ("x@Example.ORG", "mx:example.org"),
        ("x@bücher.test", "mx:xn--bcher-kva.test"),
        ("x@xn--bcher-kva.test", "mx:xn--bcher-kva.test"),
        ("x@BÜCHER.test", "mx:xn--bcher-kva.test"),
        ("x@faß.test", "mx:xn--fa-hia.test"),
        ("x@a_b.example.org", "mx:a_b.example.org"),
        ("x@localhost", "5.1.2"),
        ("x@example.123", "5.1.2"),
        ("x@[192.0.2.1]", "5.1.3"),
        ("nobody@ours.test", "5.1.1"),
        ("alice@ours.test", "local"),
        ("sales@ours.test", "local"),
    ],
)
async def test_without_routes(scene: RouteScene, text: str, destination: str) -> None:
    assert await scene.leads(text) == destination


async def test_routes_are_asked_in_order(scene: RouteScene) -> None:
    """Position, not id, decides; one that does not fit is passed over."""
    smart = await scene.route(recipient="*", target="smart.test")
    exact = await scene.route(recipient="example.org", target="mx.test")
    assert await scene.leads("x@example.org") == f"route:{smart}"
    await scene.database.run(routes.move, exact, 1, scene.feed)
    assert await scene.leads("x@example.org") == f"route:{exact}"
    assert await scene.leads("x@sub.example.org") == f"route:{smart}"
    await scene.database.run(routes.remove, smart, scene.feed)
    assert await scene.leads("x@sub.example.org") == "mx:sub.example.org"


async def test_by_sender_and_by_account(scene: RouteScene) -> None:
    """All conditions that are set must fit."""
    by_account = await scene.route(account="bob@ours.test", target="a.test")
    null = await scene.route(sender="<>", target="b.test")
    both = await scene.route(sender="ours.test", recipient="example.org", target="c.test")
    by_sender = await scene.route(sender="*@shop.test", target="d.test")
    for sender, account, recipient, wanted in (
        ("alice@ours.test", "bob", "x@elsewhere.test", by_account),
        ("<>", "", "x@elsewhere.test", null),
        ("alice@ours.test", "alice", "x@example.org", both),
        ("news@shop.test", "", "x@example.org", by_sender),
    ):
        assert await scene.leads(recipient, sender, account) == f"route:{wanted}"
    assert await scene.leads("x@elsewhere.test", "alice@ours.test", "alice") == "mx:elsewhere.test"
    assert await scene.leads("x@elsewhere.test", "<>", "alice") == f"route:{null}"


async def test_a_split_domain(scene: RouteScene) -> None:
    """Accounts and aliases of ours go before routes; wildcards never cover a domain of ours."""
    smart = await scene.route(recipient="*", target="smart.test")
    assert await scene.leads("new@ours.test") == "5.1.1"
    await scene.route(recipient="*.test", target="wide.test")
    assert await scene.leads("new@ours.test") == "5.1.1"
    named = await scene.route(recipient="ours.test", target="exchange.test")
    assert await scene.leads("new@ours.test") == f"route:{named}"
    assert await scene.leads("alice@ours.test") == await scene.leads("sales@ours.test") == "local"
    assert await scene.leads("x@elsewhere.example") == f"route:{smart}"


async def test_one_address_of_a_domain_of_ours(scene: RouteScene) -> None:
    ident = await scene.route(recipient="new@ours.test", target="exchange.test")
    assert await scene.leads("new@ours.test") == await scene.leads("new+x@ours.test") == f"route:{ident}"
    assert await scene.leads("newer@ours.test") == "5.1.1"


async def test_what_waits_goes_home_when_its_account_is_made(scene: RouteScene) -> None:
    """A row of a removed route, or of one whose address is an account by now, is told where it belongs."""
    ident = await scene.route(recipient="ours.test", target="exchange.test")
    assert await scene.leads("carol@ours.test") == f"route:{ident}"
    await scene.database.run(admin.add_alias, "carol@ours.test", "bob@ours.test", feed=scene.feed)
    assert await scene.leads("carol@ours.test") == "local"
    await scene.database.run(routes.remove, ident, scene.feed)
    assert await scene.leads("dora@ours.test") == "5.1.1"


async def test_only_listed_addresses(scene: RouteScene) -> None:
    """The list is asked anew after a change."""
    ident = await scene.route(
        recipient="some.test", target="a.test", all_addresses=False, addresses=("a@some.test",)
    )
    assert await scene.leads("a@some.test") == await scene.leads("a+b@some.test") == f"route:{ident}"
    refusal = await scene.way("b@some.test")
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.enhanced, refusal.text) == (550, "5.1.1", "No such user here")
    await scene.database.run(routes.add_addresses, ident, ["b@some.test"], scene.feed)
    await scene.database.run(routes.remove_addresses, ident, ["a@some.test"], scene.feed)
    assert await scene.leads("b@some.test") == f"route:{ident}"
    assert await scene.leads("a@some.test") == "5.1.1"


async def test_a_route_without_targets_keeps_the_hosts_of_the_domain(scene: RouteScene) -> None:
    """Of one domain it has a queue of its own; of several, each domain waits by itself."""
    one = await scene.route(recipient="bücher.test", security="starttls", verify=True)
    await scene.route(recipient="*.bank.test", security="starttls", verify=True)
    way = await scene.way("x@bücher.test")
    assert isinstance(way, Way)
    assert (way.destination, way.domain, way.targets) == (f"route:{one}", "xn--bcher-kva.test", ())
    assert (way.security, way.verify) == ("starttls", True)
    way = await scene.way("x@a.bank.test")
    assert isinstance(way, Way)
    assert (way.destination, way.domain, way.security) == ("mx:a.bank.test", "a.bank.test", "starttls")


async def test_everything_a_route_says(scene: RouteScene) -> None:
    ident = await scene.route(
        recipient="example.org",
        description="The old server",
        target="a.test:2525|[2001:db8::1]",
        port=587,
        protocol="lmtp",
        security="tls",
        verify=True,
        username="we",
        password="pw",
        mechanism="LOGIN",
        tries=3,
        minutes=5,
        batch=1,
        source="192.0.2.5",
        certificate="mail.ours.test",
    )
    assert await scene.way("x@example.org") == Way(
        f"route:{ident}",
        targets=(Target("a.test", 2525, 0), Target("2001:db8::1", 587, 1)),
        protocol="lmtp",
        security="tls",
        verify=True,
        credentials=Credentials("we", "pw", "LOGIN"),
        source="192.0.2.5",
        certificate="mail.ours.test",
        route_id=ident,
        name="The old server",
        tries=3,
        minutes=5,
        batch=1,
    )


async def test_a_command(scene: RouteScene) -> None:
    ident = await scene.route(recipient="robot.test", protocol="pipe", command=("/bin/robot", "--in", "a b"))
    way = await scene.way("x@robot.test")
    assert isinstance(way, Way)
    assert (way.destination, way.protocol, way.command) == (
        f"route:{ident}",
        "pipe",
        ("/bin/robot", "--in", "a b"),
    )


async def test_a_token_is_not_in_the_way(scene: RouteScene) -> None:
    """Nor the refresh token: what is needed is put in where somebody signs in."""
    await scene.route(
        recipient="*", target="a.test", username="we", mechanism="XOAUTH2", refresh_token="r", password="old"
    )
    way = await scene.way("x@example.org")
    assert isinstance(way, Way)
    assert way.credentials == Credentials("we", "", "XOAUTH2")


async def test_the_address_mail_comes_from(scene: RouteScene) -> None:
    """The route's, else that of the sender's domain, else of the account's, else the setting's."""
    scene.set(settings_route.SOURCE, "192.0.2.1")
    await scene.database.run(routes.set_source, "ours.test", "192.0.2.2", scene.feed)
    await scene.route(recipient="routed.test", target="a.test")
    await scene.route(recipient="own.test", target="a.test", source="192.0.2.3")
    for recipient, sender, account, wanted in (
        ("x@example.org", "x@far.test", "", "192.0.2.1"),
        ("x@example.org", "<>", "", "192.0.2.1"),
        ("x@example.org", "alice@ours.test", "", "192.0.2.2"),
        ("x@example.org", "x@far.test", "bob", "192.0.2.2"),
        ("x@routed.test", "alice@ours.test", "", "192.0.2.2"),
        ("x@own.test", "alice@ours.test", "", "192.0.2.3"),
    ):
        way = await scene.way(recipient, sender, account)
        assert isinstance(way, Way)
        assert way.source == wanted, (recipient, sender, account)


async def test_a_route_that_holds_gives_away_for_a_while(scene: RouteScene) -> None:
    ident = await scene.route(recipient="dial.test", target="a.test", hold=True)

    async def retrying() -> bool:
        way = await scene.way("x@dial.test")
        assert isinstance(way, Way)
        return way.retrying

    assert not await retrying()
    await scene.database.run(routes.ask_for, [ident], scene.now + 600, scene.feed)
    assert await retrying()
    scene.now += 600
    assert not await retrying()
