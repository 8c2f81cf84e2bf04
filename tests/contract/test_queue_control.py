"""Finding, summing up and steering what waits, the same on every engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
import pytest_asyncio
from sqlalchemy.dialects import mssql
from sqlalchemy.sql import Executable

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database
from posthouse.queue import control, control_records, destinations, selection, summaries, traces, view
from posthouse.queue.contract import EVENTS, HOLD_BURST, Lease, QueuedMessage, QueuedRecipient
from posthouse.queue.control import Action, Steered
from posthouse.queue.selection import Found, Place, Selection
from posthouse.queue.service import QueueService
from posthouse.settings.contract import CurrentSettings

MESSAGE = QueuedMessage("t", "ab" * 32, 100, "anna@ours.test", 1000.0)
NOW = 2000.5


@pytest_asyncio.fixture
async def queue() -> QueueService:
    return QueueService(CurrentSettings(), LocalFeed())


async def put(database: Database, queue: QueueService, *recipients: str, to: str = "", **more: object) -> int:
    """A message to these addresses, each to the MX of its domain or to ``to``."""
    of_message = {name: more.pop(name) for name in tuple(more) if name in QueuedMessage.__dataclass_fields__}
    message = replace(MESSAGE, **of_message)  # type: ignore[arg-type]
    rows = [
        QueuedRecipient(name, to or f"mx:{name.rpartition('@')[2]}", **more)  # type: ignore[arg-type]
        for name in recipients
    ]
    return await database.run(queue.put, message, rows)


async def found(database: Database, wanted: Selection, count: int = 3) -> list[Found]:
    """Everything that is meant, in short stretches; nothing may come twice."""
    place: Place | None = Place()
    rows: list[Found] = []
    while place is not None:
        stretch = await database.read(selection.walk, wanted, place, count)
        assert stretch.read <= count
        assert selection.place_of(str(place)) == place
        rows += stretch.rows
        place = stretch.next
    assert len({row.id for row in rows}) == len(rows)
    return rows


async def names(database: Database, **wanted: object) -> list[str]:
    rows = await found(database, Selection(**wanted))  # type: ignore[arg-type]
    return sorted(row.recipient.partition("@")[0] for row in rows)


async def steer(database: Database, action: Action, wanted: Selection, now: float = NOW) -> Steered:
    ids = [row.id for row in await found(database, wanted)]
    return await database.run(control.steer, action, wanted, ids, now, "root", feed=LocalFeed())


async def lease(database: Database, queue: QueueService, now: float, destination: str) -> list[Lease]:
    return await database.run(queue.lease, now, 10, 60.0, "host/1", None, destination)


async def test_every_filter_finds_what_it_says_and_nothing_else(
    database: Database, queue: QueueService
) -> None:
    first = await put(database, queue, "a@one.test", "b@two.test")
    await put(
        database, queue, "c@one.test", "d@one.test", sender="zoe@far.test", received_at=500.0, trace="tz"
    )
    await put(database, queue, "e@one.test", sender="", hold=HOLD_BURST)
    await put(database, queue, "f@two.test", reason="452 4.2.2 Mailbox full", due_at=50.0)
    await put(database, queue, "hook", to="webhook:3", body_type=EVENTS, sender="")
    assert await names(database) == ["a", "b", "c", "d", "e", "f"]
    assert await names(database, messages=(first,)) == ["a", "b"]
    assert await names(database, destination="mx:one.test") == ["a", "c", "d", "e"]
    assert await names(database, destination="mx:one.test", state="waiting") == ["a", "c", "d"]
    assert await names(database, destination="mx:one.test", state="held") == ["e"]
    assert await names(database, state="held") == ["e"]
    assert await names(database, state="waiting") == ["a", "b", "c", "d", "f"]
    assert await names(database, sender="zoe@far.test") == ["c", "d"]
    assert await names(database, sender="FAR.test") == ["c", "d"]
    assert await names(database, sender="<>") == ["e"]
    assert await names(database, sender="ours.test", recipient="two.test") == ["b", "f"]
    assert await names(database, recipient="D@one.TEST") == ["d"]
    assert await names(database, reason="mailbox FULL") == ["f"]
    assert await names(database, before=600.0) == ["c", "d"]
    assert await names(database, search="tz") == ["c", "d"]
    assert await names(database, search="@tw") == ["b", "f"]
    assert await names(database, within=frozenset({"far.test"})) == ["c", "d"]
    assert await names(database, within=frozenset({"two.test"})) == ["b", "f"]
    assert await names(database, within=frozenset()) == []
    row = (await found(database, Selection(recipient="b@two.test")))[0]
    assert await names(database, row=row.id) == ["b"]
    assert await names(database, row=row.id, within=frozenset({"far.test"})) == []


async def test_a_walk_can_begin_at_any_row(database: Database, queue: QueueService) -> None:
    """Pages of the list begin with the row that did not fit on the page before."""
    for number in range(7):
        await put(
            database, queue, f"r{number}@one.test", due_at=float(number % 3), hold=HOLD_BURST * (number % 2)
        )
    for wanted in (
        Selection(state="waiting"),
        Selection(destination="mx:one.test"),
        Selection(state="held"),
        Selection(sender="anna@ours.test"),
        Selection(sender="anna@ours.test", destination="mx:one.test"),
    ):
        rows = await found(database, wanted)
        for number, row in enumerate(rows):
            place = selection.before(wanted, row)
            stretch = await database.read(selection.walk, wanted, place, 1000)
            onward = list(stretch.rows)
            while stretch.next is not None:
                stretch = await database.read(selection.walk, wanted, stretch.next, 1000)
                onward += stretch.rows
            assert [each.id for each in onward] == [each.id for each in rows[number:]], wanted


async def test_held_mail_stays_and_released_mail_goes(database: Database, queue: QueueService) -> None:
    await put(database, queue, "a@one.test", "b@two.test")
    done = await steer(database, "hold", Selection(destination="mx:one.test"))
    assert (len(done.rows), len(done.messages), done.leased) == (1, 1, 0)
    assert await lease(database, queue, NOW + 9e8, "mx:one.test") == []
    assert len((await steer(database, "hold", Selection(destination="mx:one.test"))).rows) == 0
    assert len((await steer(database, "release", Selection())).rows) == 1
    (row,) = await lease(database, queue, NOW, "mx:one.test")
    assert row.recipient.recipient == "a@one.test"
    texts = [entry.text for entry in await database.read(traces.read, "t")]
    assert texts == ["<a@one.test> held by root", "<a@one.test> released by root"]


async def test_mail_whose_time_is_over_is_tried_once_more_when_it_is_released(
    database: Database, queue: QueueService
) -> None:
    await put(database, queue, "a@one.test", hold=HOLD_BURST)
    late = MESSAGE.received_at + 10 * 432000
    await steer(database, "release", Selection(), now=late)
    (row,) = await lease(database, queue, late, "mx:one.test")
    assert row.expires_at == late + control.GRACE


async def test_a_row_that_is_being_delivered_is_left_alone(database: Database, queue: QueueService) -> None:
    """Until its lease has run out; then whoever had it has lost it."""
    await put(database, queue, "a@one.test")
    (leased,) = await lease(database, queue, NOW, "mx:one.test")
    for action in ("hold", "retry", "bounce", "delete"):
        done = await steer(database, action, Selection(), now=NOW + 1)  # type: ignore[arg-type]
        assert (len(done.rows), done.leased) == (0, 1), action
    done = await steer(database, "hold", Selection(), now=NOW + 61)
    assert len(done.rows) == 1
    assert not await database.run(queue.settle, leased, "late")


async def test_retry_makes_due_and_wakes_the_destination(database: Database, queue: QueueService) -> None:
    later = await put(database, queue, "a@one.test", due_at=9e9)
    planned = await put(database, queue, "b@one.test", not_before=9e9)
    await database.run(destinations.note_down, "mx:one.test", NOW, "no route", first=600.0, most=600.0)
    assert len((await steer(database, "retry", Selection(destination="mx:one.test"))).rows) == 1
    assert [row.message_id for row in await lease(database, queue, NOW, "mx:one.test")] == [later]
    assert (await database.read(destinations.state, "mx:one.test")).down_until == 0
    # What is to be sent later goes before its time only when somebody says so of that very message.
    assert len((await steer(database, "retry", Selection(messages=(planned,)))).rows) == 1
    assert [row.message_id for row in await lease(database, queue, NOW, "mx:one.test")] == [planned]


async def test_what_is_given_up_is_due_and_expired(database: Database, queue: QueueService) -> None:
    await put(database, queue, "a@one.test", due_at=9e9, hold=HOLD_BURST)
    assert len((await steer(database, "bounce", Selection())).rows) == 1
    (row,) = await lease(database, queue, NOW, "mx:one.test")
    assert row.expires_at == 0.0


async def test_deleted_mail_is_gone_with_its_last_recipient(database: Database, queue: QueueService) -> None:
    queue_id = await put(database, queue, "a@one.test", "b@two.test")
    assert len((await steer(database, "delete", Selection(recipient="two.test"))).rows) == 1
    detail = await database.read(view.show_queue, queue_id)
    assert detail is not None
    assert [row.recipient for row in detail.recipients] == ["a@one.test"]
    assert len((await steer(database, "delete", Selection(messages=(queue_id,)))).rows) == 1
    assert await database.read(view.show_queue, queue_id) is None
    assert not await database.read(queue.refers, "ab" * 32)
    assert (await database.read(traces.read, "t"))[-1].text.startswith(
        "<a@one.test> deleted from the queue by root"
    )


async def test_rows_that_changed_since_they_were_found_are_left_out(
    database: Database, queue: QueueService
) -> None:
    """Between looking and doing a row may be gone, or lead elsewhere."""
    await put(database, queue, "a@one.test", "b@one.test")
    wanted = Selection(destination="mx:one.test")
    first, second = await found(database, wanted)
    (leased, other) = await lease(database, queue, NOW, "mx:one.test")
    assert await database.run(queue.move, leased, "route:1")
    assert await database.run(queue.settle, other, "delivered")
    done = await database.run(control.steer, "delete", wanted, [first.id, second.id], NOW, "root")
    assert done == Steered()


async def test_summaries(database: Database, queue: QueueService) -> None:
    """By destination, by sender and by reason; webhooks are none of them."""
    await put(database, queue, "a@one.test", "b@two.test", "c@two.test")
    await put(database, queue, "d@one.test", sender="zoe@far.test", received_at=500.0, hold=HOLD_BURST)
    await put(database, queue, "e@xyz.test", sender="", received_at=700.0)
    await put(database, queue, "hook", to="webhook:3", body_type=EVENTS, sender="")
    (one, two) = await lease(database, queue, NOW, "mx:two.test")
    words = "mx.two.test[192.0.2.1] said: 452 4.2.2 Over quota"
    await database.run(queue.retry, one, NOW + 300, words, status="4.2.2", remote="mx.two.test")
    await database.run(queue.retry, two, NOW + 300, words, status="4.2.2", remote="mx.two.test")

    lines, onward = await database.read(summaries.destinations, "", "", 0, 10)
    assert [(line.destination, line.recipients, line.held) for line in lines] == [
        ("mx:one.test", 1, 1),
        ("mx:two.test", 2, 0),
        ("mx:xyz.test", 1, 0),
    ]
    assert onward == ""
    assert (lines[1].reason, lines[1].due_at, lines[1].oldest) == (words, NOW + 300, 1000.0)
    page, onward = await database.read(summaries.destinations, "", "", 0, 1)
    assert ([line.destination for line in page], onward) == (["mx:one.test"], "mx:one.test")
    page, onward = await database.read(
        summaries.destinations, "mx:one.test", summaries.begins_with("tw"), 0, 9
    )
    assert ([line.destination for line in page], onward) == (["mx:two.test"], "")
    assert (await database.read(summaries.destinations, "", "mx:q", 0, 9))[0] == []

    senders, more = await database.read(summaries.senders, "", "", 10)
    assert [(line.sender, line.messages, line.oldest) for line in senders] == [
        ("", 1, 700.0),
        ("anna@ours.test", 1, 1000.0),
        ("zoe@far.test", 1, 500.0),
    ]
    assert more == ""
    assert [line.sender for line in (await database.read(summaries.senders, "", "zo", 10))[0]] == [
        "zoe@far.test"
    ]

    reasons, looked, place = await database.read(summaries.reasons, 0)
    assert sorted((each.status, each.hold, each.tried, each.recipients) for each in reasons) == [
        ("", "", False, 2),
        ("", HOLD_BURST, False, 1),
        ("4.2.2", "", True, 2),
    ]
    assert (looked, place) == (6, 0)


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(value, id=name)
        for name, value in vars(control_records).items()
        if name.isupper() and isinstance(value, Executable)
    ],
)
def test_statements_compile_for_sql_server(statement: Executable) -> None:
    assert str(statement.compile(dialect=mssql.dialect()))  # type: ignore[attr-defined]
