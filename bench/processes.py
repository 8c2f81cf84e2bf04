"""CPU time and memory of a process and all its descendants, read from /proc (Linux)."""

from __future__ import annotations

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def _parents() -> dict[int, int]:
    """Parent of every process on the machine."""
    result: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        result[int(entry.name)] = int(fields[1])
    return result


def tree(root: int) -> list[int]:
    """The process ids of ``root`` and everything below it."""
    parents = _parents()
    found = [root]
    for pid in found:
        found.extend(child for child, parent in parents.items() if parent == pid)
    return found


def cpu_seconds(root: int) -> float:
    """User and system time of the tree so far, including children that were waited for."""
    total = 0
    for pid in tree(root):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(value) for value in fields[11:15])
    return total / TICK


def pss_bytes(root: int, kind: str = "Pss") -> int:
    """Proportional set size of the tree: memory with shared pages divided among their users. ``Pss_Anon``: without
    that of files, which the system can take away."""
    total = 0
    for pid in tree(root):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += (
            next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith(f"{kind}:")) * 1024
        )
    return total
