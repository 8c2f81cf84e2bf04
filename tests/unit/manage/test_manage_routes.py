"""Administration of routes: what is taken, what is refused beside which field, and that no secret comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from conftest import ACTOR, Do
from posthouse.database.contract import Transaction
from posthouse.directory import routes as stored
from posthouse.directory.routes import Route
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import NotFresh
from posthouse.manage.routes_views import RouteStep
from posthouse.manage.use import perform
from posthouse.queue.contract import HOLD_ADMIN, HOLD_ROUTE, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService

SECRET = "kept-to-ourselves-4711"
SIGNED = {
    "recipient": "*",
    "target": "smtp.provider.example",
    "port": 587,
    "security": "starttls",
    "username": "we",
    "password": SECRET,
}
TOKENS = {
    **SIGNED,
    "password": "",
    "mechanism": "XOAUTH2",
    "token_url": "https://login.example/token",
    "client_id": "posthouse",
    "refresh_token": SECRET,
}


async def audit_of(do: Do) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = (await do("audit.list"))["lines"]
    return lines


async def test_a_route_from_first_to_last(do: Do, context: Context) -> None:
    """Added behind the others, shown, changed, moved, removed; each with its audit line."""
    await do("route.add", recipient="first.example", target="a.example")
    made = await do(
        "route.add", recipient="@Second.Example", target=" B.example|c.example ", tries=3, minutes=10
    )
    assert (made["place"], made["recipient"], made["target"]) == (2, "second.example", "B.example|c.example")
    moved = await do("route.move", id=made["id"], place=1)
    assert moved["place"] == 1
    found = (await do("route.list"))["routes"]
    assert [each["recipient"] for each in found] == ["second.example", "first.example"]
    changed = await do("route.change", id=made["id"], security="tls", active=False)
    assert (changed["security"], changed["active"], changed["tries"]) == ("tls", False, 3)
    assert await do("route.show", id=made["id"]) == changed
    gone = await do("route.remove", id=made["id"])
    assert gone["id"] == made["id"]
    with pytest.raises(ManageError) as missing:
        await do("route.show", id=made["id"])
    assert missing.value.kind == "missing"
    uses = [line["use"] for line in await audit_of(do)]
    assert uses == ["route.remove", "route.change", "route.move", "route.add", "route.add"]
    (line,) = [each for each in await audit_of(do) if each["use"] == "route.change"]
    assert msgspec.json.decode(line["after"]) == {"security": "tls", "active": False}


@pytest.mark.parametrize("given", [SIGNED, TOKENS], ids=["password", "token"])
async def test_no_secret_is_ever_shown(do: Do, context: Context, given: dict[str, Any]) -> None:
    """Not in views, not in the audit, not in what parameters look like."""
    made = await do("route.add", **given)
    shown = str([made, await do("route.list"), await do("route.show", id=made["id"])])
    await do("route.change", id=made["id"], description="changed")
    name = "password" if given is SIGNED else "refresh_token"
    await do("route.change", id=made["id"], **{name: SECRET + "-2"})
    shown += str(await do("route.remove", id=made["id"]))
    lines = await audit_of(do)
    assert SECRET not in shown + str(lines)
    assert made["secrets"] == [name]
    changed = [msgspec.json.decode(line["after"]) for line in lines if line["use"] == "route.change"]
    assert {name: "(secret)"} in changed
    route = Route(recipient="*", password=SECRET, client_secret=SECRET, refresh_token=SECRET)
    assert SECRET not in repr(route)


NO_GOOD: list[tuple[str, dict[str, Any]]] = [
    ("recipient", {"recipient": ""}),
    ("recipient", {"recipient": "not a domain"}),
    ("recipient", {"recipient": "x" * 5000}),
    ("recipient", {"recipient": "<>"}),
    ("sender", {"sender": "a b"}),
    ("account", {"account": "@@"}),
    ("description", {"description": "two\nlines"}),
    ("description", {"description": "x" * 201}),
    ("target", {"target": "http://x/"}),
    ("target", {"target": "/run/socket"}),
    ("target", {"target": "", "protocol": "lmtp"}),
    ("target", {"target": "a.example", "protocol": "pipe", "command": ["/bin/true"]}),
    ("target", {"target": "", "hold": True, "recipient": "*.x.example"}),
    ("port", {"port": 65536}),
    ("port", {"port": -1}),
    ("tries", {"tries": 100_000}),
    ("minutes", {"minutes": -5}),
    ("batch", {"batch": 5000}),
    ("command", {"command": ["/bin/true"]}),
    ("command", {"protocol": "pipe", "target": ""}),
    ("command", {"protocol": "pipe", "target": "", "command": ["true"]}),
    ("command", {"protocol": "pipe", "target": "", "command": ["/bin/true", "a\0b"]}),
    ("command", {"protocol": "pipe", "target": "", "command": ["/bin/true"] * 60}),
    ("local_recipients", {"recipient": "*", "local_recipients": True}),
    ("local_recipients", {"recipient": "*.com", "local_recipients": True}),
    ("local_recipients", {"recipient": "", "sender": "x.example", "local_recipients": True}),
    ("local_senders", {"recipient": "*", "local_senders": True}),
    ("etrn_networks", {"etrn_networks": "10.0.0.1/8"}),
    ("etrn_accounts", {"etrn_accounts": "nobody"}),
    ("source", {"source": "eth0"}),
    ("source", {"source": "0.0.0.0"}),
    ("certificate", {"certificate": "a\nb"}),
    ("security", {**SIGNED, "security": "may"}),
    ("security", {**SIGNED, "security": "none"}),
    ("password", {**SIGNED, "password": ""}),
    ("password", {**SIGNED, "password": "x" * 9000}),
    ("username", {**SIGNED, "username": "x" * 400}),
    ("username", {**SIGNED, "protocol": "lmtp"}),
    ("token_url", {**TOKENS, "token_url": ""}),
    ("token_url", {**TOKENS, "token_url": "http://login.example/"}),
    ("token_url", {**TOKENS, "token_url": "file:///etc/passwd"}),
    ("client_id", {**TOKENS, "client_id": ""}),
    ("refresh_token", {**TOKENS, "refresh_token": ""}),
]


@pytest.mark.parametrize(
    ("field", "given"), NO_GOOD, ids=[f"{n}-{each[0]}" for n, each in enumerate(NO_GOOD)]
)
async def test_what_is_no_route(do: Do, field: str, given: dict[str, Any]) -> None:
    """Named with its field, and nothing is kept; neither when a good route would become one."""
    base = {"recipient": "good.example", "target": "a.example"}
    with pytest.raises(ManageError) as refused:
        await do("route.add", **{**base, **given})
    assert (refused.value.kind, getattr(refused.value, "field", "")) == ("invalid", field)
    assert SECRET not in str(refused.value) + refused.value.mend
    assert (await do("route.list"))["routes"] == []
    made = await do("route.add", **base)
    with pytest.raises(ManageError) as refused:
        await do("route.change", id=made["id"], **given)
    assert getattr(refused.value, "field", "") == field
    assert await do("route.show", id=made["id"]) == made


@pytest.mark.parametrize(
    "given", [{"port": "25"}, {"protocol": "uucp"}, {"security": "maybe"}, {"unknown": 1}]
)
async def test_what_is_no_parameter(do: Do, given: dict[str, Any]) -> None:
    with pytest.raises(ManageError) as refused:
        await do("route.add", **{"recipient": "x.example", **given})
    assert refused.value.kind == "invalid"


async def test_on_this_machine_passwords_may_be_in_clear(do: Do) -> None:
    made = await do("route.add", **{**SIGNED, "target": "127.0.0.1:2525", "security": "none"})
    assert made["username"] == "we"
    with pytest.raises(ManageError):
        await do("route.change", id=made["id"], target="192.0.2.1", password="again")


async def test_two_routes_for_the_same_mail(do: Do) -> None:
    """Only the first would ever be asked; one that is off may stand beside it."""
    made = await do("route.add", recipient="x.example", target="a.example")
    with pytest.raises(ManageError) as refused:
        await do("route.add", recipient="X.example", target="b.example")
    assert refused.value.kind == "exists"
    spare = await do("route.add", recipient="x.example", target="b.example", active=False)
    with pytest.raises(ManageError):
        await do("route.change", id=spare["id"], active=True)
    await do("route.change", id=made["id"], active=False)
    await do("route.change", id=spare["id"], active=True)


async def test_a_secret_is_not_handed_to_another_host(do: Do, context: Context) -> None:
    """Whoever changes the target, or where tokens come from, knows the secrets or does not get them."""
    made = await do("route.add", **SIGNED)
    for other in ({"target": "evil.example"}, {"port": 2525}):
        with pytest.raises(ManageError) as refused:
            await do("route.change", id=made["id"], **other)
        assert getattr(refused.value, "field", "") == "password"
    with pytest.raises(ManageError):
        await do("route.smart_host", target="evil.example", username="we")
    await do("route.change", id=made["id"], target="other.example", password="new")
    await do("route.change", id=made["id"], target="third.example", username="")
    route = await context.database.read(stored.find, made["id"])
    assert route is not None
    assert (route.password, route.username) == ("", "")
    tokens = await do("route.change", id=made["id"], **{**TOKENS, "target": "third.example"})
    with pytest.raises(ManageError):
        await do("route.change", id=tokens["id"], token_url="https://evil.example/token")


async def test_a_command_needs_somebody_who_is_there(context: Context) -> None:
    """It runs with the rights of the server: a token or an old session cannot set one."""
    given = {"recipient": "robot.example", "protocol": "pipe", "command": ["/bin/true"]}
    for actor in (replace(ACTOR, token=7, fresh_at=0.0), replace(ACTOR, session=7, fresh_at=0.0)):
        with pytest.raises(NotFresh):
            await perform(context, actor, "route.add", given)
    made = await perform(context, ACTOR, "route.add", given)
    with pytest.raises(NotFresh):
        await perform(context, actor, "route.change", {"id": made.id, "command": ["/bin/false"]})
    await perform(context, actor, "route.change", {"id": made.id, "description": "a robot"})


async def test_the_smart_host(do: Do) -> None:
    """Set, changed and taken away with few fields: it is the route for everything."""
    first = await do("route.add", recipient="x.example", target="a.example")
    (_, smart) = (await do("route.smart_host", target="smart.example", username="we", password=SECRET))[
        "routes"
    ]
    assert (smart["recipient"], smart["security"], smart["verify"]) == ("*", "starttls", True)
    (_, again) = (await do("route.smart_host", target="smart.example", username="us", security="tls"))[
        "routes"
    ]
    assert (again["id"], again["username"], again["secrets"]) == (smart["id"], "us", ["password"])
    (left,) = (await do("route.smart_host"))["routes"]
    assert left["id"] == first["id"]
    with pytest.raises(ManageError):
        await do("route.smart_host", target="smart.example", security="much")


async def test_listed_addresses(do: Do) -> None:
    made = await do("route.add", recipient="some.example", target="a.example", all_addresses=False)
    wanted = ["b@some.example", "A@some.example", "b@some.example"]
    assert await do("route.address_add", id=made["id"], addresses=wanted) == {
        "id": made["id"],
        "changed": 2,
        "total": 2,
    }
    assert (await do("route.address_add", id=made["id"], addresses=wanted))["changed"] == 0
    page = await do("route.addresses", id=made["id"], limit=1)
    assert (page["addresses"], page["next"], page["total"]) == (["a@some.example"], "a@some.example", 2)
    page = await do("route.addresses", id=made["id"], limit=5, after=page["next"])
    assert (page["addresses"], page["next"]) == (["b@some.example"], "")
    assert (await do("route.address_remove", id=made["id"], addresses=["a@some.example"]))["total"] == 1
    for bad in ([], ["no address"], ["x@y.example"] * 501):
        with pytest.raises(ManageError):
            await do("route.address_add", id=made["id"], addresses=bad)
    for use in ("route.address_add", "route.address_remove"):
        with pytest.raises(ManageError) as missing:
            await do(use, id=999, addresses=["a@some.example"])
        assert missing.value.kind == "missing"


async def test_the_addresses_domains_send_from(do: Do) -> None:
    await do("domain.add", name="own.example")
    assert await do("route.source", domain="Own.example", address="192.0.2.1") == {
        "domain": "own.example",
        "address": "192.0.2.1",
    }
    assert len((await do("route.sources"))["sources"]) == 1
    for bad in ("everywhere", "224.0.0.1", "::"):
        with pytest.raises(ManageError):
            await do("route.source", domain="own.example", address=bad)
    with pytest.raises(ManageError):
        await do("route.source", domain="foreign.example", address="192.0.2.1")
    await do("route.source", domain="own.example")
    assert (await do("route.sources"))["sources"] == []


class Trier:
    """Answers as if a host had been asked."""

    def __init__(self, *steps: RouteStep) -> None:
        self.steps = list(steps)
        self.asked: list[str] = []

    async def test(self, route: Route, domain: str) -> list[RouteStep]:
        self.asked.append(domain or route.target)
        return self.steps


async def test_trying_a_route(do: Do, context: Context) -> None:
    """The last step of each host decides; one good host is enough."""
    made = await do("route.add", recipient="x.example", target="a.example")
    with pytest.raises(ManageError) as stopped:
        await do("route.test", id=made["id"])
    assert stopped.value.kind == "unavailable"
    context.routes = tester = Trier(
        RouteStep("dns", "", True, "2 hosts"),
        RouteStep("connect", "a.example", True, "220 hello"),
        RouteStep("tls", "a.example", False, "no STARTTLS"),
        RouteStep("connect", "b.example", True, "220 hello"),
    )
    assert (await do("route.test", id=made["id"]))["good"]
    tester.steps.pop()
    assert not (await do("route.test", id=made["id"]))["good"]
    wide = await do("route.add", recipient="*.bank.example", security="starttls")
    with pytest.raises(ManageError):
        await do("route.test", id=wide["id"])
    await do("route.test", id=wide["id"], domain="a.bank.example")
    assert tester.asked[-1] == "a.bank.example"


async def test_what_waits_for_a_route(do: Do, context: Context) -> None:
    """Released by hand it is tried now; so when the route holds no more, or is removed. What an administrator holds
    stays."""
    made = await do(
        "route.add", recipient="dial.example", target="a.example", hold=True, etrn_networks="192.0.2.0/24"
    )
    queue = QueueService(context.settings, context.feed)
    rows = [
        QueuedRecipient("a@dial.example", f"route:{made['id']}", hold=HOLD_ROUTE, due_at=4e9),
        QueuedRecipient("b@dial.example", f"route:{made['id']}", hold=HOLD_ADMIN, due_at=4e9),
        QueuedRecipient("c@dial.example", f"route:{made['id']}", not_before=4e9),
        QueuedRecipient("d@other.example", "mx:other.example", hold=HOLD_ROUTE, due_at=4e9),
    ]

    def put(tx: Transaction) -> None:
        queue.put(tx, QueuedMessage("t", "ab" * 32, 1, "x@y.example", 1e9), rows, 1e12)

    def due(tx: Transaction) -> list[str]:
        return [lease.recipient.recipient for lease in queue.lease(tx, 2e9, 10, 60.0, "here")]

    def again(tx: Transaction) -> None:
        queue.free(tx, "here", 1.0)

    await context.database.run(put)
    assert await context.database.run(due) == []
    assert await do("route.release", id=made["id"]) == {"id": made["id"], "recipients": 1}
    assert await context.database.run(due) == ["a@dial.example"]
    await context.database.run(again)
    shown = await do("route.show", id=made["id"])
    assert shown["asked_until"] > 0
    await context.database.run(put)
    await do("route.remove", id=made["id"])
    assert await context.database.run(due) == ["a@dial.example", "a@dial.example"]
    with pytest.raises(ManageError) as missing:
        await do("route.release", id=made["id"])
    assert missing.value.kind == "missing"
