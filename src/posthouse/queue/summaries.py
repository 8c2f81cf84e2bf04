"""The queue seen by destination, by sender and by reason.

However much waits, little is read: names are found by going from one to the next along an index, and nothing is
counted further than :data:`MOST`.
"""

from __future__ import annotations

from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.queue import control_records as records
from posthouse.queue.contract import LOCAL, MX, WEBHOOK
from posthouse.queue.destinations import DestinationState, state

MOST = 10_001
"""Counted no further than this; so many stand for "more than 10,000"."""

LESS = 1_001
"""Counted no further than this once :data:`BUDGET` rows were counted for one answer."""

BUDGET = 100_000

NAMES = 50
"""Destinations or senders in one unit."""

STRETCH = 5_000
"""Rows of which the reasons are counted in one unit."""


@dataclass(frozen=True, slots=True)
class OfDestination:
    """What waits for one destination. ``recipients`` not held and ``held`` are counted up to ``counted``;
    ``oldest`` is when the oldest was received among those counted, ``due_at`` when the first is tried (0.0: all are
    held), ``reason`` the last reply, word for word."""

    destination: str
    recipients: int
    held: int
    counted: int
    oldest: float
    due_at: float
    reason: str
    state: DestinationState


@dataclass(frozen=True, slots=True)
class OfSender:
    """What waits of one sender ("" = null path): ``messages``, counted up to ``counted``; ``oldest`` is when the
    first of them was received."""

    sender: str
    messages: int
    counted: int
    oldest: float


@dataclass(frozen=True, slots=True)
class OfReason:
    """Rows that wait for the same cause: status code, why they are held ("" where they are not), whether they were
    tried; and the words about one of them."""

    status: str
    hold: str
    tried: bool
    recipients: int
    reason: str
    destination: str


def destinations(
    tx: Transaction, after: str, begins: str, spent: int, names: int
) -> tuple[list[OfDestination], str]:
    """Up to ``names`` destinations that come after ``after`` by name and begin with ``begins``; and the name behind
    which it goes on, "" at the end. ``spent``: rows counted for this answer so far."""
    found: list[OfDestination] = []
    name = after
    while len(found) < names:
        name = _next_destination(tx, name, begins)
        if not name:
            return found, ""
        one = _destination(tx, name, LESS if spent >= BUDGET else MOST)
        spent += one.recipients + one.held
        found.append(one)
    return found, name


def _next_destination(tx: Transaction, after: str, begins: str) -> str:
    """The name that follows: "" when there is none, those of webhooks passed over."""
    while True:
        found = []
        for held in (0, 1):
            if after:
                found += tx.execute(records.NEXT_DESTINATION, {"held": held, "after": after})
            else:
                found += tx.execute(records.FIRST_DESTINATION, {"held": held, "begins": begins})
        name = min((str(row[0]) for row in found), default="")
        if not name.startswith(WEBHOOK):
            return name if name.startswith(begins) else ""
        after = f"{WEBHOOK}~"


def _destination(tx: Transaction, name: str, most: int) -> OfDestination:
    def counted(held: int) -> tuple[int, int]:
        given = {"held": held, "destination": name, "count": most}
        number, first = tx.execute(records.COUNT_OF_DESTINATION, given)[0]
        return int(number), int(first or 0)

    (waiting, first), (held, first_held) = counted(0), counted(1)
    due = tx.execute(records.FIRST_DUE, {"destination": name}) if waiting else []
    known = state(tx, name)
    received = tx.execute(records.RECEIVED_OF, {"row": min(filter(None, (first, first_held)), default=0)})
    words = _last_words(tx, name, 0 if waiting else 1) or known.reason
    oldest = float(received[0][0]) if received else 0.0
    return OfDestination(name, waiting, held, most, oldest, float(due[0][0]) if due else 0.0, words, known)


def waiting_for(tx: Transaction, name: str, most: int) -> int:
    """Recipients that wait for a destination and are not held, up to ``most``."""
    given = {"held": 0, "destination": name, "count": most}
    return int(tx.execute(records.COUNT_OF_DESTINATION, given)[0][0])


def _last_words(tx: Transaction, name: str, held: int) -> str:
    for reason, _, _, attempts in tx.execute(records.LAST_WORDS, {"held": held, "destination": name}):
        if attempts and reason:
            return str(reason)
    return ""


def senders(tx: Transaction, after: str, begins: str, names: int) -> tuple[list[OfSender], str]:
    """Up to ``names`` senders that come after ``after`` by name ("": from the first, which may be the null path) and
    begin with ``begins``; and the sender behind which it goes on, "" at the end."""
    null = _sender(tx, "") if not after and not begins else None
    found = [null] if null is not None else []
    while len(found) < names:
        if after:
            rows = tx.execute(records.NEXT_SENDER, {"after": after})
        else:
            rows = tx.execute(records.FIRST_SENDER, {"begins": begins})
        if not rows or not str(rows[0][0]).startswith(begins):
            return found, ""
        after = str(rows[0][0])
        one = _sender(tx, after)
        found += [one] if one is not None else []
    return found, after


def _sender(tx: Transaction, sender: str) -> OfSender | None:
    first = tx.execute(records.FIRST_OF_SENDER, {"sender": sender})
    if not first:
        return None
    number = int(tx.execute(records.COUNT_OF_SENDER, {"sender": sender, "count": MOST})[0][0])
    return OfSender(sender, number, MOST, float(first[0][1]))


def reasons(tx: Transaction, after: int) -> tuple[list[OfReason], int, int]:
    """What the :data:`STRETCH` rows behind row ``after`` wait for; how many rows that were; and the row behind which
    it goes on, 0 at the end."""
    given = {"after": after, "count": STRETCH}
    found = []
    for status, hold, tried, number, row in tx.execute(records.REASONS, given):
        words = tx.execute(records.WORDS_OF, {"row": row})
        reason, destination = words[0] if words else ("", "")
        found.append(OfReason(status, hold, bool(tried), int(number), reason, destination))
    number, last = tx.execute(records.END_OF_STRETCH, given)[0]
    return found, int(number), int(last) if int(number) == STRETCH else 0


def begins_with(search: str) -> str:
    """How the queue's word for a destination begins that somebody looks for: domains stand behind ``mx:``."""
    word = search.strip().lower()
    return word if not word or ":" in word or word == LOCAL else f"{MX}{word}"
