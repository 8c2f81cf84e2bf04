"""However long the queue, looking at it reads a stretch of it: counted in steps of SQLite's machine, not in time."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import Executable

from posthouse.database.migrate import migrate
from posthouse.database.urls import sqlite_url
from posthouse.queue import control_records, records, summaries
from posthouse.queue.selection import STRETCH

ROWS = 200_000
MOST_STEPS = 400_000
"""What counting 10,001 rows of an index takes, several times over; a look at every row takes over two million."""

_DIALECT = sqlite.dialect(paramstyle="named")


@pytest.fixture(scope="module")
def long_queue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Most of it for one destination from one sender, all of it due at the same time; some is held."""
    path = tmp_path_factory.mktemp("long") / "queue.db"
    migrate(sqlite_url(path))
    database = sqlite3.connect(path)
    messages = (
        (n, f"t{n}", b"\0" * 32, 100, "news@ours.test" if n % 10 else f"s{n}@far.test", float(n), 0)
        for n in range(1, ROWS + 1)
    )
    database.executemany(
        "INSERT INTO queue_messages (id, trace, body, size, sender, received_at, priority, ret, envid, smtputf8,"
        " body_type) VALUES (?, ?, ?, ?, ?, ?, ?, '', '', 0, '7BIT')",
        messages,
    )
    recipients = (
        (n, n, f"r{n}@there.test", "mx:big.test" if n % 20 else f"mx:d{n % 700}.test", 0.0, int(n % 7 == 0))
        for n in range(1, ROWS + 1)
    )
    database.executemany(
        "INSERT INTO queue_recipients (id, message_id, recipient, destination, due_at, held, notify, orcpt,"
        " expires_at, attempts, reason, lease_token, lease_owner, lease_until, status)"
        " VALUES (?, ?, ?, ?, ?, ?, '', '', 9e9, 3, '452 4.2.2 full', '', '', 0.0, '4.2.2')",
        recipients,
    )
    database.commit()
    yield database
    database.close()


_FROM = {"at": 0.0, "after": ROWS // 2}
QUESTIONS: dict[str, dict[str, Any]] = {
    "ROWS_ALL": {"after": ROWS // 2, "count": STRETCH},
    "ROWS_HELD_SAME": {"held": 1, **_FROM, "count": STRETCH},
    "ROWS_HELD_LATER": {"held": 1, "at": -1.0, "count": STRETCH},
    "ROWS_OF_DESTINATION_SAME": {"held": 0, "destination": "mx:big.test", **_FROM, "count": STRETCH},
    "ROWS_OF_DESTINATION_LATER": {"held": 0, "destination": "mx:big.test", "at": -1.0, "count": STRETCH},
    "ROWS_OF_SENDER": {"sender": "news@ours.test", "at": ROWS // 2, "after": ROWS // 2, "count": STRETCH},
    "ROWS_OF_MESSAGES": {"messages": list(range(500)), "after": 0, "count": STRETCH},
    "ROWS_BY_ID": {"rows": list(range(500)), "count": STRETCH},
    "MESSAGES_FROM": {"after": ROWS // 2, "count": 200},
    "LINES": {"messages": list(range(200))},
    "SELECT_FIRST_OWED": {"rows": list(range(200))},
    "SELECT_RECIPIENTS_FROM": {"message_id": 7, "after": 0, "count": 500},
    "COUNT_OF_DESTINATION": {"held": 0, "destination": "mx:big.test", "count": summaries.MOST},
    "COUNT_OF_SENDER": {"sender": "news@ours.test", "count": summaries.MOST},
    "COUNT_MESSAGES": {"count": summaries.MOST},
    "COUNT_DUE": {"now": 9e9, "count": summaries.MOST},
    "NEXT_DESTINATION": {"held": 0, "after": "mx:big.test"},
    "FIRST_DESTINATION": {"held": 0, "begins": "mx:b"},
    "FIRST_SENDER": {"begins": "news"},
    "NEXT_SENDER": {"after": "news@ours.test"},
    "FIRST_OF_SENDER": {"sender": "news@ours.test"},
    "FIRST_DUE": {"destination": "mx:big.test"},
    "RECEIVED_OF": {"row": 7},
    "LAST_WORDS": {"held": 0, "destination": "mx:big.test"},
    "REASONS": {"after": ROWS // 2, "count": summaries.STRETCH},
    "END_OF_STRETCH": {"after": ROWS // 2, "count": summaries.STRETCH},
    "WORDS_OF": {"row": 7},
    "LOCK_MESSAGES": {"messages": list(range(500))},
    "LOCK_ROWS": {"rows": list(range(500)), "now": 1.0},
    "HOLD": {"rows": list(range(500)), "now": 1.0, "new_hold": "admin"},
    "RELEASE": {"rows": list(range(500)), "now": 1.0, "least": 2.0},
    "RETRY": {"rows": list(range(500)), "now": 1.0, "least": 2.0},
    "BOUNCE": {"rows": list(range(500)), "now": 1.0},
    "DELETE_ROWS": {"rows": list(range(500))},
    "DELETE_EMPTY": {"messages": list(range(500))},
}


def steps(database: sqlite3.Connection, statement: Executable, given: dict[str, Any]) -> int:
    """The steps that SQLite takes for a statement, in hundreds of them; what it changes is taken back."""
    counted = 0

    def tick() -> int:
        nonlocal counted
        counted += 100
        return 0

    compiled = statement.compile(dialect=_DIALECT)  # type: ignore[attr-defined]
    state = compiled.construct_expanded_state(given)
    database.set_progress_handler(tick, 100)
    try:
        database.execute(state.statement, state.parameters).fetchall()
    finally:
        database.set_progress_handler(None, 0)
        database.rollback()
    return counted


@pytest.mark.parametrize("name", sorted(QUESTIONS))
def test_a_stretch_is_read(long_queue: sqlite3.Connection, name: str) -> None:
    taken = steps(long_queue, getattr(control_records, name), QUESTIONS[name])
    assert taken < MOST_STEPS, f"{name} takes {taken} steps"


def test_the_measure_tells_a_whole_scan(long_queue: sqlite3.Connection) -> None:
    """The bound above is one that a look at every row would not keep."""
    assert steps(long_queue, records.SELECT_OLD_TRACES, {"before": 9e9, "count": 5}) < MOST_STEPS
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 100
        return 0

    long_queue.set_progress_handler(tick, 100)
    long_queue.execute("SELECT count(*) FROM queue_recipients WHERE reason LIKE '%nothing%'").fetchall()
    long_queue.set_progress_handler(None, 0)
    assert ticks > MOST_STEPS


def test_no_statement_is_left_out() -> None:
    named = {
        name
        for name, value in vars(control_records).items()
        if name.isupper() and isinstance(value, Executable)
    }
    assert named == set(QUESTIONS)
