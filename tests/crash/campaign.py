"""The crash campaign: kill -9 under load, at random and at every named write step, then count what is there.

``make crash`` runs the long form, 200 kills; the suite runs a short one. A round:
start the server, told to kill itself at the Nth reach of a step (or killed from here at a random time), load
it from 24 SMTP and 4 IMAP sessions, wait until it is dead. In between, a clean start: every acknowledged
message must be there, readable and once, and ``posthouse verify`` must find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import imaplib
import json
import random
import re
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from load import Ledger, Load
from queue_rows import put_local_rows
from running import PASSWORD, RunningServer

from posthouse.observe.steps import NAMES

ACCOUNTS = [f"crash{number}@posthouse.test" for number in range(4)]
CHECK_EVERY = 12
SETTINGS = {"store.removal_delay": "1", "store.removal_interval": "1", "queue.lease_time": "2"}
"""Short times, so that removal and lease expiry happen within a round."""


@dataclass
class Result:
    """What the campaign did and found."""

    kills: int = 0
    by_step: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    found: int = 0
    unacknowledged_found: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    verify_problems: list[str] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)

    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.damaged or self.verify_problems)

    def report(self) -> str:
        """The counts, for people."""
        steps = ", ".join(f"{name} {self.by_step[name]}" for name in (*NAMES, "random"))
        flight = sorted(self.in_flight) or [0]
        return (
            f"{self.kills} kills ({steps})\n"
            f"in flight when killed: median {flight[len(flight) // 2]}, least {flight[0]}, most {flight[-1]}\n"
            f"{self.acknowledged} acknowledged, {self.found} of them found, {len(self.lost)} lost, "
            f"{len(self.doubled)} twice, {len(self.damaged)} damaged; "
            f"{self.unacknowledged_found} found that were never acknowledged (allowed)\n"
            f"verify: {self.verify_problems or 'clean'}"
        )


class Campaign:
    """One campaign on one data folder. ``forget`` deleted mail is known, so that removal runs too."""

    def __init__(self, folder: Path, seed: int, workers: int = 1) -> None:
        self.server = RunningServer(folder, workers=workers)
        self.ledger = Ledger()
        self.result = Result()
        self.seen: Counter[str] = Counter()
        self.checked: dict[str, int] = {}
        self.rng = random.Random(seed)

    def prepare(self) -> None:
        """Accounts and settings."""
        self.server.start()
        self.server.add_domain()
        for account in ACCOUNTS:
            self.server.add_account(account)
        for name, value in SETTINGS.items():
            self.server.command("setting", "set", name, value)
        self.server.stop()

    def run(self, kills: int) -> Result:
        """All rounds, the checks between, the last check."""
        self.prepare()
        plan = self._plan(kills)
        for number, step in enumerate(plan, 1):
            self._round(step)
            if number % CHECK_EVERY == 0:
                self.check()
        self.check()
        self._conclude()
        return self.result

    def _plan(self, kills: int) -> list[str]:
        """Every named step at least once, each again in turn, a quarter at random moments."""
        rounds = [*NAMES]
        while len(rounds) < kills:
            rounds.append("random" if self.rng.random() < 0.25 else self.rng.choice(NAMES))
        self.rng.shuffle(rounds)
        return rounds

    def _round(self, step: str) -> None:
        for attempt in range(4):
            count = {0: self.rng.randint(1, 40), 1: self.rng.randint(1, 5)}.get(attempt, 1)
            if self._kill_once(step, count):
                return
        raise AssertionError(f"step {step} was never reached:\n{self.server.log[-3000:]}")

    def _kill_once(self, step: str, count: int) -> bool:
        if step.startswith("queue."):
            count = min(count, 6)
            self._owe(12)
        if step.startswith("removal."):
            count = min(count, 3)
            self._delete_some()
        self.server.environment = {} if step == "random" else {"POSTHOUSE_CRASH_AT": f"{step}:{count}"}
        try:
            self.server.start()
        except RuntimeError:
            if step == "random" or not self.server.wait_dead(1):
                raise
            self._count(step, 0)  # died while starting: the queue's and the removal job's steps can
            return True
        delay = self.rng.uniform(0.2, 1.2)
        in_flight = self._load(step, delay)
        if in_flight is None:
            self.server.stop()
            return False
        self._count(step, in_flight)
        return True

    def _count(self, step: str, in_flight: int) -> None:
        self.result.kills += 1
        self.result.by_step[step] += 1
        if in_flight:
            self.result.in_flight.append(in_flight)

    def _load(self, step: str, delay: float) -> int | None:
        """Load the server until it is dead; the number of unanswered messages then, None if it lived on."""
        load = Load(
            self.ledger, self.server.smtp, self.server.imap, ACCOUNTS, PASSWORD, self.rng.getrandbits(32)
        )
        seconds = 6.0
        outcome: list[int | None] = [None]

        async def both() -> None:
            gone = asyncio.Event()
            loop = asyncio.get_running_loop()

            def watch() -> None:
                if step == "random":
                    time.sleep(delay)
                    outcome[0] = len(self.ledger.waiting)
                    self.server.kill()
                elif self.server.wait_dead(seconds):
                    outcome[0] = len(self.ledger.waiting)
                loop.call_soon_threadsafe(gone.set)

            watcher = threading.Thread(target=watch)
            watcher.start()
            await load.run(gone, seconds + 5)
            await asyncio.to_thread(watcher.join)

        asyncio.run(both())
        return outcome[0]

    def _owe(self, count: int) -> None:
        """Put local deliveries into the queue, as acceptance does for a mailbox that could not take them."""
        messages = [self.ledger.new_message(self.rng) for _ in range(count)]
        put_local_rows(self.server.config, ACCOUNTS[0], [message for _, message in messages])
        self.ledger.acknowledged.update(token for token, _ in messages)

    def _delete_some(self) -> None:
        """Expunge mail whose tokens are known to be complete, so that bodies become unreferenced."""
        self.server.environment = {}
        self.server.start()
        self.check_mailbox(ACCOUNTS[1])
        with imaplib.IMAP4("127.0.0.1", self.server.imap) as client:
            client.login(ACCOUNTS[1], PASSWORD)
            client.select("INBOX")
            client.uid("STORE", "1:*", "+FLAGS.SILENT", "(\\Deleted)")
            client.expunge()
        # Their job is done; a second copy that turned up later would still be counted.
        self.server.kill()

    def check(self) -> None:
        """A clean start: read what is new in every mailbox, then verify."""
        self.server.environment = {}
        self.server.start()
        self._wait_for_queue()
        for account in ACCOUNTS:
            self.check_mailbox(account)
        answer = self.server.command("verify", "--json", check=False)
        problems = json.loads(answer.stdout or "{}").get("problems", [f"no answer: {answer.stderr}"])
        self.result.verify_problems += [str(problem) for problem in problems]
        self.server.stop()

    def _wait_for_queue(self) -> None:
        """Local deliveries that a dead worker had leased come back when the lease expires."""
        limit = time.monotonic() + 30
        while time.monotonic() < limit:
            rows = json.loads(self.server.command("queue", "list", "--json").stdout)
            if not rows.get("rows", rows.get("messages", rows)):
                return
            time.sleep(0.5)

    def check_mailbox(self, account: str) -> None:
        """Read every message this campaign has not read yet; count its token, compare its text."""
        with imaplib.IMAP4("127.0.0.1", self.server.imap) as client:
            client.login(account, PASSWORD)
            client.select("INBOX", readonly=True)
            client.literal = None
            low = self.checked.get(account, 0) + 1
            found = client.uid("SEARCH", f"UID {low}:*")[1][0].split()
            uids = [int(uid) for uid in found if int(uid) >= low]
            for start in range(0, len(uids), 100):
                chunk = uids[start : start + 100]
                data = client.uid("FETCH", f"{chunk[0]}:{chunk[-1]}", "(UID BODY.PEEK[])")[1]
                bodies = [each[1] for each in data if isinstance(each, tuple)]
                if len(bodies) != len(chunk):
                    self.result.damaged.append(f"{account}: {len(chunk) - len(bodies)} messages not readable")
                for body in bodies:
                    self._saw(body)
            if uids:
                self.checked[account] = uids[-1]

    def _saw(self, body: bytes) -> None:
        header, _, text = body.partition(b"\r\n\r\n")
        subject = re.search(rb"^Subject: (\w+)\r?$", header, re.M)
        token = subject[1].decode() if subject else "?"
        self.seen[token] += 1
        if self.ledger.sent.get(token) != hashlib.sha256(text).hexdigest():
            self.result.damaged.append(token)

    def _conclude(self) -> None:
        result, ledger = self.result, self.ledger
        result.acknowledged = len(ledger.acknowledged)
        result.lost = sorted(ledger.acknowledged - set(self.seen))
        result.found = result.acknowledged - len(result.lost)
        result.doubled = sorted(token for token, count in self.seen.items() if count > 1)
        result.unacknowledged_found = len(set(self.seen) - ledger.acknowledged)


def main() -> int:
    """Run a campaign and print its counts; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="posthouse-crash-", ignore_cleanup_errors=True) as folder:
        campaign = Campaign(Path(folder), options.seed, options.workers)
        try:
            result = campaign.run(options.kills)
        finally:
            campaign.server.kill()
    print(result.report())
    return 0 if result.clean() else 1


if __name__ == "__main__":
    sys.exit(main())
