"""Who may send to whom, once there are routes: every kind of sender by every kind of recipient."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from route_scene import RouteScene, route_scene

from posthouse.database.contract import Database
from posthouse.directory import admin
from posthouse.mail.address import Address, parse_address
from posthouse.mail.envelope import Origin
from posthouse.settings import mx as settings_mx
from posthouse.settings import route as settings_route

RELAY = Origin("t-relay", "ESMTP", "printer.test", "10.1.2.3", 1)
MAPPED = Origin("t-mapped", "ESMTP", "printer.test", "::ffff:10.1.2.3", 1)
LOOPBACK = Origin("t-loop", "ESMTP", "localhost", "127.0.0.1", 1)
SOCKET = Origin("t-socket", "LMTP", "localhost", "", 0)

DENIED, NOBODY = "550 5.7.1", "550 5.1.1"


class FixedReturns:
    """One return address of ours."""

    async def original(self, address: Address) -> Address | None:
        good = address.local.upper().startswith("SRS0=GOOD=")
        return parse_address("ann@elsewhere.test") if good else None


@pytest_asyncio.fixture
async def scene(sqlite_database: Database) -> AsyncIterator[RouteScene]:
    """Backup MX for all and for some, a split domain of ours, a route for members only, a smart host."""
    async with route_scene(sqlite_database, FixedReturns()) as made:
        await made.database.run(admin.add_domain, "split.test")
        await made.database.run(admin.add_alias, "info@split.test", "bob@ours.test")
        some = {"all_addresses": False, "addresses": ("anna@some.test",)}
        await made.route(recipient="backup.test", target="mx.backup.test", local_recipients=True)
        await made.route(recipient="*.tree.test", target="mx.tree.test", local_recipients=True)
        await made.route(recipient="some.test", target="mx.some.test", local_recipients=True, **some)
        await made.route(recipient="split.test", target="exchange.split.test")
        await made.route(recipient="inner.test", target="mx.inner.test")
        await made.route(
            recipient="*", target="smart.test", local_recipients=True
        )  # which counts for nothing
        yield made


MATRIX = {
    # recipient: stranger, signed in or trusted
    "alice@ours.test": ("", ""),
    "away@ours.test": ("", ""),
    "nobody@ours.test": (NOBODY, NOBODY),
    "abuse@split.test": ("", ""),
    "info@split.test": ("", ""),
    "elsewhere@split.test": ("", ""),
    "x@backup.test": ("", ""),
    "x@sub.backup.test": (DENIED, ""),
    "x@leaf.tree.test": ("", ""),
    "x@tree.test": (DENIED, ""),
    "x@nottree.test": (DENIED, ""),
    "anna@some.test": ("", ""),
    "Anna+x@some.test": ("", ""),
    "postmaster@some.test": ("", ""),
    "bert@some.test": (NOBODY, NOBODY),
    "x@inner.test": (DENIED, ""),
    "x@elsewhere.test": (DENIED, ""),
    "x%backup.test@elsewhere.test": (DENIED, ""),
    '"x@backup.test"@elsewhere.test': (DENIED, ""),
    "x@backup.test.elsewhere.test": (DENIED, ""),
    "x@[192.0.2.9]": (DENIED, "550 5.1.3"),
    "x@[127.0.0.1]": (DENIED, "550 5.1.3"),
    "SRS0=GOOD=aa=elsewhere.test=ann@ours.test": (DENIED, DENIED),
    "SRS0=FAKE=aa=elsewhere.test=ann@ours.test": (NOBODY, NOBODY),
}


@pytest.mark.parametrize("sender", ["x@far.test", "alice@ours.test", "someone@backup.test", "<>"])
@pytest.mark.parametrize("text", MATRIX)
async def test_the_matrix_of_senders_and_recipients(scene: RouteScene, text: str, sender: str) -> None:
    """Whatever they say their sender is: strangers reach what is ours or treated so, those who are known everybody."""
    scene.set(settings_route.RELAY_NETWORKS, "192.168.0.0/16 10.0.0.0/8")
    stranger, known = MATRIX[text]
    if text.startswith("SRS0=GOOD") and sender == "<>":
        stranger = known = ""
    assert await scene.rcpt(text, sender=sender) == stranger
    for origin in (scene.member, RELAY, MAPPED):
        assert await scene.rcpt(text, origin, sender) == known
    for origin in (LOOPBACK, SOCKET):  # nobody is trusted for being near
        assert await scene.rcpt(text, origin, sender) == stranger


async def test_no_network_is_trusted_as_it_comes(scene: RouteScene) -> None:
    assert await scene.rcpt("x@elsewhere.test", RELAY) == DENIED


@pytest.mark.parametrize(
    ("sender", "refused"),
    [
        ("alice@ours.test", True),
        ("nobody@ours.test", True),
        ("boss@inside.test", True),
        ("x@far.test", False),
        ("x@backup.test", False),
        ("<>", False),
    ],
)
async def test_strangers_with_our_senders(scene: RouteScene, sender: str, refused: bool) -> None:
    """With the setting they sign in, wherever they send to; so for domains that routes treat as local."""
    await scene.route(recipient="inside.test", target="mx.inside.test", local_senders=True)
    assert await scene.rcpt("bob@ours.test", sender=sender) == ""
    scene.set(settings_route.OWN_SENDERS, True)
    scene.set(settings_route.RELAY_NETWORKS, "10.0.0.0/8")
    assert await scene.rcpt("bob@ours.test", sender=sender) == ("530 5.7.0" if refused else "")
    assert await scene.rcpt("x@backup.test", sender=sender) == ("530 5.7.0" if refused else "")
    assert await scene.rcpt("bob@ours.test", scene.member, sender) == ""
    assert await scene.rcpt("bob@ours.test", RELAY, sender) == ""


async def test_a_forged_sender_opens_no_relay(scene: RouteScene) -> None:
    """A route by sender that treats recipients as local is for nobody's recipients in particular."""
    await scene.route(sender="far.test", target="smart.test", local_recipients=True)
    assert await scene.rcpt("x@elsewhere.test", sender="x@far.test") == DENIED


async def test_the_first_route_decides(scene: RouteScene) -> None:
    """A later one that would let strangers in does not count."""
    await scene.route(recipient="inner.test", target="other.test", local_recipients=True)
    assert await scene.rcpt("x@inner.test") == DENIED


async def test_a_route_that_is_switched_off_lets_nobody_in(scene: RouteScene) -> None:
    await scene.route(recipient="off.test", target="mx.off.test", local_recipients=True, active=False)
    assert await scene.rcpt("x@off.test") == DENIED


async def test_strangers_learn_of_a_new_route_at_once(scene: RouteScene) -> None:
    assert await scene.rcpt("x@third.test") == DENIED
    await scene.database.run(admin.add_alias, "out@ours.test", "x@third.test")
    assert await scene.rcpt("out@ours.test") == ""


async def test_addresses_of_machines_where_they_are_allowed(scene: RouteScene) -> None:
    """Public ones only: nobody reaches what only this server can reach."""
    scene.set(settings_mx.ADDRESS_LITERALS, True)
    for text, answer in (
        ("x@[9.9.9.9]", ""),
        ("x@[IPv6:2620:fe::fe]", ""),
        ("x@[127.0.0.1]", "550 5.1.3"),
        ("x@[10.0.0.1]", "550 5.1.3"),
        ("x@[169.254.169.254]", "550 5.1.3"),
        ("x@[IPv6:::1]", "550 5.1.3"),
        ("x@[IPv6:::ffff:127.0.0.1]", "550 5.1.3"),
        ("x@[IPv6:fe80::1]", "550 5.1.3"),
    ):
        assert await scene.rcpt(text, scene.member) == answer, text
        assert await scene.rcpt(text) == DENIED, text
