"""The crash campaign for sending: kill -9 while mail leaves for other servers, at random and at every named step.

``make crash-out`` runs the long form; the suite runs short ones. After each kill the queue of the dead server is read:
it says what is still owed. The promises:

- what was acknowledged reaches every recipient, or its sender is told (by one notice for each recipient, never two);
- a recipient gets a message again only if a process of ours died after its server had read the final dot the last
  time, which is the one window that SMTP leaves (RFC 1047).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import re
import signal
import sqlite3
import sys
import tempfile
import threading
import time
from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from out_load import OutLedger, OutLoad
from out_remotes import HOME, Remotes
from running import RunningServer

STEPS = (
    "body.written",
    "body.synced",
    "body.renamed",
    "body.directory",
    "unit.begun",
    "unit.applied",
    "unit.committed",
    "accept.reply",
    "queue.leased",
    "queue.answered",
    "queue.settled",
)
OFTEN = ("queue.leased", "queue.answered", "queue.settled", "random")
"""Those that half of the kills are for."""
REACH = {"body": (3, 30), "unit": (10, 60), "accept": (3, 30), "queue": (3, 40)}
SETTINGS = {
    "queue.retry_schedule": "1 1 2",
    "queue.down_first": "1",
    "queue.down_most": "2",
    "store.removal_wait": "1",
    "store.removal_interval": "1",
}
CHECK_EVERY = 10
LATE = 1.0
"""Seconds by which the log may tell of a worker's death after another one took up its rows."""
START = 120.0
"""Seconds a start may take on a machine that does much else."""
LIFE = 8.0
"""Seconds of load after which a step counts as not reached."""


@dataclass
class OutResult:
    """What the campaign did and found."""

    kills: int = 0
    by_step: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    recipients: int = 0
    delivered: int = 0
    told: int = 0
    unacknowledged: int = 0
    doubled: int = 0
    windows: int = 0
    in_flight: list[int] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    verified: int = 0

    def report(self) -> str:
        """The counts, for people."""
        steps = ", ".join(f"{name} {self.by_step[name]}" for name in (*STEPS, "random"))
        flight = sorted(self.in_flight or [0])
        return (
            f"{self.kills} kills: {steps}\n"
            f"sent to the final dot and not settled when killed: median {flight[len(flight) // 2]}, most {flight[-1]}, "
            f"{self.windows} in all\n"
            f"{self.acknowledged} messages acknowledged, for {self.recipients} recipients: {self.delivered} delivered, "
            f"{self.told} refused and their senders told, once each; {self.unacknowledged} messages went out that were "
            "never acknowledged (allowed)\n"
            f"{self.doubled} of those in the window came twice; lost, twice without a reason, or told twice: "
            f"{self.problems or 'none'}\n"
            f"verified {self.verified} times"
        )


class OutCampaign:
    """One campaign on one data folder (and database)."""

    def __init__(self, folder: Path, seed: int, workers: int = 1, database_url: str = "") -> None:
        self.server = RunningServer(folder, workers=workers, database_url=database_url)
        self.remotes = Remotes(seed)
        self.ledger = OutLedger()
        self.result = OutResult()
        self.rng = random.Random(seed)
        self.deaths: list[float] = []

    def prepare(self) -> None:
        """Settings and routes."""
        self.remotes.start()
        self.server.start(START)
        for domain, port in self.remotes.ports.items():
            self.server.command("route", "add", domain, "--target", f"127.0.0.1:{port}", "--local-recipients")
        for name, value in SETTINGS.items():
            self.server.command("setting", "set", name, value)
        self.server.stop()

    def close(self) -> None:
        """End what was started."""
        self.server.kill()
        self.remotes.stop()

    def run(self, kills: int) -> OutResult:
        """All rounds, the checks between, the last check."""
        self.prepare()
        for number, step in enumerate(self._plan(kills), 1):
            self._round(step)
            if number % CHECK_EVERY == 0:
                self.drain()
        self.drain()
        self.conclude()
        return self.result

    def _plan(self, kills: int) -> list[str]:
        rounds = [*OFTEN, *(step for step in STEPS if step not in OFTEN)][:kills]
        while len(rounds) < kills:
            rounds.append(self.rng.choice(OFTEN if self.rng.random() < 0.5 else STEPS))
        self.rng.shuffle(rounds)
        return rounds

    # ------------------------------------------------------------------ one kill

    def _round(self, step: str) -> None:
        """One kill. A step that was not reached (a slow machine) is tried again, to be reached sooner."""
        for share in (1.0, 0.3, 0.1, 0.0):
            low, high = REACH.get(step.partition(".")[0], (1, 2))
            count = max(1, int(self.rng.randint(low, high) * share))
            if self._kill_once(step, count):
                return
        raise AssertionError(f"step {step} was never reached:\n{self.server.log[-3000:]}")

    def _kill_once(self, step: str, count: int) -> bool:
        self.server.environment = {} if step == "random" else {"POSTHOUSE_CRASH_AT": f"{step}:{count}"}
        try:
            self.server.start(START)
        except RuntimeError:
            process = self.server.process
            if step == "random" or process is None or process.poll() != -signal.SIGKILL:
                raise
            # What waited was enough to bring it to the step before all of its ports answered.
            self._kill()
            self._note(step)
            return True
        if not asyncio.run(self._load(step)):
            self.server.stop()
            return False
        self._note(step)
        return True

    def _dead(self) -> bool:
        return self.server.process is None or self.server.process.poll() is not None

    async def _load(self, step: str) -> bool:
        """Load the server until it is dead; False if it lived on."""
        load = OutLoad(self.ledger, self.server.smtp, seed=self.rng.getrandbits(32))
        delay, linger = self.rng.uniform(0.5, 1.5), self.rng.choice((0.0, 0.0, 1.5))
        gone, died = asyncio.Event(), threading.Event()
        loop = asyncio.get_running_loop()

        def watch() -> None:
            if step == "random":
                time.sleep(delay)
                died.set()
            elif self._dies(LIFE):
                died.set()
                self.deaths.append(time.time())
                if self.server.workers > 1:
                    time.sleep(linger)  # the others go on without it
            if died.is_set():
                self._kill()
            loop.call_soon_threadsafe(gone.set)

        watcher = threading.Thread(target=watch)
        watcher.start()
        await load.run(gone, LIFE + 5)
        await asyncio.to_thread(watcher.join)
        return died.is_set()

    def _dies(self, seconds: float) -> bool:
        """Whether the server, or one of its workers, kills itself in that time."""
        limit = time.monotonic() + seconds
        with (self.server.folder / "server.log").open("rb") as log:
            log.seek(0, 2)
            while time.monotonic() < limit:
                if self._dead() or (self.server.workers > 1 and b"worker.died" in log.read()):
                    return True
                time.sleep(0.005)
        return False

    def _kill(self) -> None:
        self.deaths.append(time.time())
        self.server.kill()

    def _deaths(self) -> list[float]:
        """When a process of ours died, in order: those that were killed, and the workers that the log tells of."""
        told = re.findall(r"^(\S+)Z \[error\s*\] worker\.died", self.server.log, re.M)
        return sorted([*self.deaths, *(datetime.fromisoformat(f"{each}+00:00").timestamp() for each in told)])

    def _note(self, step: str) -> None:
        self.remotes.quiet()
        self.result.kills += 1
        self.result.by_step[step] += 1
        self.result.in_flight.append(self._window())

    def _window(self) -> int:
        """How many may get a message again: its end was read there, and the queue does not know."""
        owed = self.owed()
        time.sleep(0.05)
        found = sum(1 for each in owed if self.remotes.seen.dotted.get(each))
        self.result.windows += found
        return found

    def owed(self) -> list[str]:
        """The recipients of all rows of the queue, read past the server."""
        question = "SELECT recipient FROM queue_recipients"
        if self.server.database_url:
            import psycopg

            with psycopg.connect(self.server.database_url) as connection:
                return [row[0] for row in connection.execute(question).fetchall()]
        with sqlite3.connect(self.server.data / "posthouse.db", timeout=30) as file:
            found = [row[0] for row in file.execute(question)]
        file.close()
        return found

    # ------------------------------------------------------------------ the promises

    def drain(self, seconds: float = 120.0) -> None:
        """A clean start; all that is owed leaves; nothing is damaged."""
        self.server.environment = {}
        if self.server.process is None:
            self.server.start(START)
        limit = time.monotonic() + seconds
        while owed := self.owed():
            if time.monotonic() > limit:
                self.result.problems.append(f"{len(owed)} recipients still wait, {owed[:3]}")
                break
            time.sleep(0.2)
        answer = self.server.command("verify", "--json", check=False)
        try:
            self.result.problems += json.loads(answer.stdout)["errors"]
            self.result.verified += 1
        except (ValueError, KeyError):
            self.result.problems.append(f"verify gave no answer: {answer.stdout}{answer.stderr}")
        self.server.stop()

    def conclude(self) -> None:
        """Hold what arrived against what was promised."""
        result, seen = self.result, self.remotes.seen
        result.acknowledged = len(self.ledger.acknowledged)
        for token, recipients in self.ledger.sent.items():
            ends = [self._end_of(token, each) for each in recipients]
            if token in self.ledger.acknowledged:
                result.recipients += len(recipients)
                result.delivered += ends.count("delivered")
                result.told += ends.count("told")
                for each, end in zip(recipients, ends, strict=True):
                    if end == "lost":
                        result.problems.append(f"{each} is lost")
            elif any(end != "lost" for end in ends):
                result.unacknowledged += 1
                if "lost" in ends:
                    result.problems.append(f"{token} (not acknowledged) went to some of its recipients only")
        deaths = self._deaths()
        for (address, ident), times in seen.times.items():
            result.doubled += len(times) - 1
            for before, after in pairwise(times):
                died = bisect_left(deaths, before)
                if died == len(deaths) or deaths[died] > after + LATE:
                    result.problems.append(f"{address} got {ident} again, and nothing died in between")
        for address, notices in seen.notices.items():
            if len(notices) != 1:
                result.problems.append(f"{len(notices)} notices tell of {address}")
            if address not in seen.refused:
                result.problems.append(f"a notice tells of {address}, which was not refused")

    def _end_of(self, token: str, address: str) -> str:
        seen = self.remotes.seen
        if f"<{token}@{HOME}>" in seen.dotted.get(address, ()):
            return "delivered"
        return "told" if seen.notices.get(address) else "lost"


def main() -> int:
    """Run campaigns and print their counts; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="default: three quarters with one, the rest with two")
    options = parser.parse_args()
    part = options.kills * 3 // 4
    plan = [(1, part), (2, options.kills - part)]
    if options.workers:
        plan = [(options.workers, options.kills)]
    clean = True
    for workers, kills in plan:
        with tempfile.TemporaryDirectory(prefix="posthouse-crash-", ignore_cleanup_errors=True) as folder:
            campaign = OutCampaign(Path(folder), options.seed, workers)
            try:
                result = campaign.run(kills)
            finally:
                campaign.close()
        print(f"{workers} worker{'s' if workers > 1 else ''}: {result.report()}", flush=True)
        clean = clean and not result.problems
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
