"""When to try again."""

from __future__ import annotations

from posthouse.queue.contract import Lease
from posthouse.settings.contract import Settings
from posthouse.settings.queue import RETRY_SCHEDULE


def next_attempt(settings: Settings, attempts: int, now: float) -> float:
    """When the attempt after ``attempts`` failed ones is due, in seconds since 1970."""
    waits = settings[RETRY_SCHEDULE].split()
    return now + int(waits[min(max(attempts, 1), len(waits)) - 1])


def expired(lease: Lease, now: float) -> bool:
    """Whether delivery has been tried for as long as it may be."""
    return now >= lease.expires_at
