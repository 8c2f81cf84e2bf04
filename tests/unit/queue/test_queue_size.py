"""However long the queue is, each look-up reads a small stretch of it: counted in steps of SQLite, not in time."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
from sqlalchemy import func, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql import Executable

from posthouse.database.sqlite import SqliteTransaction, connect
from posthouse.database.statements import Statements
from posthouse.queue import destinations, leasing, lookout
from posthouse.queue import lease_records as records
from posthouse.queue.leasing import Wanted
from posthouse.queue.records import queue_recipients

ROWS = 200_000
SELECT_COUNTS = select(func.count(queue_recipients.c.reason))
STEP = 100
"""Instructions of SQLite's machine between two counts."""

NOW = 1_000_000.0

FILL_MESSAGES = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO queue_messages (id, trace, body, size, sender, received_at, ret, envid, smtputf8, body_type, priority)
SELECT i, 't' || i, zeroblob(32), 1, 'sender' || (i % 50) || '@here.test', 1.0, '', '', 0, '7BIT', 0 FROM n
"""
FILL_ROWS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)
INSERT INTO queue_recipients (message_id, recipient, destination, notify, orcpt, due_at, expires_at, attempts, held,
  reason, lease_token, lease_owner, lease_until, priority, lane)
SELECT i, 'u@there.test', CASE WHEN i % 2 THEN 'mx:big.test' ELSE 'mx:d' || (i % 5000) || '.test' END,
  '', '', CASE WHEN i % 3 THEN 0.0 ELSE 2e9 END, 5e8 + i, 0, 0, '', '', '', 0.0, i % 3, i % 16 FROM n
"""


class Counted:
    """The transaction of a full queue; ``steps`` counts what was executed."""

    def __init__(self, connection: apsw.Connection) -> None:
        self.tx = SqliteTransaction(connection, Statements())
        self.steps = 0
        connection.set_progress_handler(self._step, STEP)

    def _step(self) -> bool:
        self.steps += STEP
        return False


@pytest.fixture(scope="module")
def connection(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    path = tmp_path_factory.mktemp("queue") / "full.db"
    shutil.copy(sqlite_template, path)
    made = connect(str(path), writing=True)
    made.pragma("synchronous", "off")
    made.execute("BEGIN")
    made.execute(FILL_MESSAGES, {"rows": ROWS})
    made.execute(FILL_ROWS, {"rows": ROWS})
    made.execute("COMMIT")
    yield made
    made.close()


@pytest.fixture
def full(connection: apsw.Connection) -> Iterator[Counted]:
    connection.execute("BEGIN")
    yield Counted(connection)
    connection.set_progress_handler(None)
    connection.execute("ROLLBACK")


def test_the_steps_of_a_scan_are_seen(full: Counted) -> None:
    """What reads the whole queue would be noticed below."""
    full.tx.execute(SELECT_COUNTS)
    assert full.steps > ROWS


def test_leases_and_looks_read_a_stretch(full: Counted) -> None:
    """Each of them takes less than a fiftieth of the steps of a scan; no statement needs statistics for that."""
    tx = full.tx
    wanted = Wanted("mx:big.test", NOW, rows=200, messages=20, owner="here/1", until=NOW + 60)
    assert len(leasing.take(tx, wanted)) == 20
    leased, full.steps = full.steps, 0
    found = lookout.stretch(tx, "", {"mx"})
    assert len(found.found) == lookout.STRETCH
    looked, full.steps = full.steps, 0
    assert lookout.newest(tx) == ROWS
    firsts, newest, more = lookout.new_rows(tx, ROWS - 100, {"mx"})
    assert (len(firsts), newest, more) == (51, ROWS, False)
    news, full.steps = full.steps, 0
    assert len(lookout.by_expiry(tx, (5e8 + 100_000, 100_000), 1e9, 200)) == 200
    assert lookout.by_deadline(tx, 0.0, 1e12, 200) == []
    expiry, full.steps = full.steps, 0
    destinations.note_down(tx, "mx:big.test", NOW, "away", first=60, most=3600)
    assert destinations.paused(tx) == frozenset()
    states = full.steps
    assert max(leased, looked, news, expiry, states) < 100_000, (leased, looked, news, expiry, states)
    assert max(looked, news, expiry, states) < 20_000, (leased, looked, news, expiry, states)


@pytest.mark.parametrize(
    "name",
    sorted(name for name, value in vars(records).items() if name.isupper() and isinstance(value, Executable)),
)
def test_every_statement_uses_an_index(full: Counted, name: str) -> None:
    """None of them scans or sorts (SQLite's own plan, without statistics)."""
    if name.startswith("_"):
        return
    text = str(vars(records)[name].compile(dialect=sqlite.dialect(paramstyle="named")))
    plan = " ".join(
        row[3] for row in full.tx._connection.execute(f"EXPLAIN QUERY PLAN {text}", _anything(text))
    )
    assert "SEARCH" in plan, plan
    assert "SCAN" not in plan, plan
    assert "TEMP B-TREE" not in plan, plan


def _anything(text: str) -> dict[str, object]:
    return dict.fromkeys(re.findall(r":(\w+)", text), 1)
