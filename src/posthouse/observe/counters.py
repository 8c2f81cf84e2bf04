"""What happened since the start, as plain numbers that are read only when somebody asks: counting costs one addition.

Each process counts its own; a page, a sample or ``/metrics`` adds up all workers.
"""

from __future__ import annotations

import os
import sys
import time
from collections import defaultdict
from typing import Any

Counted = dict[str, dict[str, float]]
"""Name of the measure to label value (values of two labels joined by a blank) to number. "" where a measure has no
label."""


class Counters:
    """The numbers of one process. Count by ``counters.accepted += 1`` or ``counters.connections["imap"] += 1``."""

    __slots__ = (
        "accepted",
        "accepted_bytes",
        "bytes_in",
        "bytes_out",
        "connections",
        "deferred",
        "delivered",
        "failed",
        "kept_out",
        "log_lines",
        "not_let_in",
        "refused",
        "sent",
        "signed_in",
        "signin_failures",
    )

    def __init__(self) -> None:
        self.connections: dict[str, int] = defaultdict(int)
        self.not_let_in: dict[str, int] = defaultdict(int)
        self.kept_out: dict[str, int] = defaultdict(int)
        self.signed_in: dict[str, int] = defaultdict(int)
        self.signin_failures: dict[str, int] = defaultdict(int)
        self.bytes_in: dict[str, int] = defaultdict(int)
        self.bytes_out: dict[str, int] = defaultdict(int)
        self.log_lines: dict[str, int] = defaultdict(int)
        self.accepted = 0
        self.accepted_bytes = 0
        self.refused = 0
        self.delivered = 0
        self.sent = 0
        self.deferred = 0
        self.failed = 0

    def read(self) -> Counted:
        """All numbers now."""
        found: Counted = {}
        for name in self.__slots__:
            value: Any = getattr(self, name)
            found[name] = dict(value) if isinstance(value, dict) else {"": value}
        return found


counters = Counters()
"""Those of this process."""


def total(counted: list[Counted]) -> Counted:
    """The sum over processes."""
    found: Counted = {}
    for one in counted:
        for name, values in one.items():
            into = found.setdefault(name, {})
            for label, value in values.items():
                into[label] = into.get(label, 0) + value
    return found


def process_facts() -> dict[str, float]:
    """``cpu`` in seconds used since the start of this process, ``memory`` (resident) in bytes, ``files`` open,
    ``at`` when this was measured. A fact the system does not tell is left out."""
    used = os.times()
    facts = {"cpu": used.user + used.system, "at": time.time(), "pid": float(os.getpid())}
    memory = _memory()
    if memory:
        facts["memory"] = memory
    try:
        facts["files"] = float(len(os.listdir("/proc/self/fd")))
    except OSError:
        pass
    return facts


def _memory() -> float:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return float(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    except (OSError, ValueError, IndexError):
        pass
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    most: int = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(most if sys.platform == "darwin" else most * 1024)
