"""When to try again."""

from __future__ import annotations

from posthouse.queue.contract import Lease
from posthouse.settings.contract import Settings
from posthouse.settings.queue import RETRY_SCHEDULE


def next_attempt(settings: Settings, attempts: int, now: float) -> float:
    """When the attempt after ``attempts`` failed ones is due, in seconds since 1970."""
    return now + wait_of(settings[RETRY_SCHEDULE], attempts)


def wait_of(schedule: str, attempts: int) -> int:
    """The wait (seconds) of a schedule after ``attempts`` failed ones."""
    waits = schedule.split()
    return int(waits[min(max(attempts, 1), len(waits)) - 1])


def expired(lease: Lease, now: float) -> bool:
    """Whether delivery has been tried for as long as it may be."""
    return now >= lease.expires_at
