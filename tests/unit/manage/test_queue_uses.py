"""Seeing and steering the queue: filters, pages, reach of administrators, audit."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.manage import queues, queues_causes
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.queue import traces
from posthouse.queue.contract import HOLD_BURST, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService
from posthouse.web.pages.queue_words import CAUSES

Do = Callable[..., Awaitable[Any]]

DORA = Actor(
    "dora@own.example", "web", role="domain", account="dora@own.example", domains=frozenset({"own.example"})
)


async def put(
    context: Context, *recipients: str, sender: str = "anna@own.example", trace: str = "t", **more: Any
) -> int:
    queue = QueueService(context.settings, context.feed)
    message = QueuedMessage(trace, "ab" * 32, 100, sender, 1000.0)
    rows = [QueuedRecipient(each, f"mx:{each.rpartition('@')[2]}", due_at=5e9, **more) for each in recipients]
    return await context.database.run(queue.put, message, rows)


async def declined(awaitable: Any) -> ManageError:
    with pytest.raises(ManageError) as caught:
        await awaitable
    return caught.value


async def test_filters_and_pages(do: Do, context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every message comes on exactly one page, also where a stretch ends in the middle of one."""
    monkeypatch.setattr(queues, "READ", 7)
    ids = [await put(context, "a@far.test", "b@far.test", sender=f"s{n % 3}@own.example") for n in range(20)]
    for filters in ({}, {"destination": "far.test"}, {"sender": "own.example"}, {"state": "waiting"}):
        seen: list[int] = []
        after = ""
        while True:
            page = await do("queue.list", limit=6, after=after, **filters)
            seen += [row["id"] for row in page["messages"]]
            after = page["next"]
            if not after:
                break
        assert seen == ids, filters
    found = await do("queue.list", sender="s1@own.example")
    assert (found["total"], found["messages"][0]["recipients"]) == (7, 2)
    assert (await do("queue.list"))["total"] == 20
    assert (await do("queue.count", sender="s1@own.example")) == {
        "recipients": 14,
        "messages": 7,
        "more": False,
    }
    for wrong in (
        {"older": "soon"},
        {"after": "1:2"},
        {"after": "x", "state": "held"},
        {"destination": "a b"},
    ):
        assert (await declined(do("queue.list", **wrong))).kind == "invalid", wrong
    assert (await declined(do("queue.list", state="odd"))).kind == "invalid"


async def test_a_search_gives_up_after_a_while_and_goes_on(
    do: Do, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "READ", 2)
    monkeypatch.setattr(queues, "LOOKED", 4)
    for n in range(9):
        await put(context, f"r{n}@far.test")
    page = await do("queue.list", search="r7@")
    pages = 1
    while not page["messages"]:
        assert page["total"] == -1
        page = await do("queue.list", search="r7@", after=page["next"])
        pages += 1
    assert (page["messages"][0]["recipient"], pages) == ("r7@far.test", 2)


async def test_steering_by_filter_writes_one_line_with_the_filter(do: Do, context: Context) -> None:
    await put(context, "a@far.test", "b@other.test")
    await put(context, "c@far.test")
    assert await do("queue.hold", destination="far.test") == {"recipients": 2, "messages": 2, "delivering": 0}
    (line, *_) = (await do("audit.list", use="queue."))["lines"]
    assert (line["use"], line["subject"]) == ("queue.hold", "queue")
    assert '"recipients":2' in line["after"]
    assert '"destination":"far.test"' in line["after"]
    assert (await do("queue.list", state="held"))["total"] == 2
    assert (await do("queue.release", all=True))["recipients"] == 2
    assert (await do("queue.delete", recipient="c@far.test"))["recipients"] == 1
    assert (await do("queue.bounce", sender="own.example"))["recipients"] == 2
    for verb in ("hold", "release", "retry", "bounce", "delete"):
        assert (await declined(do(f"queue.{verb}"))).what == "It was not said which mail is meant."
    assert (await declined(do("queue.hold", ids=list(range(1, 502))))).kind == "invalid"
    assert (await declined(do("queue.hold", ids=[0]))).kind == "missing"
    assert (await declined(do("queue.hold", row=10**9))).kind == "missing"


async def test_more_than_one_unit_of_rows(do: Do, context: Context) -> None:
    """All of them are changed once, however many units that takes."""
    await put(context, *(f"r{n}@far.test" for n in range(1201)))
    for verb in ("hold", "release", "retry", "bounce"):
        assert (await do(f"queue.{verb}", destination="far.test"))["recipients"] == 1201, verb
    done = await do("queue.delete", all=True)
    assert done == {"recipients": 1201, "messages": 1, "delivering": 0}
    assert (await do("queue.list"))["total"] == 0


async def test_one_recipient(do: Do, context: Context) -> None:
    queue_id = await put(context, "a@far.test", "b@far.test", hold=HOLD_BURST)
    first, second = (await do("queue.show", id=queue_id))["recipients"]
    assert (first["state"], first["hold"]) == ("held", "burst")
    assert (await do("queue.release", row=second["row"]))["recipients"] == 1
    states = [row["state"] for row in (await do("queue.show", id=queue_id))["recipients"]]
    assert states == ["held", "waiting"]


async def test_pausing_and_the_states_that_come_of_it(do: Do, context: Context) -> None:
    queue_id = await put(context, "a@far.test", "b@other.test")
    paused = await do("queue.pause", destination="FAR.test")
    assert paused == {"destination": "mx:far.test", "paused": True, "routes": []}
    await do("queue.pause", destination="mx:far.test")
    states = [row["state"] for row in (await do("queue.show", id=queue_id))["recipients"]]
    assert states == ["paused", "waiting"]
    found = await do("queue.destinations")
    assert [(row["destination"], row["paused"]) for row in found["destinations"]] == [
        ("mx:far.test", True),
        ("mx:other.test", False),
    ]
    await do("queue.pause", destination="*")
    assert [row["destination"] for row in (await do("queue.destinations"))["paused"]] == ["*", "mx:far.test"]
    status = (await do("status"))["queue"]
    assert (status["all_paused"], status["paused"]) == (True, 1)
    await do("queue.resume", destination="*")
    await do("queue.resume", destination="far.test")
    assert (await do("queue.destinations"))["paused"] == []
    # What was so already leaves no line.
    assert len((await do("audit.list", use="queue."))["lines"]) == 4
    for wrong in ("", "no domain", "webhook:1", "route:x", "route:"):
        assert (await declined(do("queue.pause", destination=wrong))).kind == "invalid", wrong


async def test_pausing_a_domain_names_the_routes_around_it(do: Do) -> None:
    """A route is a destination of its own: who pauses a domain is told which routes its mail still takes."""
    for recipient in ("near.test", "*.far.test", "boss@sub.far.test", "sub.far.test", "*"):
        await do("route.add", recipient=recipient, target="relay.example")
    await do("route.change", id=4, active=False)
    assert (await do("queue.pause", destination="sub.far.test"))["routes"] == [2, 3, 5]
    assert (await do("queue.pause", destination="route:2"))["routes"] == []
    assert (await do("queue.pause", destination="*"))["routes"] == []
    assert (await do("queue.resume", destination="sub.far.test"))["routes"] == []


async def test_senders_and_reasons(do: Do, context: Context) -> None:
    await put(context, "a@far.test")
    await put(context, "b@far.test", hold=HOLD_BURST, sender="")
    assert [(row["sender"], row["messages"]) for row in (await do("queue.senders"))["senders"]] == [
        ("", 1),
        ("anna@own.example", 1),
    ]
    found = await do("queue.reasons")
    assert {row["cause"] for row in found["reasons"]} == {
        "Not tried yet.",
        "Held because its sender sent too much at once.",
    }
    assert (found["looked"], found["more"]) == (2, False)
    assert (await declined(do("queue.senders", search="a\0"))).kind == "invalid"


async def test_an_administrator_of_a_domain_has_their_own_mail_only(do: Do, context: Context) -> None:
    """Mail from their domains whole, of other mail the recipients in their domains."""
    own = await put(context, "x@far.test", "y@far.test")
    shared = await put(context, "anna@own.example", "bert@other.example", sender="z@far.test", trace="shared")
    foreign = await put(context, "bert@other.example", sender="z@far.test")

    async def dora(name: str, **parameters: Any) -> Any:
        return await perform(context, DORA, name, parameters)

    listed = await dora("queue.list")
    assert [(row.id, row.recipients, row.recipient) for row in listed.messages] == [
        (own, 2, "x@far.test"),
        (shared, 1, "anna@own.example"),
    ]
    assert [row.recipient for row in (await dora("queue.show", id=shared)).recipients] == ["anna@own.example"]
    for name in ("queue.show", "queue.header"):
        assert (await declined(dora(name, id=foreign))).kind == "missing"
    assert (await dora("queue.count")).recipients == 3
    assert (await dora("queue.hold", ids=[shared])).recipients == 1
    assert (await dora("queue.hold", ids=[foreign])).recipients == 0
    assert (await dora("queue.delete", all=True)).recipients == 3
    left = await do("queue.list")
    assert [(row["id"], row["recipients"]) for row in left["messages"]] == [(shared, 1), (foreign, 1)]
    for name in ("queue.destinations", "queue.senders", "queue.reasons"):
        assert (await declined(dora(name))).kind == "refused"
    nobody = dataclasses.replace(DORA, domains=frozenset())
    assert (await perform(context, nobody, "queue.list", {})).messages == []


async def test_where_is_my_mail(do: Do, context: Context) -> None:
    """The trace of a message that waits says when it is tried next, and until when."""
    queue_id = await put(context, "a@far.test", trace="tw", reason="mx.far.test said: 450 4.2.0 Later")

    def op(tx: Transaction) -> None:
        traces.write(tx, [traces.TraceRow("tw", 5.0, (("accept", "taken"),), queue_id)])

    await context.database.run(op)
    (story,) = (await do("message.trace", message="tw"))["traces"]
    (waits,) = story["waiting"]
    assert (waits["queue"], waits["recipient"], waits["state"], waits["next_at"]) == (
        queue_id,
        "a@far.test",
        "waiting",
        5e9,
    )
    assert waits["reason"] == "mx.far.test said: 450 4.2.0 Later"
    assert (await do("queue.delete", ids=[queue_id]))["recipients"] == 1
    (story,) = (await do("message.trace", message="tw"))["traces"]
    assert story["waiting"] == []
    assert "deleted from the queue by uid 7 (tester)" in story["steps"][-1]["text"]


async def test_the_header_of_a_body_that_is_gone(do: Do, context: Context) -> None:
    queue_id = await put(context, "a@far.test")
    assert (await declined(do("queue.header", id=queue_id))).kind == "missing"


def test_causes_are_the_same_in_every_face() -> None:
    """What the uses say is what the pages translate."""
    words = {*queues_causes.HELD.values(), *queues_causes.CAUSES.values()}
    assert {*words, queues_causes.NOT_TRIED, queues_causes.UNKNOWN} == CAUSES


@pytest.mark.parametrize(
    ("status", "cause"),
    [
        ("4.2.2", "The mailbox is full."),
        ("5.2.2", "The mailbox is full."),
        ("4.7.1", "The other server's rules put it off (greylisting, reputation or limits)."),
        ("4.7.999", "The other server's rules put it off."),
        ("4.9.9", "Put off, without a code that says why."),
        ("", "Put off, without a code that says why."),
    ],
)
def test_cause_of_a_code(status: str, cause: str) -> None:
    assert queues_causes.cause_of(status, "", True) == cause
