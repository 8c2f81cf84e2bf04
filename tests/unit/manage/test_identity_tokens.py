"""API tokens: what they may, for how long, from where; and never more than their account."""

from __future__ import annotations

import pytest
from identity_parts import ANNA, BOB, CARL, ROOT, VISITOR, House, furnish

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.devices import Devices
from posthouse.directory.roles import set_role
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import Visitor

SCRIPT = Visitor("192.0.2.50", "curl", "https://mail.example.org", "api")


@pytest.fixture
async def house(context: Context) -> House:
    return await furnish(context)


async def refused(house: House, actor: Actor, use: str, **parameters: object) -> ManageError:
    with pytest.raises(ManageError) as caught:
        await house.do(actor, use, **parameters)
    return caught.value


async def token(house: House, address: str = ANNA, **wanted: object) -> str:
    made = await house.do(ROOT, "token.add", address=address, name="script", **wanted)
    assert made["token"].startswith("ph_")
    return str(made["token"])


async def test_a_token_may_what_it_was_given(house: House) -> None:
    """Its rights within the role of its account; where it was used is shown; it makes no others."""
    secret = await token(house, rights=["view", "send"])
    actor = await house.identity.by_token(secret, SCRIPT)
    assert actor is not None
    assert (actor.rights, actor.role, actor.account) == (frozenset({"view", "send"}), "server", ANNA)
    assert actor.source == "api 192.0.2.50"
    assert (await house.do(actor, "domain.list"))["domains"]
    assert (await refused(house, actor, "domain.add", name="x.example")).kind == "refused"
    full = await house.identity.by_token(await token(house, rights=["view", "change"]), SCRIPT)
    assert full is not None
    assert "browser" in (await refused(house, full, "token.add", name="another")).mend
    assert (await refused(house, full, "identity.link", address=ANNA)).kind == "refused"
    listed = (await house.do(ROOT, "token.list", address=ANNA))["tokens"]
    assert listed[0]["last_peer"] == "192.0.2.50"
    assert secret not in repr(listed)
    for odd in ("", "ph_", secret[:-1], secret + "x", "xx" + secret, "ph_" + "\ud800", "ph_" + "x" * 5000):
        assert await house.identity.by_token(odd, SCRIPT) is None


async def test_a_token_follows_its_account(house: House) -> None:
    """A lower role is the token's at once; closing or removing the account kills it."""
    secret = await token(house, BOB)

    async def now() -> tuple[str, frozenset[str]] | None:
        actor = await house.identity.by_token(secret, SCRIPT)
        return (actor.role, actor.domains) if actor else None

    assert await now() == ("domain", frozenset({"example.org"}))

    def demote(tx: Transaction) -> None:
        set_role(tx, admin.find_account(tx, BOB), "user")

    await house.context.database.run(demote)
    assert await now() == ("user", frozenset())
    await house.context.database.run(admin.set_active, BOB, False)
    assert await now() is None
    await house.context.database.run(admin.set_active, BOB, True)
    assert await now() is not None
    await house.context.database.run(admin.remove_account, BOB)
    assert await now() is None


async def test_limits_of_a_token(house: House) -> None:
    """Domains, networks, days."""
    await house.do(ROOT, "domain.add", name="example.net")
    limited = await house.identity.by_token(await token(house, domains=["Example.NET"]), SCRIPT)
    assert limited is not None
    assert (limited.role, limited.domains) == ("domain", frozenset({"example.net"}))
    assert (
        await refused(house, ROOT, "token.add", address=BOB, name="x", domains=["example.net"])
    ).kind == "refused"
    near = await token(house, networks=["192.0.2.0/26", "2001:db8::/32"])
    for peer, good in (
        ("192.0.2.50", True),
        ("::ffff:192.0.2.50", True),
        ("2001:db8::7", True),
        ("192.0.2.64", False),
        ("", False),
        ("unix", False),
    ):
        assert (await house.identity.by_token(near, Visitor(peer, face="api")) is not None) is good, peer
    short, ever = await token(house, days=1), await token(house, days=0)
    usual = await token(house)
    house.clock.ahead += 86_401
    assert await house.identity.by_token(short, SCRIPT) is None
    assert await house.identity.by_token(usual, SCRIPT) is not None
    house.clock.ahead += 90 * 86_400
    assert await house.identity.by_token(usual, SCRIPT) is None
    assert await house.identity.by_token(ever, SCRIPT) is not None
    for bad in (
        {"networks": ["here"]},
        {"days": -1},
        {"rights": []},
        {"domains": ["a b"]},
        {"rights": ["all"]},
    ):
        assert (await refused(house, ROOT, "token.add", address=ANNA, name="x", **bad)).kind == "invalid"
    assert (await refused(house, ROOT, "token.add", address=ANNA, name=" \n")).kind == "invalid"


async def test_everybody_sees_their_own_tokens(house: House) -> None:
    """A token of a server administrator is nothing a domain administrator may make, see or remove."""
    anna, bob, carl = [(await house.sign_in(each)).actor for each in (ANNA, BOB, CARL)]
    made = await house.do(carl, "token.add", name="own")
    of_anna = await house.do(anna, "token.add", name="own")
    assert [each["address"] for each in (await house.do(carl, "token.list"))["tokens"]] == [CARL]
    assert (await refused(house, bob, "token.list", address=CARL)).kind == "refused"
    assert (await refused(house, bob, "token.add", address=ANNA, name="x")).kind == "refused"
    assert (await refused(house, bob, "token.remove", id=of_anna["about"]["id"])).kind == "missing"
    assert len((await house.do(ROOT, "token.list"))["tokens"]) == 2
    await house.do(carl, "token.remove", id=made["about"]["id"])
    assert await house.identity.by_token(made["token"], SCRIPT) is None
    lines = (await house.do(ROOT, "audit.list"))["lines"]
    uses = [(line["use"], line["actor"]) for line in lines if line["use"].startswith("token")]
    assert uses == [("token.remove", CARL), ("token.add", ANNA), ("token.add", CARL)]
    assert made["token"] not in repr(lines)


async def test_devices_are_noted_in_batches(house: House) -> None:
    """A program is one row, with its name once it said it; the browser is not among them."""
    noted = Devices(house.context.database, house.clock)
    house.directory.devices = noted
    carl = (await house.sign_in(CARL)).actor
    account = await house.directory.account(carl.account_id)
    assert account is not None
    for _ in range(3):
        await house.directory.sign_in(CARL, "correct horse", peer="192.0.2.5", protocol="imap")
    house.directory.client_named(account, "Mail\x1b[2J 1.0", peer="192.0.2.5", protocol="imap")
    await house.directory.sign_in(CARL, "correct horse", peer="2001:db8::5", protocol="pop3")
    await house.directory.sign_in(CARL, "wrong", peer="203.0.113.9", protocol="imap")
    assert (await house.do(carl, "me.devices"))["devices"] == []
    await noted.flush()
    found = (await house.do(carl, "me.devices"))["devices"]
    assert sorted((each["protocol"], each["peer"], each["client"]) for each in found) == [
        ("imap", "192.0.2.5", "Mail[2J 1.0"),
        ("pop3", "2001:db8::5", ""),
    ]
    house.clock.ahead += 3600
    noted.named(account.id, "imap", "192.0.2.5", "Mail[2J 1.0")
    await noted.flush()
    again = (await house.do(carl, "me.devices"))["devices"]
    assert len(again) == 2
    assert again[0]["last_seen"] > found[0]["last_seen"]
    assert (await house.do(carl, "me.quota"))["quota"] == 0
    assert VISITOR.face == "web"


async def test_a_token_is_limited_to_domains_that_exist(house: House) -> None:
    """A slip in the name would make a token that may do nothing, and nobody would know why."""
    await house.do(ROOT, "account.role", address=ANNA, role="server")
    found = await refused(house, ROOT, "token.add", address=ANNA, name="x", domains=["exmaple.org"])
    assert (found.kind, "exmaple.org" in found.what) == ("missing", True)
