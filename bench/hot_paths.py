"""Where the time of a delivery and of a FETCH goes: ``python -m bench.hot_paths [--write FILE]``.

Starts a Posthouse, drives it with the loads of the bench, and prints for each load what one operation costs: processor
time of each thread, in the program and in the kernel (from ``/proc``), the Python of each part of the road (samples of
who holds the interpreter's lock, by py-spy), and the number of system calls (by strace). Needs Linux, root or ptrace
rights, ``py-spy`` in the path (``pip install py-spy``) and, for the system calls, ``strace``.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.__main__ import program
from bench.anchor import PASSWORD
from bench.ours import Posthouse
from bench.processes import TICK, tree

RATE = 400
"""Samples a second."""

ROWS = 24
"""Lines of a table; what is left is one line more."""

Load = Callable[[Posthouse], int]
"""Drives a server, returns how many operations that were."""


@dataclass
class Profile:
    """What one load cost: operations, (user, system) seconds by thread, samples by file, system calls."""

    name: str
    operations: int
    threads: dict[str, tuple[float, float]]
    samples: Counter[str]
    calls: Counter[str]
    call_operations: int


def _thread_times(pid: int) -> dict[int, tuple[float, float]]:
    times = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        fields = (task / "stat").read_text().rpartition(")")[2].split()
        times[int(task.name)] = (int(fields[11]) / TICK, int(fields[12]) / TICK)
    return times


def _thread_names(pid: int) -> dict[int, str]:
    """What Python calls its threads, numbers cut off: those of a kind count together."""
    dump = subprocess.run(
        ["py-spy", "dump", "-p", str(pid)], capture_output=True, text=True, check=True
    ).stdout
    found = re.findall(r'^Thread (\d+) \([^)]*\): "([^"]*)"', dump, re.MULTILINE)
    return {int(number): re.sub(r"[_-]?\d+$", "", name) for number, name in found}


def _by_file(raw: str) -> Counter[str]:
    """Samples by the file of Posthouse that was at work, or called something that was."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        files = re.findall(r"\(posthouse/([\w/]+\.py)", stack)
        found[files[-1] if files else "the event loop"] += int(count)
    return found


def _record(server: Posthouse, name: str, load: Load) -> Profile:
    """Three runs: one that is not looked at, for the times, one under py-spy, one under strace; both of these stop the
    threads they look at, which the times would show."""
    assert server.pid is not None
    pid = tree(server.pid)[-1]
    load(server)  # warm
    before = _thread_times(pid)
    operations = load(server)
    threads = _by_name(_thread_names(pid), before, _thread_times(pid))
    samples = _samples(server, pid, load)
    calls, counted = _calls(server, pid, load)
    return Profile(name, operations, threads, samples, calls, counted)


def _by_name(
    names: dict[int, str], before: dict[int, tuple[float, float]], after: dict[int, tuple[float, float]]
) -> dict[str, tuple[float, float]]:
    threads: dict[str, tuple[float, float]] = {}
    for task, (user, system) in after.items():
        was = before.get(task, (0.0, 0.0))
        kind = names.get(task, "others")
        sums = threads.get(kind, (0.0, 0.0))
        threads[kind] = (sums[0] + user - was[0], sums[1] + system - was[1])
    return threads


def _samples(server: Posthouse, pid: int, load: Load) -> Counter[str]:
    raw = server.folder / "profile.raw"
    spy = subprocess.Popen(
        [
            "py-spy",
            "record",
            "--gil",
            "-r",
            str(RATE),
            "-d",
            "600",
            "-f",
            "raw",
            "-o",
            str(raw),
            "-p",
            str(pid),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)
    load(server)
    spy.send_signal(signal.SIGINT)
    spy.wait()
    return _by_file(raw.read_text())


def _calls(server: Posthouse, pid: int, load: Load) -> tuple[Counter[str], int]:
    if shutil.which("strace") is None:
        return Counter(), 1
    told = server.folder / "strace.txt"
    tracer = subprocess.Popen(
        ["strace", "-c", "-f", "-p", str(pid), "-o", str(told)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    time.sleep(1)
    operations = load(server)
    tracer.send_signal(signal.SIGINT)
    tracer.wait()
    calls: Counter[str] = Counter()
    for line in told.read_text().splitlines():
        fields = line.split()
        if len(fields) >= 5 and fields[3].isdigit() and fields[-1] != "total":
            calls[fields[-1]] += int(fields[3])
    return calls, operations


def deliveries(sessions: int, messages: int, size: int = 4096) -> Load:
    """Messages by SMTP into four mailboxes."""

    def load(server: Posthouse) -> int:
        to = [word for name in NAMES for word in ("--to", f"{name}@bench.test")]
        found = program(
            "smtp_load",
            *("--port", str(server.smtp), "--sessions", str(sessions)),
            *("--messages", str(messages), "--size", str(size), *to),
        )
        return int(found["accepted"])

    return load


def commands(step: str, clients: int, seconds: float) -> Load:
    """One step of the IMAP load."""

    def load(server: Posthouse) -> int:
        users = [word for name in NAMES for word in ("--user", f"{name}@bench.test")]
        found = program(
            "imap_load",
            *("--port", str(server.imap), "--password", PASSWORD, *users),
            *("--clients", str(clients), "--step", step, "--seconds", str(seconds)),
        )
        return int(found["operations"])

    return load


NAMES = [f"hot{number}" for number in range(4)]


def _table(head: str, rows: Sequence[tuple[str, ...]]) -> str:
    columns = head.count("|") + 1
    return "\n".join([f"| {head} |", "|" + "---|" * columns, *(f"| {' | '.join(row)} |" for row in rows)])


def told(profile: Profile) -> str:
    """A profile as Markdown."""
    threads = sorted(profile.threads.items(), key=lambda item: -sum(item[1]))
    per = 1000 / profile.operations
    lines = [
        (name, f"{user * per:.3f}", f"{system * per:.3f}")
        for name, (user, system) in threads
        if (user + system) * per >= 0.002
    ]
    users = sum(user for user, _ in profile.threads.values()) * per
    systems = sum(system for _, system in profile.threads.values()) * per
    lines.append(("**all**", f"**{users:.3f}**", f"**{systems:.3f}**"))
    total = sum(profile.samples.values())
    share = [
        (f"`{name}`", f"{100 * count / total:.1f} %", f"{users * count / total:.3f}")
        for name, count in profile.samples.most_common(ROWS)
    ]
    rest = total - sum(count for _, count in profile.samples.most_common(ROWS))
    share.append(("all others", f"{100 * rest / total:.1f} %", f"{users * rest / total:.3f}"))
    calls = [
        (f"`{name}`", f"{count / profile.call_operations:.2f}")
        for name, count in profile.calls.most_common(12)
        if count / profile.call_operations >= 0.01
    ]
    parts = [
        f"## {profile.name}\n\n{profile.operations} operations.",
        _table("thread | program, ms | kernel, ms", lines),
        _table("Python at work in | share | about, ms", share),
    ]
    if calls:
        parts.append(_table("system call | for each", calls))
    return "\n\n".join(parts)


def main() -> int:
    """Run the loads; 2 without py-spy."""
    parser = argparse.ArgumentParser(prog="python -m bench.hot_paths", description=__doc__)
    parser.add_argument("--write", type=Path, help="write the tables to this file as well")
    parser.add_argument("--short", action="store_true", help="small loads: shows that it works")
    options = parser.parse_args()
    if shutil.which("py-spy") is None:
        print("py-spy is missing: pip install py-spy", file=sys.stderr)
        return 2
    less = 10 if options.short else 1
    found = []
    for layout in ("plain", "journal"):
        os.environ["POSTHOUSE_DURABILITY"] = layout
        with tempfile.TemporaryDirectory(prefix="posthouse-hot-") as folder:
            server = Posthouse(Path(folder))
            server.start()
            try:
                server.accounts(NAMES)
                for sessions in (1, 20):
                    name = f"A delivery, 4 KB, {sessions} at once, {layout}"
                    found.append(
                        _record(server, name, deliveries(sessions, (1000 if sessions == 1 else 4000) // less))
                    )
                if layout == "plain":
                    for step in ("flags", "envelope", "body"):
                        load = commands(step, 20, 5 / less)
                        found.append(_record(server, f"An IMAP command of `{step}`, 20 clients", load))
            finally:
                server.stop()
    text = "\n\n".join(told(each) for each in found)
    print(text)
    if options.write is not None:
        options.write.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
