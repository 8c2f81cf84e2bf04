"""The database contract on each engine."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import bindparam, insert, select, update

from posthouse.database.contract import Database, DatabaseUnavailable, DuplicateKey, Transaction
from posthouse.store.records import counters, mailboxes, subscriptions

SELECT_COUNTER = select(counters.c.value).where(counters.c.name == bindparam("name"))
INSERT_COUNTER = insert(counters)
ADD = (
    update(counters)
    .where(counters.c.name == bindparam("of_name"))
    .values(value=counters.c.value + bindparam("by"))
)
SELECT_NAMES = (
    select(counters.c.name)
    .where(counters.c.name.in_(bindparam("names", expanding=True)))
    .order_by(counters.c.name)
)
INSERT_MAILBOX = insert(mailboxes).values(
    {column.name: bindparam(column.name) for column in mailboxes.c if column.name != "id"}
)


def mailbox_row(name: str) -> dict[str, object]:
    row: dict[str, object] = {
        column.name: 0
        for column in mailboxes.c
        if column.name not in ("id", "name", "object_id", "special_use")
    }
    return {**row, "name": name, "object_id": "", "special_use": ""}


async def value(database: Database, name: str) -> int | None:
    rows = await database.read(lambda tx: tx.execute(SELECT_COUNTER, {"name": name}))
    return rows[0][0] if rows else None


async def test_a_unit_is_seen_once_run_returns(database: Database) -> None:
    """What run did is visible to the next read and scan."""
    await database.run(lambda tx: tx.execute(INSERT_COUNTER, {"name": "a", "value": 1}))
    assert await value(database, "a") == 1
    assert await database.scan(lambda tx: tx.execute(SELECT_COUNTER, {"name": "a"})) == [(1,)]


async def test_a_failing_op_leaves_nothing(database: Database) -> None:
    """An exception undoes the op and reaches the caller as it is."""

    def op(tx: Transaction) -> None:
        tx.execute(INSERT_COUNTER, {"name": "gone", "value": 1})
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await database.run(op)
    assert await value(database, "gone") is None


async def test_units_sharing_a_commit_fail_alone(database: Database) -> None:
    """Of many units in flight only those that raise are undone."""

    def op(tx: Transaction, number: int) -> int:
        tx.execute(INSERT_COUNTER, {"name": f"n{number}", "value": number})
        if number % 3 == 0:
            raise ValueError(number)
        return number

    results = await asyncio.gather(*(database.run(op, n) for n in range(40)), return_exceptions=True)
    assert [isinstance(result, ValueError) for result in results] == [n % 3 == 0 for n in range(40)]
    names = await database.read(lambda tx: tx.execute(select(counters.c.name)))
    assert {name for (name,) in names} == {f"n{n}" for n in range(40) if n % 3}


async def test_duplicate_key_is_told_in_one_way(database: Database) -> None:
    """A second row under a unique key raises DuplicateKey on every engine, and only that unit fails."""
    await database.run(lambda tx: tx.execute(INSERT_COUNTER, {"name": "k", "value": 1}))
    with pytest.raises(DuplicateKey):
        await database.run(lambda tx: tx.execute(INSERT_COUNTER, {"name": "k", "value": 2}))
    assert await value(database, "k") == 1


async def test_concurrent_increments_are_not_lost(database: Database) -> None:
    """Row locks and re-runs make read-modify-write safe."""
    await database.run(lambda tx: tx.execute(INSERT_COUNTER, {"name": "c", "value": 0}))

    def op(tx: Transaction) -> None:
        (now,) = tx.lock(SELECT_COUNTER, {"name": "c"})[0]
        tx.execute(update(counters).where(counters.c.name == "c").values(value=now + 1))

    await asyncio.gather(*(database.run(op) for _ in range(40)))
    assert await value(database, "c") == 40


async def test_deadlocks_are_run_again(database: Database) -> None:
    """Units that lock two rows in opposite order all succeed."""
    for name in ("x", "y"):
        await database.run(lambda tx, name=name: tx.execute(INSERT_COUNTER, {"name": name, "value": 0}))

    def op(tx: Transaction, first: str, second: str) -> None:
        tx.change(ADD, {"of_name": first, "by": 1})
        tx.change(ADD, {"of_name": second, "by": 1})

    pairs = [("x", "y"), ("y", "x")] * 6
    await asyncio.gather(*(database.run(op, *pair) for pair in pairs))
    assert (await value(database, "x"), await value(database, "y")) == (12, 12)


async def test_upsert_and_insert_ignore(database: Database) -> None:
    """upsert sets, insert_ignore keeps; both may be called again."""
    await database.run(lambda tx: tx.upsert(counters, {"name": "u"}, {"value": 1}))
    await database.run(lambda tx: tx.upsert(counters, {"name": "u"}, {"value": 2}))
    assert await value(database, "u") == 2
    await database.run(lambda tx: tx.insert_ignore(counters, {"name": "u", "value": 3}))
    await database.run(lambda tx: tx.insert_ignore(counters, {"name": "v", "value": 3}))
    assert (await value(database, "u"), await value(database, "v")) == (2, 3)
    for _ in range(2):
        await database.run(lambda tx: tx.insert_ignore(subscriptions, {"account_id": 1, "name": "Ä"}))


async def test_insert_returns_ids_that_grow(database: Database) -> None:
    """insert gives the new row's id."""
    first = await database.run(lambda tx: tx.insert(INSERT_MAILBOX, mailbox_row("a")))
    second = await database.run(lambda tx: tx.insert(INSERT_MAILBOX, mailbox_row("b")))
    assert 0 < first < second


async def test_change_counts_rows_matched(database: Database) -> None:
    """change counts the rows the WHERE found, also when their values stay the same."""
    await database.run(lambda tx: tx.execute(INSERT_COUNTER, {"name": "r", "value": 5}))
    assert await database.run(lambda tx: tx.change(ADD, {"of_name": "r", "by": 0})) == 1
    assert await database.run(lambda tx: tx.change(ADD, {"of_name": "none", "by": 0})) == 0


@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 9, 100])
async def test_lists_of_any_length(database: Database, count: int) -> None:
    """IN takes lists of any length, the empty one too."""
    rows = [{"name": f"l{n:03}", "value": n} for n in range(100)]
    await database.run(lambda tx: tx.execute_many(INSERT_COUNTER, rows))
    names = [f"l{n:03}" for n in range(count)]
    assert await database.read(lambda tx: tx.execute(SELECT_NAMES, {"names": names})) == [
        (name,) for name in names
    ]


async def test_keys_tell_case_and_accents_apart(database: Database) -> None:
    """Text keys are compared by code point."""
    for number, name in enumerate(["Box", "box", "bóx", "bOx 😀"]):
        await database.run(lambda tx, n=name, v=number: tx.insert(INSERT_MAILBOX, mailbox_row(n)))
    rows = await database.read(lambda tx: tx.execute(select(mailboxes.c.name).order_by(mailboxes.c.name)))
    assert [name for (name,) in rows] == sorted(["Box", "box", "bóx", "bOx 😀"])


async def test_after_commit_comes_before_the_answer_and_only_on_success(database: Database) -> None:
    """after_commit calls are made once per committed unit, before run returns."""
    calls: list[str] = []

    def good(tx: Transaction) -> None:
        tx.after_commit(lambda: calls.append("good"))

    def bad(tx: Transaction) -> None:
        tx.after_commit(lambda: calls.append("bad"))
        raise ValueError

    await database.run(good)
    assert calls == ["good"]
    with pytest.raises(ValueError):
        await database.run(bad)
    assert calls == ["good"]


async def test_close_finishes_what_was_queued(database: Database) -> None:
    """close waits for queued units; later ones are refused."""
    waiting = [
        asyncio.ensure_future(
            database.run(lambda tx, n=n: tx.execute(INSERT_COUNTER, {"name": f"q{n}", "value": n}))
        )
        for n in range(50)
    ]
    await asyncio.sleep(0)
    await database.close()
    await asyncio.gather(*waiting)
    with pytest.raises(DatabaseUnavailable):
        await database.run(lambda tx: None)
    with pytest.raises(DatabaseUnavailable):
        await database.read(lambda tx: None)
