"""Settings of the queue."""

from __future__ import annotations

from posthouse.settings.contract import Setting


def check_schedule(text: str) -> str:
    """The complaint about a list of waits; "" when it is good."""
    waits = text.split()
    if not waits or not all(wait.isascii() and wait.isdigit() and 1 <= int(wait) <= 604800 for wait in waits):
        return "must be waits in seconds between 1 and 604800, separated by blanks"
    return ""


RETRY_SCHEDULE = Setting(
    "queue.retry_schedule",
    "60 300 900 1800 3600",
    "The waits between attempts to deliver; the last one repeats.",
    unit="seconds",
    check=check_schedule,
)

LIFETIME = Setting(
    "queue.lifetime",
    432000,
    "How long delivery is tried. A recipient that is older is held for the administrator. Applies to mail "
    "that is accepted from now on.",
    unit="seconds",
    minimum=60,
    maximum=2592000,
)

LEASE_TIME = Setting(
    "queue.lease_time",
    60,
    "How long a worker owns what it takes from the queue. If the worker dies, others wait that long.",
    unit="seconds",
    minimum=5,
    maximum=3600,
)
