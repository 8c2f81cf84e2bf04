"""Routes on every engine: kept, ordered, listed addresses, tokens, and what waits for a route given away."""

from __future__ import annotations

from dataclasses import replace

from route_scene import RouteScene, route_scene

from posthouse.database.contract import Database, Transaction
from posthouse.directory import routes
from posthouse.directory.routes import Route
from posthouse.mail.address import parse_address
from posthouse.queue.contract import HOLD_ADMIN, HOLD_ROUTE, QueuedMessage, QueuedRecipient
from posthouse.queue.etrn import release
from posthouse.queue.service import QueueService

FULL = Route(
    recipient="bücher.test",
    sender="*@ours.test",
    account="ours.test",
    description="Über den alten Server",
    active=False,
    target="a.test|b.test",
    port=587,
    protocol="pipe",
    command=("/bin/x", "ein Wort", "\u00e4"),
    security="tls",
    verify=True,
    username="wir",
    password="gehe\u00edm",
    mechanism="XOAUTH2",
    token_url="https://login.test/",
    client_id="c",
    client_secret="s",
    refresh_token="r" * 3000,
    scope="a b",
    tries=3,
    minutes=4,
    all_addresses=False,
    local_recipients=True,
    local_senders=True,
    hold=True,
    etrn_networks="192.0.2.0/24",
    etrn_accounts="a@ours.test",
    source="192.0.2.1",
    certificate="mail.ours.test",
    batch=5,
    created_at=1.5,
)


async def test_a_route_comes_back_as_it_was(database: Database) -> None:
    ident = await database.run(routes.add, FULL, None)
    assert await database.read(routes.find, ident) == replace(FULL, id=ident, position=1)
    other = replace(FULL, id=ident, position=1, active=True, command=(), asked_until=7.5)
    await database.run(routes.change, other, None)
    assert await database.read(routes.active) == (other,)
    await database.run(routes.remove, ident, None)
    assert await database.read(routes.find, ident) is None
    assert (
        await database.run(routes.add, FULL, None) > ident
    )  # queue rows of the former must not become its own


async def test_the_order(database: Database) -> None:
    ids = [await database.run(routes.add, Route(recipient=f"r{n}.test"), None) for n in range(4)]
    for moved, place, wanted in (
        (ids[3], 1, [3, 0, 1, 2]),
        (ids[3], 99, [0, 1, 2, 3]),
        (ids[0], 2, [1, 0, 2, 3]),
    ):
        assert await database.run(routes.move, moved, place, None) == min(place, 4)
        assert [each.id for each in await database.read(routes.every)] == [ids[n] for n in wanted]


async def test_lists_sources_and_tokens(database: Database) -> None:
    keys = [f"person{n}@some.test" for n in range(500)]
    assert await database.run(routes.add_addresses, 1, keys, None) == 500
    assert await database.run(routes.add_addresses, 1, [*keys[:3], "jörg@some.test"], None) == 1
    assert await database.read(routes.listed, 1, ["nobody@some.test", "jörg@some.test"])
    assert not await database.read(routes.listed, 2, ["jörg@some.test"])
    assert await database.run(routes.remove_addresses, 1, keys, None) == 500
    assert await database.read(routes.addresses, 1, "", 10) == ["jörg@some.test"]
    for address, wanted in (("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("", "")):
        await database.run(routes.set_source, "bücher.test", address, None)
        assert await database.read(routes.source, "bücher.test") == wanted
    for token in ("t1", "t2"):
        await database.run(routes.keep_token, 1, token, 5.5, "f")
    assert await database.read(routes.token, 1, "f") == ("t2", 5.5)
    assert await database.read(routes.token, 1, "other") == ("", 0.0)
    await database.run(routes.drop_token, 1)
    assert await database.read(routes.token, 1, "f") == ("", 0.0)


async def test_a_refresh_token_is_renewed_once(database: Database) -> None:
    ident = await database.run(routes.add, FULL, None)
    assert await database.run(routes.renew_refresh, ident, FULL.refresh_token, "next", None)
    assert not await database.run(routes.renew_refresh, ident, FULL.refresh_token, "late", None)


async def test_what_waits_is_given_away_in_pieces(database: Database) -> None:
    """Only rows of the destination, held by the route or waiting for another try."""
    async with route_scene(database) as scene:
        queue = QueueService(scene.settings, scene.feed)
        held = [QueuedRecipient(f"p{n}@dial.test", "route:7", hold=HOLD_ROUTE, due_at=4e9) for n in range(5)]
        others = [
            QueuedRecipient("kept@dial.test", "route:7", hold=HOLD_ADMIN, due_at=4e9),
            QueuedRecipient("later@dial.test", "route:7", not_before=4e9),
            QueuedRecipient("retry@dial.test", "route:7", due_at=4e9),
            QueuedRecipient("x@dial.test", "route:77", hold=HOLD_ROUTE, due_at=4e9),
        ]

        def put(tx: Transaction) -> None:
            queue.put(tx, QueuedMessage("t", "ab" * 32, 1, "", 1e9), [*held, *others], 1e12)

        await database.run(put)
        changed, after, turns = 0, 0, 0
        while True:
            count, after = await database.run(release, "route:7", after, 3, 2e9, feed=scene.feed)
            changed, turns = changed + count, turns + 1
            if not after:
                break
        assert (changed, turns) == (6, 3)
        leases = await database.run(queue.lease, 2e9, 50, 60.0, "here")
        taken = sorted(lease.recipient.recipient for lease in leases)
        assert taken == [*(f"p{n}@dial.test" for n in range(5)), "retry@dial.test"]
        assert await database.run(release, "route:7", 0, 50, 2e9) == (0, 0)  # they are being tried


async def test_a_change_is_seen_by_all(database: Database) -> None:
    """In this process at once; in others within a second (their caches ask for the version)."""
    async with route_scene(database) as scene:
        assert await scene.leads("x@partner.test") == "mx:partner.test"
        ident = await scene.route(recipient="partner.test", target="a.test")
        assert await scene.leads("x@partner.test") == f"route:{ident}"
        await _switch_off(scene, ident)
        assert await scene.leads("x@partner.test") == "mx:partner.test"
        assert parse_address("x@partner.test").domain == "partner.test"


async def _switch_off(scene: RouteScene, ident: int) -> None:
    route = await scene.database.read(routes.find, ident)
    assert route is not None
    await scene.database.run(routes.change, replace(route, active=False), scene.feed)
