"""When to try again."""

from __future__ import annotations

from posthouse.queue.contract import LOCAL, Lease
from posthouse.settings.contract import Settings
from posthouse.settings.queue import LOCAL_RETRY_SCHEDULE, RETRY_SCHEDULE

SPREAD = 0.05
"""By how much at most a wait is prolonged, so that what failed together is not tried together."""


def next_attempt(settings: Settings, lease: Lease, now: float, tries: int = 0, minutes: float = 0) -> float:
    """When a row whose attempt failed is due again, in seconds since 1970: after ``minutes`` (a route's own schedule)
    or, where they are 0, by the schedule of its class of destinations. The last attempt is at the time it expires."""
    if minutes:
        wait = minutes * 60.0
    else:
        local = lease.recipient.destination == LOCAL
        wait = float(wait_of(settings[LOCAL_RETRY_SCHEDULE if local else RETRY_SCHEDULE], lease.attempts))
    return min(now + wait * (1 + spread(lease.id)), max(lease.expires_at, now + 1))


def spread(row_id: int) -> float:
    """A share of a wait, 0 to :data:`SPREAD`, always the same for a row."""
    return row_id * 2654435761 % 4096 / 4096 * SPREAD


def wait_of(schedule: str, attempts: int) -> int:
    """The wait (seconds) of a schedule after ``attempts`` failed ones."""
    waits = schedule.split()
    return int(waits[min(max(attempts, 1), len(waits)) - 1])


def expired(lease: Lease, now: float, tries: int = 0) -> bool:
    """Whether delivery has been tried for as long as it may be: until its time is over, or so many ``tries`` where a
    route says how many (0: no matter)."""
    return now >= lease.expires_at or 0 < tries <= lease.attempts
