"""What is remembered of destinations: that one is paused, or left alone because it could not be reached.

Every worker asks in the unit that leases rows, so that a pause holds from the next lease on, and what one worker
found out about a dead host spares all others the waiting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from zlib import crc32

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.queue import destination_records as records

TOPIC = "queue.destinations"
"""The feed's topic: something was paused, resumed or is to be tried at once."""

EVERYTHING = "*"
"""The destination of the row that pauses all."""

MAX_REASON = 1000
KEPT_DAYS = 7.0


@dataclass(frozen=True, slots=True)
class DestinationState:
    """What is remembered of one destination. Times in seconds since 1970, 0.0 for never. ``failures`` in a row, the
    last at ``tried_at`` for ``reason``; it is left alone until ``down_until``."""

    destination: str
    paused: bool = False
    paused_by: str = ""
    paused_at: float = 0.0
    down_until: float = 0.0
    failures: int = 0
    reason: str = ""
    tried_at: float = 0.0
    worked_at: float = 0.0


def state(tx: Transaction, destination: str) -> DestinationState:
    """The state of one destination."""
    found = tx.execute(records.SELECT_STATE, {"of": destination})
    return _state(found[0]) if found else DestinationState(destination)


def states(tx: Transaction, destinations: Sequence[str]) -> dict[str, DestinationState]:
    """The states of those (a few hundred at most) of which something is remembered."""
    found = tx.execute(records.SELECT_STATES, {"names": list(destinations)}) if destinations else []
    return {row[0]: _state(row) for row in found}


def page(tx: Transaction, after: str = "", count: int = 200) -> list[DestinationState]:
    """Those that are paused or do not work, in the order of their names."""
    return [_state(row) for row in tx.execute(records.SELECT_STATE_PAGE, {"after": after, "count": count})]


def paused(tx: Transaction, count: int = 1000) -> frozenset[str]:
    """The first ``count`` paused destinations."""
    return frozenset(row[0] for row in tx.execute(records.SELECT_PAUSED, {"count": count}))


def failing(tx: Transaction, least: int, count: int = 20) -> list[DestinationState]:
    """Those that could not be reached so many times in a row, the worst first."""
    return [_state(row) for row in tx.execute(records.SELECT_FAILING, {"least": least, "count": count})]


def pause(tx: Transaction, destination: str, by: str, now: float, *, feed: Feed | None = None) -> bool:
    """Send nothing there (:data:`EVERYTHING`: nowhere) from now on; what is under way ends. False if it was paused
    already."""
    if state(tx, destination).paused:
        return False
    _ensure(tx, destination)
    tx.change(records.SET_PAUSED, {"of": destination, "to": 1, "who": by[:320], "now": now})
    _publish(tx, feed)
    return True


def resume(tx: Transaction, destination: str, *, feed: Feed | None = None) -> bool:
    """Send there again. False if it was not paused."""
    if not state(tx, destination).paused:
        return False
    tx.change(records.SET_PAUSED, {"of": destination, "to": 0, "who": "", "now": 0.0})
    _publish(tx, feed)
    return True


def wake(tx: Transaction, destination: str, *, feed: Feed | None = None) -> bool:
    """Try a destination (:data:`EVERYTHING`: all) that is left alone at once. False if none was."""
    if destination == EVERYTHING:
        changed = tx.change(records.SET_ALL_AWAKE)
    else:
        changed = tx.change(records.SET_AWAKE, {"of": destination})
    # Told in any case: whoever calls this made rows due, which nobody might look for otherwise.
    _publish(tx, feed)
    return bool(changed)


def note_down(
    tx: Transaction,
    destination: str,
    now: float,
    reason: str,
    *,
    first: float,
    most: float,
    retry_after: float = 0.0,
) -> DestinationState:
    """It could not be reached: leave it alone for ``first`` seconds, twice as long after each further failure,
    ``most`` at most; or for ``retry_after``. What another worker found out meanwhile stands."""
    known = state(tx, destination)
    if known.down_until > now:
        return known
    _ensure(tx, destination)
    failures = known.failures + 1
    wait = retry_after or waiting_time(destination, failures, first, most)
    values = {
        "of": destination,
        "until": now + wait,
        "times": failures,
        "why": reason[:MAX_REASON].replace("\0", "\ufffd"),
        "now": now,
    }
    tx.change(records.SET_DOWN, values)
    return state(tx, destination)


def note_well(tx: Transaction, destination: str, now: float) -> bool:
    """It takes mail again. False if nothing was known against it."""
    return bool(tx.change(records.SET_WELL, {"of": destination, "now": now}))


def waiting_time(destination: str, failures: int, first: float, most: float) -> float:
    """How long (seconds) a destination is left alone after so many failures; up to a twentieth more, so that not all
    that died together are tried together."""
    wait = min(first * 2.0 ** min(max(failures, 1) - 1, 30), most)
    return wait * (1 + crc32(destination.encode("utf-8", "replace")) % 1000 / 20_000)


def remove_old(tx: Transaction, now: float, count: int = 200) -> int:
    """Forget destinations that were not tried for a week (nothing leads there any more); returns how many."""
    before = now - KEPT_DAYS * 86400
    old = tx.execute(records.SELECT_OLD, {"before": before, "now": now, "count": count})
    for row in old:
        tx.change(records.DELETE_OLD, {"of": row[0]})
    return len(old)


def _ensure(tx: Transaction, destination: str) -> None:
    values = {
        "destination": destination,
        "paused": 0,
        "paused_by": "",
        "paused_at": 0.0,
        "down_until": 0.0,
        "failures": 0,
        "reason": "",
        "tried_at": 0.0,
        "worked_at": 0.0,
    }
    tx.insert_ignore(records.queue_destinations, values)


def _publish(tx: Transaction, feed: Feed | None) -> None:
    if feed is not None:
        tx.after_commit(partial(feed.publish, TOPIC, 0, 0))


def _state(row: Row) -> DestinationState:
    return DestinationState(row[0], bool(row[1]), row[2], row[3], row[4], int(row[5]), row[6], row[7], row[8])
