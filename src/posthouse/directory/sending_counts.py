"""What accounts, domains and strangers' addresses sent, in slots of ten minutes; and what is usual for an account.

All functions are ops. Slots of the last day are kept; of an account's older ones the busiest hour of each day is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median_high

from posthouse.database.contract import Transaction
from posthouse.directory import sending_records as records

SLOT_SECONDS = 600
HOUR_SLOTS = 6
DAY_SLOTS = 144
USUAL_DAYS = 14
LEAST_DAYS = 3
"""Days on which an account must have sent before anything is usual."""

Slots = dict[int, tuple[int, int]]
"""Messages and recipients by slot."""


def slot_of(now: float) -> int:
    """The slot of a time (seconds since 1970)."""
    return int(now // SLOT_SECONDS)


def add(tx: Transaction, counts: Mapping[tuple[str, int], tuple[int, int]]) -> None:
    """Add messages and recipients by scope and slot. In the same order in every worker: they do not wait for one
    another in a circle."""
    for (scope, slot), (messages, recipients) in sorted(counts.items()):
        values = {
            "of_scope": scope,
            "of_slot": slot,
            "more_messages": messages,
            "more_recipients": recipients,
        }
        if tx.change(records.ADD_COUNT, values) == 0:
            empty = {"scope": scope, "slot": slot, "messages": 0, "recipients": 0}
            tx.insert_ignore(records.sending_counts, empty)
            tx.change(records.ADD_COUNT, values)


def read(tx: Transaction, scopes: Sequence[str], slot: int) -> dict[str, Slots]:
    """What these scopes sent in the 24 hours that end with ``slot``."""
    found: dict[str, Slots] = {scope: {} for scope in scopes}
    given = {"scopes": list(scopes), "after": slot - DAY_SLOTS}
    for scope, at, messages, recipients in tx.execute(records.SELECT_SLOTS, given):
        found[scope][int(at)] = (int(messages), int(recipients))
    return found


def usual(tx: Transaction, scope: str, day: int) -> int:
    """Recipients in the usual busiest hour of an account: the middle one of the days on which it sent; 0 while it is
    new. One day that was out of the ordinary changes it little."""
    rows = tx.execute(records.SELECT_DAYS, {"of_scope": scope, "after": day - USUAL_DAYS})
    return median_high([int(row[0]) for row in rows]) if len(rows) >= LEAST_DAYS else 0


def fold(tx: Transaction, now: float) -> int:
    """Turn slots of the days before yesterday's into the busiest hours of those days, for up to ten scopes; how many.
    Whole days only, so that a day is looked at once."""
    before = (int(now - 86400) // 86400) * DAY_SLOTS
    scopes = [row[0] for row in tx.execute(records.SELECT_OLD_SCOPES, {"before": before})]
    for scope in scopes:
        given = {"of_scope": scope, "before": before}
        if scope.startswith("a"):
            for day, busiest in _busiest(tx.execute(records.SELECT_OLD, given)).items():
                tx.upsert(records.sending_days, {"scope": scope, "day": day}, {"busiest": busiest})
        tx.change(records.DELETE_OLD, given)
    return len(scopes)


def remove_old_days(tx: Transaction, now: float) -> None:
    """Forget days that count no longer."""
    tx.change(records.DELETE_OLD_DAYS, {"before": int(now // 86400) - USUAL_DAYS})


def _busiest(rows: Iterable[Sequence[int]]) -> dict[int, int]:
    """The most recipients within six slots, by the day in which those end."""
    counts = {int(slot): int(recipients) for slot, recipients in rows}
    found: dict[int, int] = {}
    for slot in counts:
        hour = sum(counts.get(each, 0) for each in range(slot - HOUR_SLOTS + 1, slot + 1))
        day = slot // DAY_SLOTS
        found[day] = max(found.get(day, 0), hour)
    return found
