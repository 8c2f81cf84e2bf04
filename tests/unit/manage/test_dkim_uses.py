"""DKIM keys from the domain's first day to the day their record goes, with a clock that is moved and a DNS of our
own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from dns_server import DnsServer

from posthouse.database.contract import Transaction
from posthouse.directory import dkim
from posthouse.directory.dkim_records import dkim_keys
from posthouse.manage.context import Context
from posthouse.manage.dkim_desk import DkimDesk
from posthouse.manage.dkim_keys import judged, selector_for
from posthouse.manage.errors import ManageError
from posthouse.manage.warnings import read_kept
from posthouse.net.dns import Resolver
from posthouse.origin.keys import make_key, read_key, record_of
from posthouse.settings.contract import Settings

Do = Callable[..., Awaitable[Any]]
DAY = 86400.0
START = 1_795_000_000.0


@pytest.fixture
def zone() -> Iterator[DnsServer]:
    with DnsServer() as server:
        yield server


class Story:
    """The desk with its clock, and what it sees."""

    def __init__(self, context: Context, do: Do, zone: DnsServer, **values: Any) -> None:
        given = {"dns.servers": zone.place, **{name.replace("_", ".", 1): it for name, it in values.items()}}
        context.settings.now = Settings(given, 1)
        self.now = START
        self.do, self.zone, self.context = do, zone, context
        self.desk = DkimDesk(
            database=context.database,
            feed=context.feed,
            settings=context.settings,
            resolver=Resolver(context.settings),
            holder="test",
            clock=lambda: self.now,
        )
        context.dkim = self.desk

    async def look(self, days: float = 0.0) -> list[tuple[str, str]]:
        """Let time pass, look, and say which keys there are in which state."""
        self.now += days * DAY
        await self.desk.look()
        return await self.states()

    async def states(self) -> list[tuple[str, str]]:
        return [(key["selector"], key["state"]) for key in (await self.do("dkim.list"))["keys"]]

    async def publish(self, *selectors: str) -> None:
        for key in (await self.do("dkim.list"))["keys"]:
            if key["selector"] in selectors:
                self.zone.remove(key["name"] + ".", "TXT")
                self.zone.add(f"{key['name']}. 60 TXT {key['text']}")

    def warned(self, tx: Transaction) -> list[str]:
        return [advice.code for advice in read_kept(tx).keys]


async def test_keys_are_made_used_followed_and_put_aside(context: Context, do: Do, zone: DnsServer) -> None:
    story = Story(context, do, zone, dkim_rotate_days=180, dkim_keep_days=14)
    await do("domain.add", name="bücher.example")
    first = ["rsa-202611", "ed-202611"]
    assert await story.look() == [(name, "new") for name in first]
    assert (await do("dkim.show", domain="bücher.example", selector="rsa-202611"))["name"] == (
        "rsa-202611._domainkey.xn--bcher-kva.example"
    )
    # Not used before its record is there, nor by another record.
    zone.add('rsa-202611._domainkey.xn--bcher-kva.example. 60 TXT "v=DKIM1; p=AAAA"')
    assert await story.look() == [(name, "new") for name in first]
    assert (await do("dkim.list"))["keys"][0]["dns"] == "different"
    await story.publish("rsa-202611")
    assert await story.look() == [("rsa-202611", "active"), ("ed-202611", "new")]
    await story.publish("ed-202611")
    assert await story.look() == [("rsa-202611", "active"), ("ed-202611", "active")]
    # Nothing happens until they are old; then new ones wait beside them.
    assert await story.look(179) == [("rsa-202611", "active"), ("ed-202611", "active")]
    rotated = await story.look(2)
    assert rotated == [
        ("rsa-202611", "active"),
        ("ed-202611", "active"),
        ("rsa-202705", "new"),
        ("ed-202705", "new"),
    ]
    assert await story.look(30) == rotated
    await story.publish("rsa-202705", "ed-202705")
    assert await story.look() == [
        ("rsa-202611", "retiring"),
        ("ed-202611", "retiring"),
        ("rsa-202705", "active"),
        ("ed-202705", "active"),
    ]
    assert dict(await story.look(13))["rsa-202611"] == "retiring"
    assert dict(await story.look(2))["rsa-202611"] == "retired"
    emptied = await do("dkim.show", domain="bücher.example", selector="rsa-202611")
    assert emptied["value"] == "v=DKIM1; k=rsa; p="
    assert await story.look(15) == [("rsa-202705", "active"), ("ed-202705", "active")]


async def test_a_key_whose_record_vanishes_signs_on_and_is_warned_of(
    context: Context, do: Do, zone: DnsServer
) -> None:
    story = Story(context, do, zone)
    await do("domain.add", name="a.example")
    await story.look()
    await story.publish("rsa-202611", "ed-202611")
    await story.look()
    assert await context.database.read(story.warned) == []
    zone.remove("rsa-202611._domainkey.a.example.", "TXT")
    assert dict(await story.look(1))["rsa-202611"] == "active"
    assert await context.database.read(story.warned) == ["dkim.vanished"]
    # A DNS that does not answer says nothing of the record.
    zone.broken.add("ed-202611._domainkey.a.example.")
    await story.look(1)
    assert await context.database.read(story.warned) == ["dkim.vanished"]
    assert len(await context.database.read(dkim.signing_keys, "a.example")) == 2


async def test_no_keys_where_they_are_not_wanted(context: Context, do: Do, zone: DnsServer) -> None:
    story = Story(context, do, zone, dkim_automatic=False)
    await do("domain.add", name="a.example")
    assert await story.look() == []
    await do("dkim.make", domain="a.example", algorithms=["ed25519-sha256"])
    assert [state for _, state in await story.states()] == ["new"]


async def test_many_domains_get_keys(
    context: Context, do: Do, zone: DnsServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posthouse.manage.dkim_desk.DOMAINS_AT_ONCE", 2)
    key = make_key("ed25519-sha256")
    monkeypatch.setattr("posthouse.manage.dkim_keys.make_key", lambda algorithm, bits: key)
    story = Story(context, do, zone)
    for name in "abcde":
        await do("domain.add", name=f"{name}.example")
    assert len(await story.look()) == 10


async def test_a_key_of_another_server(context: Context, do: Do, zone: DnsServer) -> None:
    story = Story(context, do, zone, dkim_automatic=False)
    await do("domain.add", name="a.example")
    private = await asyncio.to_thread(make_key, "rsa-sha256")
    made = await do("dkim.import", domain="a.example", selector="Mail", key=private.pem)
    assert (made["selector"], made["state"]) == ("mail", "new")
    assert "PRIVATE" not in str(made)
    zone.add(f'mail._domainkey.a.example. 60 TXT "p={private.public[:200]}" "{private.public[200:]}"')
    assert (await do("dkim.check", domain="a.example"))["keys"][0]["state"] == "active"
    (signing,) = await context.database.read(dkim.signing_keys, "a.example")
    assert read_key(signing.secret_key).public == private.public
    lines = (await do("audit.list"))["lines"]
    assert "PRIVATE KEY" not in str(lines)
    assert "dkim.import" in [line["use"] for line in lines]
    for bad in ("", "no key", private.pem[:200]):
        with pytest.raises(ManageError, match="cannot be used"):
            await do("dkim.import", domain="a.example", selector="other", key=bad)
    for selector in ("", "a b", "-a", "x" * 101, "a..b"):
        with pytest.raises(ManageError, match="selector"):
            await do("dkim.import", domain="a.example", selector=selector, key=private.pem)
    with pytest.raises(ManageError, match="already"):
        await do("dkim.import", domain="a.example", selector="mail", key=private.pem)
    assert await story.look() == [("mail", "active")]


async def test_by_hand(context: Context, do: Do, zone: DnsServer) -> None:
    story = Story(context, do, zone)
    await do("domain.add", name="a.example")
    await story.look()
    for_key = {"domain": "a.example", "selector": "rsa-202611"}
    with pytest.raises(ManageError, match="no key in use"):
        await do("dkim.rotate", domain="a.example")
    assert (await do("dkim.activate", **for_key))["state"] == "active"
    with pytest.raises(ManageError, match="signs already"):
        await do("dkim.activate", **for_key)
    with pytest.raises(ManageError, match="signs the mail"):
        await do("dkim.remove", **for_key)
    made = (await do("dkim.rotate", domain="a.example"))["keys"]
    assert [key["algorithm"] for key in made] == ["rsa-sha256"]
    with pytest.raises(ManageError, match="waiting"):
        await do("dkim.rotate", domain="a.example")
    assert (await do("dkim.retire", **for_key))["state"] == "retiring"
    await do("dkim.remove", **for_key)
    with pytest.raises(ManageError, match="no key with the selector"):
        await do("dkim.show", **for_key)
    with pytest.raises(ManageError, match="not ours"):
        await do("dkim.make", domain="other.example")
    # The domain goes with its keys, which wait as long as it may come back.
    await do("domain.remove", name="a.example")
    assert len(await context.database.read(lambda tx: tx.execute(dkim_keys.select()))) == 2
    await do("domain.purge", name="a.example")
    assert await context.database.read(lambda tx: tx.execute(dkim_keys.select())) == []


async def test_the_records_are_among_those_to_publish(context: Context, do: Do, zone: DnsServer) -> None:
    story = Story(context, do, zone)
    await do("domain.add", name="a.example")
    assert any("no DKIM key" in note for note in (await do("dns.records", domain="a.example"))["notes"])
    await story.look()
    await story.publish("rsa-202611")
    found = await do("dns.records", domain="a.example")
    states = {each["name"]: each["state"] for each in found["records"] if "_domainkey" in each["name"]}
    assert states == {
        "rsa-202611._domainkey.a.example": "right",
        "ed-202611._domainkey.a.example": "missing",
    }
    (line,) = [line for line in found["zone"].splitlines() if line.startswith("rsa-202611.")]
    assert line.count('"') == 4, "more than 255 octets are two strings"


@pytest.mark.parametrize(
    ("rows", "state"),
    [
        ([], "missing"),
        (["v=DKIM1; k=rsa; p=ABCDEFGH"], "right"),
        (["k=rsa;t=s; p = ABCD EFGH ;"], "right"),
        (["v=DKIM1; p="], "different"),
        (["v=DKIM1; p=ABCD"], "different"),
        (["v=DKIM1; p=ZZZZ"], "different"),
        (["something else"], "different"),
        (["v=DKIM1; p=ABCDEFGH", "v=DKIM1; p=ZZZZ"], "different"),
    ],
)
def test_a_record_is_judged_by_its_key(rows: list[str], state: str) -> None:
    assert judged(rows, record_of("rsa-sha256", "ABCDEFGH"))[0] == state


def test_selectors_are_never_taken_twice() -> None:
    assert selector_for("rsa-sha256", (), START) == "rsa-202611"
    assert selector_for("rsa-sha256", ("rsa-202611", "rsa-202611-2"), START) == "rsa-202611-3"
