"""ETRN: who may ask for which mail, and what happens then."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from failing import FailingDatabase
from route_scene import STRANGER, RouteScene, route_scene

from posthouse.database.contract import Database, Transaction
from posthouse.mail.envelope import Origin
from posthouse.mail.refusal import Refusal
from posthouse.queue.contract import HOLD_ROUTE, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.route.contract import Way
from posthouse.route.etrn import Etrn
from posthouse.settings import route as settings_route

HOST = Origin("t-host", "ESMTP", "dial.test", "198.51.100.7", 1)


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[RouteScene]:
    async with route_scene(sqlite_database) as made:
        yield made


def etrn_of(scene: RouteScene) -> Etrn:
    return Etrn(
        book=scene.book,
        directory=scene.directory,
        database=scene.database,
        settings=scene.settings,
        feed=scene.feed,
        clock=lambda: scene.now,
    )


async def wait(scene: RouteScene, ident: int, count: int) -> None:
    """Let mail wait for a route."""
    queue = QueueService(scene.settings, scene.feed)
    rows = [
        QueuedRecipient(f"p{n}@dial.test", f"route:{ident}", hold=HOLD_ROUTE, due_at=4e9)
        for n in range(count)
    ]

    def put(tx: Transaction) -> None:
        queue.put(tx, QueuedMessage("t", "ab" * 32, 1, "", scene.now), rows, 1e9)

    await scene.database.run(put)


async def ask(scene: RouteScene, node: str, origin: Origin) -> int | str:
    try:
        return await etrn_of(scene).request(node, origin)
    except Refusal as refusal:
        return f"{refusal.code} {refusal.enhanced}"


async def test_mail_is_given_away_once_it_is_asked_for(scene: RouteScene) -> None:
    """What waits is due at once, what comes goes at once, until the time is over."""
    ident = await scene.route(
        recipient="dial.test", target="a.test", hold=True, etrn_networks="198.51.100.0/24"
    )
    await wait(scene, ident, 3)

    async def retrying() -> bool:
        way = await scene.way("x@dial.test")
        assert isinstance(way, Way)
        return way.retrying

    assert not await retrying()
    assert await ask(scene, "dial.test", HOST) == 3
    assert await retrying()
    queue = QueueService(scene.settings, scene.feed)
    assert len(await scene.database.run(queue.lease, scene.now, 10, 60.0, "here")) == 3
    assert await ask(scene, "dial.test", HOST) == 0
    scene.now += scene.settings.now[settings_route.ETRN_TIME] + 1
    assert not await retrying()


async def test_who_may_ask(scene: RouteScene) -> None:
    """Networks and accounts of the route itself; whether there is such a route is not told to others."""
    await scene.route(
        recipient="net.test", target="a.test", hold=True, etrn_networks="198.51.100.0/24 2001:db8::/32"
    )
    await scene.route(recipient="signed.test", target="a.test", hold=True, etrn_accounts="alice@ours.test")
    await scene.route(
        recipient="off.test", target="a.test", hold=True, etrn_networks="0.0.0.0/0", active=False
    )
    bob = Origin("t-b", "ESMTPSA", "x", "192.0.2.9", 1, account_id=scene.people["bob"].id)
    mapped = Origin("t-6", "ESMTP", "x", "::ffff:198.51.100.9", 1)
    six = Origin("t-6", "ESMTP", "x", "2001:db8::25", 1)
    denied = "459 4.7.1"
    for node, origin, answer in (
        ("net.test", HOST, 0),
        ("NET.test", mapped, 0),
        ("net.test", six, 0),
        ("net.test", STRANGER, denied),
        ("net.test", scene.member, denied),
        ("signed.test", scene.member, 0),
        ("signed.test", bob, denied),
        ("signed.test", HOST, denied),
        ("off.test", HOST, denied),
        ("nowhere.test", HOST, denied),
        ("*", HOST, "501 5.5.4"),
        ("", HOST, "501 5.5.4"),
        ("#x", HOST, "501 5.5.4"),
        ("#" + "9" * 30, HOST, "501 5.5.4"),
    ):
        assert await ask(scene, node, origin) == answer, (node, origin)


async def test_what_names_mean(scene: RouteScene) -> None:
    """A domain, all below it, or one route by its number."""
    ids = {}
    for pattern in ("a.test", "b.a.test", "*.a.test", "x@c.a.test", "na.test", "*"):
        ids[pattern] = await scene.route(
            recipient=pattern, target="h.test", hold=True, etrn_networks="198.51.100.0/24"
        )
        await wait(scene, ids[pattern], 1)
    assert await ask(scene, "b.a.test", HOST) == 1
    assert await ask(scene, f"#{ids['na.test']}", HOST) == 1
    assert await ask(scene, "@a.test", HOST) == 3 + 1  # one is due already, and stays so
    assert await ask(scene, "@a.test", HOST) == 4


async def test_a_database_that_is_away(scene: RouteScene) -> None:
    database = FailingDatabase(scene.database)
    await scene.route(recipient="net.test", target="a.test", hold=True, etrn_networks="198.51.100.0/24")
    await scene.book.routes()
    etrn = Etrn(
        book=scene.book,
        directory=scene.directory,
        database=database,
        settings=scene.settings,
        feed=scene.feed,
    )
    database.fail()
    with pytest.raises(Refusal) as refused:
        await etrn.request("net.test", HOST)
    assert refused.value.code == 451
