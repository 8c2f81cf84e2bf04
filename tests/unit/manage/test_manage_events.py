"""Events as people see them: what is theirs, from where they were, and nothing secret."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from posthouse.cluster import events
from posthouse.cluster.events import Fact, of_address
from posthouse.database.contract import Transaction
from posthouse.deliver import webhook_rows as rows
from posthouse.deliver.webhook import Answered
from posthouse.deliver.webhook_rows import Webhook
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform

Do = Callable[..., Awaitable[Any]]

ROOT = Actor("uid 0", "control socket")
DORA = Actor(
    "dora@own.example",
    "api",
    role="domain",
    account="dora@own.example",
    account_id=2,
    domains=frozenset({"own.example"}),
)
ANNA = Actor("anna@own.example", "api", role="user", account="anna@own.example", account_id=3)


def happen(tx: Transaction) -> None:
    """One of each."""
    facts = [
        of_address("message.received", "anna@own.example", {"uid": 1}),
        of_address("message.received", "bert@other.example", {"uid": 1}),
        Fact("domain.changed", {}, "own.example"),
        Fact("certificate.failed", {}),
        of_address("session.failed", "nobody", {}),
    ]
    events.write(tx, facts)


async def listed(context: Context, actor: Actor, **wanted: Any) -> list[int]:
    """The ids that the actor sees."""
    found = await perform(context, actor, "event.list", wanted)
    return [each.id for each in found.events]


async def test_everybody_sees_their_own(context: Context) -> None:
    """The server's administrator all, a domain's what concerns it, a user what concerns the own account."""
    await context.database.run(happen)
    assert await listed(context, ROOT) == [1, 2, 3, 4, 5]
    assert await listed(context, DORA) == [1, 3]
    assert await listed(context, ANNA) == [1]
    assert await listed(context, ANNA, account="bert@other.example") == []
    assert await listed(context, dataclasses.replace(ANNA, account="nobody")) == [5]


async def test_what_stands_in_mail_is_for_those_who_may_read_it(context: Context) -> None:
    """Sender and subject, where events tell them at all, are not shown to a token that may only look."""
    context.running = True
    data = {"uid": 1, "sender": "carl@other.example", "subject": "Your results"}
    await context.database.run(events.write, [of_address("message.received", "anna@own.example", data)])
    for actor in (ROOT, DORA, ANNA):
        (full,) = (await perform(context, actor, "event.list", {})).events
        assert full.data == data
        token = dataclasses.replace(actor, rights=frozenset({"view"}))
        (line,) = (await perform(context, token, "event.list", {})).events
        (seen, _) = await watched(context, token, after="0")
        assert line.data == seen.data == {"uid": 1}


async def test_filters_and_pages(context: Context) -> None:
    """By kind or its beginning, by whom it concerns, forwards and backwards; where to go on is told."""
    await context.database.run(happen)
    assert await listed(context, ROOT, kinds=["message", "domain.changed"]) == [1, 2, 3]
    assert await listed(context, ROOT, kinds=["mess"]) == []
    assert await listed(context, ROOT, domain="OWN.example") == [1, 3]
    assert await listed(context, ROOT, account="Anna@own.example") == [1]
    page = await perform(context, ROOT, "event.list", {"limit": 2})
    assert ([each.id for each in page.events], page.next, page.last) == ([1, 2], "2", 2)
    page = await perform(context, ROOT, "event.list", {"limit": 9, "after": page.next})
    assert ([each.id for each in page.events], page.next, page.last) == ([3, 4, 5], "", 5)
    page = await perform(context, ROOT, "event.list", {"limit": 2, "order": "newest"})
    assert ([each.id for each in page.events], page.next, page.last) == ([5, 4], "4", 5)
    assert await listed(context, ROOT, order="newest", after="4", limit=2) == [3, 2]
    page = await perform(context, ROOT, "event.list", {"after": "5"})
    assert (page.events, page.next, page.last) == ([], "", 5)


@pytest.mark.parametrize(
    "wanted",
    [
        {"after": "x"},
        {"after": "-1"},
        {"kinds": ["a b"]},
        {"kinds": ["x" * 61]},
        {"domain": "a..b"},
        {"account": "a@"},
    ],
)
async def test_bad_input_is_refused_in_words(context: Context, wanted: dict[str, Any]) -> None:
    """With what to do instead."""
    with pytest.raises(ManageError) as caught:
        await perform(context, ROOT, "event.list", wanted)
    assert caught.value.kind == "invalid"
    assert caught.value.mend


async def watched(context: Context, actor: Actor, **wanted: Any) -> list[Any]:
    """What a short watch shows."""
    told: list[Any] = []

    async def emit(value: Any) -> None:
        told.append(value)

    done = await perform(context, actor, "event.watch", {"seconds": 0.05, **wanted}, emit)
    return [*told, done]


async def test_watching_begins_now_or_where_one_was(context: Context) -> None:
    """A gap is told when what is asked for was thinned; an id from the future is now."""
    context.running = True
    await context.database.run(happen)
    *told, done = await watched(context, ROOT)
    assert (told, done.events, done.last) == ([], 0, 5)
    *told, done = await watched(context, ANNA, after="0")
    assert [each.id for each in told] == [1]
    *told, done = await watched(context, ROOT, after="999")
    assert (told, done.last) == ([], 5)
    await context.database.run(lambda tx: tx.change(events.records.DELETE_UPTO, {"upto": 3}))
    gap, *told, done = await watched(context, ROOT, after="1")
    assert (gap.after, gap.before) == (1, 4)
    assert [each.id for each in told] == [4, 5]


async def test_a_slow_reader_loses_nothing_and_holds_nothing(context: Context) -> None:
    """There is no buffer: events wait in the table, and the watch reads on when its reader does."""
    context.running = True
    go = asyncio.Event()
    seen: list[int] = []

    async def emit(value: Any) -> None:
        await go.wait()
        seen.append(value.id)

    wanted = {"after": "0"}
    await context.database.run(happen)
    task = asyncio.create_task(perform(context, ROOT, "event.watch", wanted, emit))
    await asyncio.sleep(0.02)
    for _ in range(200):
        await context.database.run(happen)
    go.set()
    async with asyncio.timeout(20):
        while len(seen) < 1005:
            await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert seen == list(range(1, 1006))


async def test_changes_become_events_without_their_secrets(do: Do, context: Context) -> None:
    """The audit is their source: who, what, before and after."""
    await do("domain.add", name="own.example")
    await do("account.add", address="anna@own.example", password="a good one")
    await do("account.password", address="anna@own.example", password="a better one")
    await do("setting.set", name="smtp.max_message_size", value="1M")
    found = (await do("event.list"))["events"]
    assert [(each["kind"], each["domain"], each["account"]) for each in found] == [
        ("domain.changed", "own.example", ""),
        ("account.changed", "own.example", "anna@own.example"),
        ("account.changed", "own.example", "anna@own.example"),
        ("setting.changed", "", ""),
    ]
    assert found[3]["data"]["use"] == "setting.set"
    assert found[3]["data"]["subject"] == "smtp.max_message_size"
    assert b"good one" not in msgspec.json.encode(found)
    assert b"better one" not in msgspec.json.encode(found)


async def test_a_webhooks_secret_is_shown_once(do: Do, context: Context) -> None:
    """When it is made, and when another one is asked for; neither list nor audit nor events hold it, nor the path of
    its URL."""
    made = await do("webhook.add", url="https://receiver.example/hook/hidden", kinds=["message", "message"])
    secret = made["secret"]
    assert secret.startswith("whsec_")
    assert made["about"]["kinds"] == ["message"]
    changed = await do("webhook.change", id=1, description="new", new_secret=True, domain="own.example")
    assert changed["secret"] not in ("", secret)
    assert (await do("webhook.change", id=1, active=False))["secret"] == ""
    shown = [await do("webhook.list"), await do("webhook.show", id=1), await do("webhook.deliveries", id=1)]
    assert shown[0]["webhooks"][0]["state"] == "off"
    kept = [await do("audit.list"), await do("event.list")]
    assert b"whsec_" not in msgspec.json.encode([shown, kept])
    assert b"hidden" not in msgspec.json.encode(kept)
    assert secret not in repr(Webhook.__repr__(await one(context)))
    assert (await do("webhook.remove", id=1))["id"] == 1
    assert (await do("webhook.list"))["webhooks"] == []


async def one(context: Context) -> Webhook:
    """The first webhook as it is kept."""
    found = await context.database.read(rows.find, 1)
    assert found is not None
    return found


async def test_webhooks_that_are_refused(do: Do) -> None:
    """Bad URLs, secrets and kinds; places that only the server reaches; ones that are not there."""
    for wanted in (
        {"url": "http://127.0.0.1:8025/"},
        {"url": "gopher://receiver.example/"},
        {"url": "https://receiver.example/", "secret": "short"},
        {"url": "https://receiver.example/", "kinds": ["?"]},
        {"url": "https://receiver.example/", "description": "two\nlines"},
    ):
        with pytest.raises(ManageError) as caught:
            await do("webhook.add", **wanted)
        assert caught.value.kind == "invalid"
    for use in ("webhook.show", "webhook.change", "webhook.remove", "webhook.deliveries"):
        with pytest.raises(ManageError) as caught:
            await do(use, id=7)
        assert caught.value.kind == "missing"


async def test_trying_a_webhook(do: Do, context: Context) -> None:
    """The answer is told; with the server stopped nothing can be sent."""
    await do("webhook.add", url="https://receiver.example/")
    with pytest.raises(ManageError) as caught:
        await do("webhook.test", id=1)
    assert caught.value.kind == "unavailable"

    class Tester:
        async def test(self, webhook: Webhook) -> Answered:
            assert webhook.url == "https://receiver.example/"
            return Answered(500, 0.25, "the receiver answers 500")

    context.webhooks = Tester()
    assert await do("webhook.test", id=1) == {
        "id": 1,
        "taken": False,
        "status": 500,
        "seconds": 0.25,
        "trouble": "the receiver answers 500",
    }
