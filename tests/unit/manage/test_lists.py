"""Pages and searches; versions of what is edited by several."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.directory import records
from posthouse.manage.bans import MAX_REASON
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.etag import etag_of
from posthouse.manage.use import perform, uses
from posthouse.net.bans import BANNED
from posthouse.net.limits import ConnectionLimits
from posthouse.server.with_bans import Follower

Do = Callable[..., Awaitable[Any]]
LOCAL = Actor("uid 0", "control socket")
MANY = 2_000


async def fill(context: Context) -> None:
    """Many accounts in two domains."""

    def op(tx: Transaction) -> None:
        ids = [
            tx.insert(records.INSERT_DOMAIN, {"name": name, "created_at": 0.0})
            for name in ("a.example", "b.example")
        ]
        secret = dict.fromkeys(("password_hash", "scram_salt", "scram_stored_key", "scram_server_key"), "x")
        secret["scram_sha1"] = ""
        rows = [
            {
                **secret,
                "scram_iterations": 1,
                "domain_id": ids[number % 2],
                "address": f"user{number:05}@{'ab'[number % 2]}.example",
                "quota": 0,
                "active": 1,
                "created_at": 0.0,
                "password_changed_at": 0.0,
            }
            for number in range(MANY)
        ]
        tx.execute_many(records.INSERT_ACCOUNT, rows)

    await context.database.run(op)


async def test_pages_of_accounts(context: Context, do: Do) -> None:
    """Page after page brings each once; a search and a domain limit both list and total."""
    await fill(context)
    seen: list[str] = []
    after = ""
    while True:
        page = await do("account.list", domain="a.example", limit=300, after=after)
        assert page["total"] == MANY // 2
        seen += [row["address"] for row in page["accounts"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == MANY // 2
    assert seen == sorted(seen)
    found = await do("account.list", search="USER0001")
    assert [row["address"][:9] for row in found["accounts"]] == [f"user0001{digit}" for digit in range(10)]
    assert (found["total"], found["next"]) == (10, "")
    for literal in ("%", "_", "!", "[a]"):
        assert (await do("account.list", search=literal))["total"] == 0
    dora = Actor("d@a.example", "web", role="domain", account="d@a.example", domains=frozenset({"a.example"}))
    own = await perform(context, dora, "account.list", {"search": "user", "limit": 5})
    assert (own.total, len(own.accounts)) == (MANY // 2, 5)
    nobody = Actor("n@a.example", "web", role="domain", account="n@a.example")
    assert (await perform(context, nobody, "account.list", {})).total == 0


async def test_pages_of_the_audit_and_its_filters(do: Do) -> None:
    """Newest first; by use, subject, actor and time."""
    for number in range(6):
        await do("domain.add", name=f"d{number}.example")
    await do("domain.remove", name="d3.example")
    first = await do("audit.list", limit=3)
    second = await do("audit.list", limit=3, after=first["next"])
    assert [line["subject"] for line in [*first["lines"], *second["lines"]]] == [
        f"d{number}.example" for number in (3, 5, 4, 3, 2, 1)
    ]
    assert first["total"] == 7
    assert (await do("audit.list", subject="d3"))["total"] == 2
    assert (await do("audit.list", use="domain.remove"))["total"] == 1
    assert (await do("audit.list", use="domain.remove", subject="d1"))["total"] == 0
    assert (await do("audit.list", actor="tester"))["total"] == 7
    assert (await do("audit.list", actor="nobody"))["lines"] == []
    at = first["lines"][0]["at"]
    assert (await do("audit.list", since=at))["total"] == 1
    assert (await do("audit.list", until=at))["total"] == 6
    with pytest.raises(ManageError):
        await do("audit.list", after="nonsense")


async def test_settings_by_topic_and_words(do: Do) -> None:
    """For a page with a search field; a bad value names the setting and what it takes."""
    found = await do("setting.list", topic="limits", search="CONNECTIONS address")
    assert [row["name"] for row in found["settings"]] == ["limits.connections_per_address"]
    assert "smtp" in found["topics"]
    with pytest.raises(ManageError):
        await do("setting.list", topic="nonsense")
    for value in ("lots", "-1", "5"):
        with pytest.raises(ManageError) as caught:
            await do("setting.set", name="limits.connections", value=value)
        assert "limits.connections" in caught.value.what
        assert "whole number" in caught.value.mend


async def test_an_empty_import_says_so(do: Do) -> None:
    """Rather than that nothing was wrong."""
    for text in ("", "\n\n", "address,password,quota\n"):
        with pytest.raises(ManageError, match="nothing to import"):
            await do("account.import", text=text)


CHANGES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "account.remove": ("account.show", {"address": "anna@example.org"}, {}),
    "account.password": ("account.show", {"address": "anna@example.org"}, {"password": "a new one"}),
    "account.quota": ("account.show", {"address": "anna@example.org"}, {"quota": "1G"}),
    "account.role": ("account.show", {"address": "anna@example.org"}, {"role": "server"}),
    "account.active": ("account.show", {"address": "anna@example.org"}, {"active": False}),
    "account.change": ("account.show", {"address": "anna@example.org"}, {"display_name": "Anna"}),
    "account.rename": ("account.show", {"address": "anna@example.org"}, {"new": "ann@example.org"}),
    "account.empty": ("account.show", {"address": "anna@example.org"}, {}),
    "alias.change": ("alias.show", {"address": "info@example.org"}, {"note": "for all"}),
    "alias.remove": ("alias.show", {"address": "info@example.org"}, {}),
    "domain.remove": ("domain.show", {"name": "empty.example"}, {}),
    "domain.set": ("domain.show", {"name": "example.org"}, {"plus": "-"}),
    "domain.rename": ("domain.show", {"name": "example.org"}, {"new": "example.net"}),
    "setting.set": ("setting.get", {"name": "smtp.max_message_size"}, {"value": "1M"}),
}
"""Each conditional use with the ``show`` whose version it expects, what both name, and what is changed."""


@pytest.mark.parametrize("name", sorted(CHANGES))
async def test_a_change_of_something_else_by_now_is_a_conflict(do: Do, context: Context, name: str) -> None:
    """Nothing is done then; with the version shown it is, also when only counters moved."""
    for domain in ("example.org", "empty.example"):
        await do("domain.add", name=domain)
    await do("account.add", address="anna@example.org", password="long enough")
    await do("alias.add", address="info@example.org", target="anna@example.org")
    show, names, change = CHANGES[name]
    shown = await perform(context, LOCAL, show, names)
    with pytest.raises(ManageError) as caught:
        await perform(context, LOCAL, name, {**names, **change}, expect="0" * 32)
    assert caught.value.kind == "conflict"
    assert await perform(context, LOCAL, show, names) == shown
    await perform(context, LOCAL, name, {**names, **change}, expect=etag_of(shown))


async def test_every_conditional_use_is_tested_and_others_refuse_a_version(do: Do, context: Context) -> None:
    """A condition that nobody looks at would be worse than none."""
    mine = {"account", "alias", "domain", "setting"}
    conditional = {name for name, use in uses().items() if use.conditional and name.split(".")[0] in mine}
    assert conditional == set(CHANGES)
    with pytest.raises(ManageError) as caught:
        await perform(context, LOCAL, "domain.add", {"name": "x.example"}, expect="0" * 32)
    assert caught.value.kind == "invalid"


async def test_bans_reach_the_door(do: Do, context: Context) -> None:
    """From the use to the connection: networks of both kinds, single addresses, ends, and never this machine."""
    limits = ConnectionLimits(context.settings)
    follower = Follower(context.database, context.feed, limits)
    await follower.load()
    assert limits.banned("192.0.2.7") == ""
    await do("ban.add", network="192.0.2.0/24", reason="guessing " * 100)
    await do("ban.add", network="2001:db8::/32", duration="1h")
    await do("ban.add", network="::ffff:203.0.113.9")
    await follower.load()
    for address in ("192.0.2.7", "::ffff:192.0.2.200", "2001:db8:1::5", "203.0.113.9"):
        assert limits.banned(address) == limits.enter(address) == BANNED, address
    for address in ("192.0.3.7", "2001:db9::1", "203.0.113.8", "unix", ""):
        assert limits.banned(address) == "", address
    listed = (await do("ban.list"))["bans"]
    assert [ban["network"] for ban in listed] == ["192.0.2.0/24", "2001:db8::/32", "203.0.113.9/32"]
    assert len(listed[0]["reason"]) <= MAX_REASON
    assert (await do("ban.list", search="GUESS"))["total"] == 1
    await do("ban.remove", network="192.0.2.0/24")
    await follower.load()
    assert limits.banned("192.0.2.7") == ""
    for network in ("127.0.0.1", "0.0.0.0/0", "::/0", "::1", "::ffff:127.0.0.1", "nonsense", "192.0.2.0/33"):
        with pytest.raises(ManageError):
            await do("ban.add", network=network)
    with pytest.raises(ManageError):
        await do("ban.add", network="192.0.2.1", duration="soon")


async def test_a_word_that_is_none_of_the_choices_names_them(do: Do) -> None:
    with pytest.raises(ManageError) as refused:
        await do("status.history", topic="nonsense")
    assert refused.value.what == "There is no topic 'nonsense'."
    assert "queue.messages" in refused.value.mend


async def test_a_search_for_nothing_asks_what_for(do: Do) -> None:
    with pytest.raises(ManageError) as refused:
        await do("message.trace", name=" ")
    assert refused.value.kind == "invalid"
