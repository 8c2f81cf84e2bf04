"""Core statements as SQLite text."""

from __future__ import annotations

import apsw
import pytest
from sqlalchemy import Column, MetaData, String, Table, bindparam, insert, select, update

from posthouse.database.statements import Compiled, Statements

THINGS = Table("things", MetaData(), Column("id", String, primary_key=True), Column("n", String))


@pytest.fixture
def connection() -> apsw.Connection:
    made = apsw.Connection(":memory:")
    made.execute("CREATE TABLE things (id, n)")
    for number in range(10):
        made.execute("INSERT INTO things VALUES (?, ?)", (number, f"n{number}"))
    return made


def run(
    connection: apsw.Connection, compiled: Compiled, parameters: dict[str, object]
) -> list[tuple[object, ...]]:
    return connection.execute(*compiled.ready(parameters)).fetchall()


def test_compiled_once_by_identity() -> None:
    """The same object gives the same text object; another statement another."""
    cache = Statements()
    one, two = select(THINGS.c.id), select(THINGS.c.id)
    assert cache.get(one, None) is cache.get(one, {"x": 1})
    assert cache.get(one, None) is not cache.get(two, None)


def test_insert_without_values_is_compiled_for_its_columns() -> None:
    """insert(table) takes the columns of its parameters."""
    cache = Statements()
    statement = insert(THINGS)
    assert cache.get(statement, {"id": 1}).text == "INSERT INTO things (id) VALUES (:id)"
    assert cache.get(statement, {"id": 1, "n": 2}).text == "INSERT INTO things (id, n) VALUES (:id, :n)"


def test_values_of_the_statement_itself(connection: apsw.Connection) -> None:
    """Literals in a statement, and limits, travel with it."""
    compiled = Compiled(select(THINGS.c.n).where(THINGS.c.id > 3).order_by(THINGS.c.id).limit(2), None)
    assert run(connection, compiled, {}) == [("n4",), ("n5",)]
    change = Compiled(update(THINGS).where(THINGS.c.id == bindparam("i")).values(n="x"), None)
    run(connection, change, {"i": 1})
    assert connection.execute("SELECT n FROM things WHERE id = 1").fetchall() == [("x",)]


@pytest.mark.parametrize("count", range(10))
def test_lists(connection: apsw.Connection, count: int) -> None:
    """Lists of every length match exactly their values, in IN and NOT IN."""
    ids = list(range(count))
    inside = Compiled(select(THINGS.c.id).where(THINGS.c.id.in_(bindparam("ids", expanding=True))), None)
    outside = Compiled(select(THINGS.c.id).where(THINGS.c.id.not_in(bindparam("ids", expanding=True))), None)
    assert [row[0] for row in run(connection, inside, {"ids": ids})] == ids
    assert [row[0] for row in run(connection, outside, {"ids": ids})] == list(range(count, 10))


def test_lists_make_few_texts() -> None:
    """Lengths are rounded up to a power of two, so that SQLite's own cache of statements stays small."""
    compiled = Compiled(select(THINGS.c.id).where(THINGS.c.id.in_(bindparam("ids", expanding=True))), None)
    assert len({compiled.ready({"ids": list(range(n))})[0] for n in range(1, 500)}) == 10


def test_the_cache_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Statements made at run time do not fill the memory."""
    monkeypatch.setattr("posthouse.database.statements._MOST", 10)
    cache = Statements()
    for number in range(100):
        cache.get(select(THINGS.c.id).where(THINGS.c.id == number), None)
    assert len(cache._by_id) <= 10
