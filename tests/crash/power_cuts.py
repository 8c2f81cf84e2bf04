"""The power-cut campaign: a server's own writes and flushes, and every kind of disk a power cut could leave of them.

``make torture`` runs the long form. A server works under strace: mail comes in, is copied, moved, flagged, expunged,
removed and relayed, while journal files of 1 MiB turn over and the database's log is copied back. Its trace is then
walked through, and at chosen moments (before a reply that promises something, where a flush begins and ends, where a
name changes, where a journal file is freed, at random) the disk is laid down as a power cut would leave it there: only
what was flushed; all that was written; any part of the rest. Each such folder is opened as an offline use does, its
journal replayed, and all promises until that moment are held against it. Some of these folders are then opened under
strace themselves, and the power is cut again during that.
"""

from __future__ import annotations

import argparse
import asyncio
import copy
import multiprocessing
import random
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from out_remotes import Remotes
from power_check import Checker
from power_disk import Change, Choice, Event, PowerDisk, events, snapshot
from power_expected import Expected, Key
from power_load import MAILBOXES, Work
from queue_rows import put_local_rows
from running import PASSWORD, RunningServer
from syscalls import strace

from posthouse.observe import logging_setup

ACCOUNTS = [f"power{number}@posthouse.test" for number in range(3)]
RELAYED = ("good.test", "moody.test")
OWED = 6
"""Local deliveries that wait in the queue when the server starts."""
SETTINGS = {
    "store.removal_wait": "1",
    "store.removal_interval": "1",
    "store.undelete_days": "0",
    "queue.lease_time": "5",
}
LAYOUTS = ("journal", "plain")
WEIGHTS = {"promise": 6, "flush begins": 4, "flush ended": 4, "name": 3, "freeing": 5, "log": 2, "any": 4}
"""How often the power goes at each kind of moment."""
KINDS = ("flushed", "all", "prefix", "torn", "sectors", "few", "half", "most", "names", "bytes")
"""What of the changes that were not flushed is on the disk: see :func:`chooser`."""


@dataclass
class Result:
    """What was tried and found. ``promises`` counts the promises that held at each state."""

    kinds: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    replayed: Counter[str] = field(default_factory=Counter)
    promises: int = 0
    promised: int = 0
    flushes: int = 0
    turns: int = 0
    unsynced: int = 0
    second: int = 0

    @property
    def states(self) -> int:
        """How many disks were looked at."""
        return self.kinds.total()

    def add(self, other: Result) -> None:
        """Count another's states to these."""
        for name in ("kinds", "moments", "findings", "replayed"):
            getattr(self, name).update(getattr(other, name))
        for kind, lines in other.examples.items():
            self.examples[kind] = [*self.examples[kind], *lines][:5]
        self.promises += other.promises
        self.unsynced = max(self.unsynced, other.unsynced)

    def report(self) -> str:
        """The counts, for people."""
        lines = [
            f"{self.states} states ({self.second} of them of a second power cut, during the start after the first)",
            f"by what is left: {_counts(self.kinds)}",
            f"by moment: {_counts(self.moments)}",
            f"{self.promised} promises, {self.flushes} flushes, {self.turns} times a journal file begun; "
            f"{self.promises} promises held against the states, up to {self.unsynced} changes not flushed",
            f"from the journal: {_counts(self.replayed)}",
            f"findings: {_counts(self.findings) or 'none: nothing lost, nothing back, nothing twice, all whole'}",
        ]
        lines += [f"  {kind}: {line}" for kind, found in self.examples.items() for line in found]
        return "\n".join(lines)


def _counts(counter: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counter.items()) if count)


@dataclass
class Run:
    """What a server did: its data folder ``root`` before, the events, what it promised, and all that was sent."""

    root: str
    before: dict[str, bytes | None]
    events: list[Event]
    expected: Expected
    sent: dict[str, str]
    second: bool = False


class Prepared:
    """A stopped server's data folder with accounts, mailboxes and routes, and the other servers these lead to."""

    def __init__(self, folder: Path) -> None:
        self.remotes = Remotes(0, RELAYED)
        self.remotes.start()
        server = RunningServer(folder)
        self.data = server.data
        try:
            server.start()
            server.add_domain()
            for account in ACCOUNTS:
                server.add_account(account)
            for domain in RELAYED:
                target = f"127.0.0.1:{self.remotes.ports[domain]}"
                server.command("route", "add", domain, "--target", target, "--local-recipients")
            for name, value in SETTINGS.items():
                server.command("setting", "set", name, value)
            asyncio.run(make_mailboxes(server))
            server.stop()
        except BaseException:
            server.kill()
            self.close()
            raise

    def close(self) -> None:
        """The other servers end."""
        self.remotes.stop()


async def make_mailboxes(server: RunningServer) -> None:
    """Those of each account."""
    for account in ACCOUNTS:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.imap)
        writer.write(f"a LOGIN {account} {PASSWORD}\r\n".encode())
        for name in MAILBOXES[1:]:
            writer.write(f"b CREATE {name}\r\n".encode())
        writer.write(b"c LOGOUT\r\n")
        assert b"c OK" in await reader.read()
        writer.close()


def trace_run(
    prepared: Prepared,
    folder: Path,
    layout: str,
    *,
    leave_out: str = "nothing",
    workers: int = 1,
    seed: int = 0,
    **work: int | float,
) -> Run:
    """Let a server work under strace and stop it. AssertionError unless the model of the disk ends with what is
    there."""
    server = RunningServer(folder, workers=workers)
    server.environment = {"POSTHOUSE_DURABILITY": layout, "POSTHOUSE_JOURNAL_SIZE": "1"}
    shutil.copytree(prepared.data, server.data, ignore=shutil.ignore_patterns("*.sock"))
    load = Work(ACCOUNTS, PASSWORD, server.smtp, server.lmtp, server.imap, RELAYED, seed=seed, **work)  # type: ignore[arg-type]
    owed = _owe(server.data, load)
    before = snapshot(server.data)
    trace = folder / "trace"
    server.prefix_command = strace(trace)
    server.launcher = (str(Path(__file__).with_name("leave_out.py")), leave_out)
    try:
        server.start(120)
        asyncio.run(load.run())
        server.stop(120)
    finally:
        server.kill()
    expected = Expected(load.ports, frozenset(owed), frozenset(prepared.remotes.ports.values()))
    root = str(server.data)
    run = Run(root, before, list(events(_text(trace), root)), expected, load.ledger.sent)
    assert_whole(run)
    return run


def _owe(data: Path, load: Work) -> list[Key]:
    messages = [load.message() for _ in range(OWED)]
    put_local_rows(data, ACCOUNTS[0], [message for _, message in messages], within=(4.0, 14.0))
    return [(ACCOUNTS[0], token) for token, _ in messages]


def _text(trace: Path) -> str:
    text = trace.read_text(encoding="latin-1")
    trace.unlink()
    return text


def assert_whole(run: Run) -> None:
    """The trace has every promise, and what it says was written is what the folder has now."""
    expected, disk = copy.deepcopy(run.expected), PowerDisk(run.root, run.before)
    for event in run.events:
        disk.take(event)
        if event.what == "sent":
            expected.sent(event.place, event.data)
    assert not expected.missing(), "the trace does not have every reply"
    shown, there = disk.shown(), snapshot(Path(run.root))
    wrong = [path for path in shown.keys() | there.keys() if shown.get(path, b"?") != there.get(path, b"?")]
    assert not wrong, f"the trace tells otherwise of {sorted(wrong)[:5]}"


# ---------------------------------------------------------------------- moments and disks


def moments(run: Run) -> dict[str, list[int]]:
    """Where in the events the power may go, by kind: just before the event of that number."""
    expected = copy.deepcopy(run.expected)
    found: dict[str, list[int]] = defaultdict(list)
    messages, journal = f"{run.root}/messages/", f"{run.root}/journal/"
    journaled = any(event.what == "write" and event.path.startswith(journal) for event in run.events)
    for at, event in enumerate(run.events):
        if event.what == "sent":
            if expected.sent(event.place, event.data):
                found["promise"].append(at)
        elif event.what == "begins":
            found["flush begins"].append(at)
        elif event.what == "flushed":
            found["flush ended"].append(at + 1)
        elif event.what in ("unlink", "rename", "create", "truncate"):
            found["name"].append(at + 1)
        if event.what == "write" and event.path.endswith("-wal"):
            found["log"].append(at + 1)
        if event.what == "write" and event.path.startswith(journal) and event.place == 0:
            found["freeing"] += [at, at + 1]
        elif journaled and event.what in ("begins", "flushed") and event.path.startswith(messages):
            found["freeing"].append(at)
        found["any"].append(at)
    return found


def plan(run: Run, states: int, rng: random.Random) -> list[tuple[int, str, str]]:
    """So many states: before which event, kind of moment, kind of disk."""
    found = moments(run)
    weights = {kind: weight for kind, weight in WEIGHTS.items() if found.get(kind)}
    turn = rng.choices(list(weights), list(weights.values()), k=states)
    return sorted(
        (rng.choice(found[kind]), kind, KINDS[number % len(KINDS)]) for number, kind in enumerate(turn)
    )


def chooser(kind: str, disk: PowerDisk, rng: random.Random) -> Choice:
    """Which changes that were not flushed are on the disk: none, all, the first in their order, these and a part of
    the next (torn), any sectors of any writes, some of them, all names and no bytes, all bytes and no names."""
    shares = {"few": 0.1, "half": 0.5, "most": 0.9}
    if kind == "flushed":
        return lambda change: False
    if kind == "all":
        return lambda change: True
    if kind in shares:
        return lambda change: rng.random() < shares[kind]
    if kind == "names":
        return lambda change: bool(change.name)
    if kind == "bytes":
        return lambda change: not change.name
    if kind == "sectors":
        return partial(_any_sectors, rng=rng)
    numbers = [number for number, change in disk.unsynced.items() if kind == "prefix" or change.data]
    if rng.random() < 0.7:
        numbers = numbers[-40:]
    last = rng.choice(numbers or [0])
    return partial(_torn if kind == "torn" else _prefix, last=last, rng=rng)


def _any_sectors(change: Change, rng: random.Random) -> bool | list[tuple[int, int]]:
    if change.data is None:
        return rng.random() < 0.5
    return [each for each in change.sectors() if rng.random() < 0.5]


def _prefix(change: Change, last: int, rng: random.Random) -> bool:
    return change.number <= last


def _torn(change: Change, last: int, rng: random.Random) -> bool | list[tuple[int, int]]:
    if change.number != last:
        return change.number < last
    sectors = change.sectors()
    return sectors[: rng.randrange(len(sectors) + 1)]


# ---------------------------------------------------------------------- the walk


Found = Callable[[int, PowerDisk, Expected], None]


def walk(run: Run, wanted: list[tuple[int, str, str]], folder: Path, seed: int) -> Result:
    """Lay down and look at each of these states, in a folder that is used again for each."""
    result, rng = Result(), random.Random(seed)
    checker = Checker(run.sent)
    data = folder / "data"

    def cut(number: int, disk: PowerDisk, expected: Expected) -> None:
        at, moment, kind = wanted[number]
        _empty(data)
        disk.lay(data, chooser(kind, disk, rng))
        result.kinds[kind] += 1
        result.moments["second cut" if run.second else moment] += 1
        result.promises += expected.promised
        result.unsynced = max(result.unsynced, len(disk.unsynced))
        for what, words in checker.look(data, expected):
            result.findings[what] += 1
            if len(result.examples[what]) < 5:
                event = run.events[min(at, len(run.events) - 1)]
                result.examples[what].append(f"{kind} at {moment} ({at}, {event.what} {event.path}): {words}")

    _follow(run, [at for at, _, _ in wanted], cut)
    result.replayed = checker.replayed
    checker.close()
    shutil.rmtree(folder, ignore_errors=True)
    return result


def _follow(run: Run, where: list[int], cut: Found) -> None:
    """Take the events, and call ``cut`` before those numbered ``where`` (ascending) with its place among them."""
    expected, disk = copy.deepcopy(run.expected), PowerDisk(run.root, run.before)
    done = 0
    for at in range(where[-1] + 1 if where else 0):
        event = run.events[at] if at < len(run.events) else None
        # The reply may have been seen in the moment it was begun.
        if event is not None and event.what == "sent":
            expected.sent(event.place, event.data)
        while done < len(where) and where[done] == at:
            cut(done, disk, expected)
            done += 1
        if event is not None:
            disk.take(event)


def _empty(folder: Path) -> None:
    """Remove all files below; the folders stay, most of them are there each time."""
    if folder.is_dir():
        for path in folder.rglob("*"):
            if not path.is_dir():
                path.unlink()
        shutil.rmtree(folder / "records", ignore_errors=True)


def second_runs(run: Run, count: int, folder: Path, seed: int) -> list[Run]:
    """Starts after a power cut, each traced: the offline use that replays the journals of all workers."""
    rng, runs = random.Random(seed), []
    where = sorted(rng.sample(moments(run)["promise"], count))
    left: list[tuple[RunningServer, Expected]] = []

    def cut(number: int, disk: PowerDisk, expected: Expected) -> None:
        server = RunningServer(folder / f"again{number}")
        disk.lay(server.data, chooser(rng.choice(("flushed", "few", "torn", "half")), disk, rng))
        left.append((server, copy.deepcopy(expected)))

    _follow(run, where, cut)
    for server, expected in left:
        before, trace = snapshot(server.data), server.folder / "trace"
        command = [
            *strace(trace),
            sys.executable,
            "-m",
            "posthouse",
            "queue",
            "list",
            "--config",
            str(server.config),
        ]
        subprocess.run(command, check=True, timeout=120, capture_output=True)
        root = str(server.data)
        runs.append(Run(root, before, list(events(_text(trace), root)), expected, run.sent, second=True))
    return runs


_shared: list[Run] = []
"""What the worker processes inherit."""


def _share(number: int, wanted: list[tuple[int, str, str]], folder: Path, seed: int) -> Result:
    return walk(_shared[number], wanted, folder, seed)


def torture(
    run: Run, states: int, folder: Path, *, seed: int = 0, processes: int = 1, again: int = 0
) -> Result:
    """So many states of a run, a tenth of them of second cuts in ``again`` starts."""
    rng = random.Random(seed)
    runs = [run, *(second_runs(run, again, folder, seed) if again else [])]
    apart = states // 10 // again if again else 0
    result = Result(second=apart * again)
    jobs = []
    for number, each in enumerate(runs):
        wanted = plan(each, apart if number else states - result.second, rng)
        parts = processes if number == 0 else 1
        jobs += [
            (number, wanted[part::parts], folder / f"state{number}-{part}", rng.getrandbits(32))
            for part in range(parts)
        ]
    for one in _do(jobs, runs, processes):
        result.add(one)
    everything = moments(run)
    result.promised = sum(len(effects) for effects in run.expected.ports.values())
    result.flushes = len(everything["flush ended"])
    result.turns = sum(
        event.what == "write" and event.place == 0 and event.path.endswith(".journal") for event in run.events
    )
    return result


def _do(
    jobs: list[tuple[int, list[tuple[int, str, str]], Path, int]], runs: list[Run], processes: int
) -> Iterator[Result]:
    if processes == 1:
        for number, wanted, folder, seed in jobs:
            yield walk(runs[number], wanted, folder, seed)
        return
    _shared[:] = runs
    with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
        for future in [pool.submit(_share, *job) for job in jobs]:
            yield future.result()


def fast_folder() -> str | None:
    """A folder in memory, if there is one: thousands of disks are laid down."""
    memory = Path("/dev/shm")
    return str(memory) if memory.is_dir() and shutil.disk_usage(memory).free > 1 << 30 else None


def main() -> int:
    """Run the campaign and print its counts; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--states", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--layout", choices=LAYOUTS, help="default: half of each")
    parser.add_argument("--leave-out", default="nothing", help="a flush to leave out, see leave_out.py")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    layouts = [options.layout] if options.layout else list(LAYOUTS)
    plans = [(layout, workers) for layout in layouts for workers in (1, 2)]
    findings, total = 0, 0
    logging_setup.configure("text", "error")
    with tempfile.TemporaryDirectory(prefix="posthouse-power-", dir=fast_folder()) as folder:
        prepared = Prepared(Path(folder) / "prepared")
        try:
            for layout, workers in plans:
                place = Path(folder) / f"{layout}{workers}"
                run = trace_run(
                    *(prepared, place, layout),
                    leave_out=options.leave_out,
                    workers=workers,
                    seed=options.seed,
                    each=50,
                    seconds=10,
                )
                states, seed = options.states // len(plans), options.seed
                result = torture(run, states, place, seed=seed, processes=options.processes, again=5)
                print(
                    f"{layout}, {workers} worker{'s' if workers > 1 else ''}: {result.report()}", flush=True
                )
                findings += result.findings.total()
                total += result.states
                shutil.rmtree(place)
        finally:
            prepared.close()
    print(f"together: {total} states, {findings} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
