"""Finds out where something is due, a bounded stretch of the queue at a time."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from posthouse.database.contract import Row, Transaction
from posthouse.queue import destinations
from posthouse.queue import lease_records as records
from posthouse.queue.contract import NOTICE, REPORT

STRETCH = 40
"""Destinations found by one unit."""

ROWS = 500
"""New rows read by one unit."""

OVERLAP = 100
"""Rows that are read again, because the transaction with the lower id may have committed later."""


@dataclass(frozen=True, slots=True)
class Due:
    """The first row of a destination is due at ``at``; it is to be left alone until ``until`` (0.0: no)."""

    destination: str
    at: float
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one unit found. ``after`` is where the next begins, "" at the end."""

    found: list[Due]
    after: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row that waits. Times in seconds since 1970; ``since``: when it began to. ``tellable``: its sender is to be
    told of a delay, as far as the row says."""

    id: int
    destination: str
    due_at: float
    expires_at: float
    token: str
    leased_until: float
    delay_told: bool
    hold: str
    since: float
    deliver_by: float
    by_mode: str
    tellable: bool


def stretch(tx: Transaction, after: str, classes: Collection[str]) -> Stretch:
    """The next :data:`STRETCH` destinations behind ``after`` ("" to begin) with the time at which their first row is
    due; only of these classes, and without paused ones."""
    firsts: dict[str, float] = {}
    for _ in range(STRETCH):
        rows = tx.execute(records.NEXT_DESTINATION, {"after": after})
        if not rows:
            after = ""
            break
        name, due = rows[0]
        kind, colon, _ = name.partition(":")
        if kind in classes:
            after = name
            firsts[name] = float(due)
        else:
            # ";" is the character after ":": behind it stand the destinations of the next class
            after = f"{kind};" if colon else name
    known = destinations.states(tx, list(firsts))
    found = []
    for name, due in firsts.items():
        state = known.get(name)
        if state is None:
            found.append(Due(name, due))
        elif not state.paused:
            found.append(Due(name, due, state.down_until))
    return Stretch(found, after)


def newest(tx: Transaction) -> int:
    """The id of the newest row, 0 for an empty queue."""
    return int(tx.execute(records.NEWEST)[0][0] or 0)


def new_rows(tx: Transaction, after: int, classes: Collection[str]) -> tuple[dict[str, float], int, bool]:
    """Where rows with an id above ``after`` lead and when the first is due; the newest id; whether there are more."""
    firsts: dict[str, float] = {}
    rows = tx.execute(records.SELECT_NEW, {"after": after, "count": ROWS})
    for _, name, due, held in rows:
        if not held and name.partition(":")[0] in classes:
            firsts[name] = min(float(due), firsts.get(name, float(due)))
    return firsts, int(rows[-1][0]) if rows else after, len(rows) >= ROWS


def by_expiry(
    tx: Transaction, after: tuple[float, int], upto: float, count: int, *, held: bool = False
) -> list[Waiting]:
    """Rows behind ``after`` (time of expiry and id) that expire until ``upto``, in that order."""
    statement = records.SELECT_HELD_BY_EXPIRY if held else records.SELECT_BY_EXPIRY
    values = {"after": after[0], "after_id": after[1], "upto": upto, "count": count}
    return [_waiting(row) for row in tx.execute(statement, values)]


def by_deadline(tx: Transaction, after: float, upto: float, count: int) -> list[Waiting]:
    """Rows whose DELIVERBY was up behind ``after`` and until ``upto``, in that order."""
    values = {"after": after, "upto": upto, "count": count}
    return [_waiting(row) for row in tx.execute(records.SELECT_BY_DEADLINE, values)]


def release_expired(tx: Transaction, row_id: int, now: float) -> bool:
    """Let go of a row that was held because its route waits for ETRN."""
    return bool(tx.change(records.RELEASE_EXPIRED, {"of_id": row_id, "now": now}))


def _waiting(row: Row) -> Waiting:
    return Waiting(
        id=int(row[0]),
        destination=row[1],
        due_at=row[2],
        expires_at=row[3],
        token=row[4],
        leased_until=row[5],
        delay_told=bool(row[6]),
        hold=row[7],
        since=max(row[8], row[9]),
        deliver_by=row[10],
        by_mode=row[11],
        tellable=bool(row[12])
        and row[13] not in (NOTICE, REPORT)
        and (not row[14] or "DELAY" in row[14].upper()),
    )
