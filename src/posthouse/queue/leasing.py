"""Leases of one destination: by priority, senders in turn, rows of one message together.

Senders are sorted into a few lanes by a hash of their name, and a lane is part of the index: so a sender with a
hundred thousand messages waiting in front of all others is one lane among sixteen, and nobody reads through its rows
to find theirs. Within a lane senders take turns as far as the stretch that is read shows them.
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from zlib import crc32

from posthouse.database.contract import Row, Transaction
from posthouse.queue import lease_records as records
from posthouse.queue.records import SELECT_LEASED, TAKE

LANES = 16
STRETCH = 100
"""Rows of one lane that are read at most to find messages of senders whose turn it is."""

TOGETHER = 200
"""Rows of one message leased together at most: so many recipients go in one attempt."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to lease: up to ``rows`` rows of up to ``messages`` messages to one destination that are due at ``now``;
    for ``owner``, until ``until``. ``each``: most messages of one sender (0: no matter), those in ``busy`` counted.
    ``turn`` says which lane is first this time."""

    destination: str
    now: float
    rows: int
    messages: int
    owner: str
    until: float
    each: int = 0
    busy: Mapping[str, int] = field(default_factory=dict)
    turn: int = 0


@dataclass(frozen=True, slots=True)
class Taken:
    """A row that was leased, with its columns."""

    row: Row
    token: str


def lane_of(sender: str, account_id: int | None) -> int:
    """The lane of a sender: of the account where one is known, else of the address."""
    name = f"#{account_id}" if account_id is not None else sender.lower()
    return crc32(name.encode("utf-8", "replace")) % LANES


def take(tx: Transaction, wanted: Wanted) -> list[Taken]:
    """Lease; rows of one message stand together. Fewer than there are where others are faster."""
    taken: list[Taken] = []
    messages = 0
    busy = Counter(wanted.busy)
    for message_id, sender in _messages(tx, wanted):
        left = min(wanted.rows - len(taken), TOGETHER)
        if left <= 0 or messages >= wanted.messages:
            break
        if wanted.each and busy[sender] >= wanted.each:
            continue
        asked = {"of": wanted.destination, "of_message": message_id, "now": wanted.now, "count": left}
        rows = tx.execute(records.DUE_OF_MESSAGE, asked)
        found = [each for row in rows if (each := take_row(tx, row[0], row[1], wanted)) is not None]
        if found:
            messages += 1
            busy[sender] += 1
        taken += found
    return taken


def take_row(tx: Transaction, row_id: int, seen: str, wanted: Wanted, *, due: bool = True) -> Taken | None:
    """Lease one row whose token was ``seen``; None if somebody else was faster. ``due`` False: also before it is
    due."""
    token = secrets.token_hex(16)
    values = {
        "of_id": row_id,
        "seen_token": seen,
        "now": wanted.now,
        "new_token": token,
        "new_owner": wanted.owner,
        "until": wanted.until,
    }
    if not tx.change(TAKE if due else records.TAKE_WAITING, values):
        return None
    (row,) = tx.execute(SELECT_LEASED, {"of_id": row_id})
    return Taken(row, token)


def _messages(tx: Transaction, wanted: Wanted) -> Iterator[tuple[int, str]]:
    """Messages with due rows, and their senders, in the order in which they are to be leased, each once."""
    seen: set[int] = set()
    for priority in _priorities(tx, wanted.destination):
        for message_id, sender in _in_turn(tx, wanted, priority):
            if message_id not in seen:
                seen.add(message_id)
                yield message_id, sender


def _priorities(tx: Transaction, destination: str) -> Iterator[int]:
    """The priorities that are there, highest first."""
    rows = tx.execute(records.TOP_PRIORITY, {"of": destination})
    while rows:
        yield int(rows[0][0])
        rows = tx.execute(records.NEXT_PRIORITY, {"of": destination, "below": rows[0][0]})


def _in_turn(tx: Transaction, wanted: Wanted, priority: int) -> Iterator[tuple[int, str]]:
    """Messages of one priority: one of each sender, then the second of each, and so on."""
    lanes = sorted(_lanes(tx, wanted, priority), key=lambda lane: (lane - wanted.turn) % LANES)
    by_sender: dict[str, list[int]] = {}
    for lane in lanes:
        asked = {
            "of": wanted.destination,
            "level": priority,
            "side": lane,
            "now": wanted.now,
            "count": STRETCH,
        }
        for message_id, sender in tx.execute(records.HEADS, asked):
            waiting = by_sender.setdefault(sender, [])
            if not waiting or waiting[-1] != message_id:
                waiting.append(int(message_id))
    longest = max(map(len, by_sender.values()), default=0)
    for place in range(longest):
        for sender, waiting in by_sender.items():
            if place < len(waiting):
                yield waiting[place], sender


def _lanes(tx: Transaction, wanted: Wanted, priority: int) -> list[int]:
    """The lanes with due rows."""
    found = []
    after = -1
    while rows := tx.execute(
        records.NEXT_LANE, {"of": wanted.destination, "level": priority, "after": after}
    ):
        after = int(rows[0][0])
        if rows[0][1] <= wanted.now:
            found.append(after)
    return found
