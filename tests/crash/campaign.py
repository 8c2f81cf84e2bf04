"""The crash campaign: kill -9 under load, at random and at every named write step, then count what is there.

``make crash`` runs the long form, 200 kills; the suite runs a short one. A round: start the server, told to
kill itself at the Nth reach of a step (or killed from here at a random time), load it from 48 SMTP and 8 IMAP
sessions until it is dead. With several workers one dies; the others are killed at once or a little later. In
between, a clean start: every acknowledged message must be there, readable, once and under the UID it was
said to have, in all the mailboxes it was for; what was expunged must stay so, and ``posthouse verify`` must
find nothing.
"""

from __future__ import annotations

import argparse
import asyncio
import imaplib
import json
import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from load import Ledger, Load
from queue_rows import put_local_rows
from reading import read_tokens
from running import PASSWORD, RunningServer

from posthouse.observe import steps

ACCOUNTS = [f"crash{number}@posthouse.test" for number in range(4)]
EXPUNGED = ACCOUNTS[1]
"""The account whose mail is expunged now and then, so that bodies are removed."""
CHECK_EVERY = 12
SETTINGS = {
    "store.removal_wait": "1",
    "store.removal_interval": "1",
    "store.undelete_days": "0",
    "queue.lease_time": "5",
}
"""Short times, so that removal and lease expiry happen within a round; what is expunged is not kept, so that bodies are
removed (``test_kill_keeping`` is about those that are kept)."""
REACH = {
    "body": (20, 150),
    "journal": (5, 40),
    "journal.turned": (1, 3),
    "journal.flushed": (1, 3),
    "unit": (15, 60),
    "accept": (20, 150),
    "append": (3, 20),
    "queue": (1, 5),
}
"""How often a step is passed before the kill, so that it comes with the load at its height."""
DUE = (5.0, 7.0)
"""Seconds after which rows that were put into the queue are due: the server has started by then, as a rule."""
LIFE = 8.0
"""Seconds of load after which a step counts as not reached."""


@dataclass
class Result:
    """What the campaign did and found."""

    kills: int = 0
    by_step: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    found: int = 0
    unacknowledged_found: int = 0
    expunged: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    in_flight: list[int] = field(default_factory=list)
    verified: int = 0

    def clean(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.doubled or self.problems)

    def median_in_flight(self) -> int:
        """Messages wholly sent and not yet answered at the moment of a kill."""
        return sorted(self.in_flight or [0])[len(self.in_flight) // 2]

    def report(self) -> str:
        """The counts, for people."""
        by_step = ", ".join(f"{name} {count}" for name, count in sorted(self.by_step.items()))
        flight = self.in_flight or [0]
        return (
            f"{self.kills} kills: {by_step}\n"
            f"unacknowledged in flight when killed: median {self.median_in_flight()}, least {min(flight)}, "
            f"most {max(flight)}\n"
            f"{self.acknowledged} acknowledged, {self.found} of them found, {len(self.lost)} lost, "
            f"{len(self.doubled)} twice; {self.unacknowledged_found} found that were never acknowledged "
            f"(allowed); {self.expunged} expunged in between\n"
            f"verified {self.verified} times, problems: {self.problems or 'none'}"
        )


def names(layout: str) -> tuple[str, ...]:
    """The steps of mail that comes in, where bodies are kept so."""
    if layout == "plain":
        return steps.NAMES
    return (*steps.JOURNAL, *(name for name in steps.NAMES if not name.startswith("body.")))


class Campaign:
    """One campaign on one data folder."""

    def __init__(self, folder: Path, seed: int, workers: int = 1, layout: str = "plain") -> None:
        self.server = RunningServer(folder, workers=workers)
        self.layout = layout
        self.names = names(layout)
        self.ledger = Ledger()
        self.result = Result()
        self.seen: Counter[str] = Counter()
        self.read_to: dict[str, int] = {}
        self.expunged_to = 0
        self.said: dict[tuple[str, int], str] = {}
        self.rng = random.Random(seed)

    def _layout(self, step: str = "") -> dict[str, str]:
        """How bodies are kept; now and then the other way, as somebody may change it between two starts."""
        layout = self.layout
        if self.rng.random() < 0.15 and not step.startswith(("body.", "journal.")):
            layout = "plain" if layout == "journal" else "journal"
        return {"POSTHOUSE_DURABILITY": layout, "POSTHOUSE_JOURNAL_SIZE": "1"}

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
        for number, step in enumerate(self._plan(kills), 1):
            self._round(step)
            if number % CHECK_EVERY == 0:
                self.check()
        self.check()
        self._conclude()
        return self.result

    def _plan(self, kills: int) -> list[str]:
        """Every named step at least once, then at random, a quarter at random moments."""
        rounds = [*self.names]
        while len(rounds) < kills:
            rounds.append("random" if self.rng.random() < 0.25 else self.rng.choice(self.names))
        self.rng.shuffle(rounds)
        return rounds

    def _round(self, step: str) -> None:
        """One kill. A step that was not reached (a slow machine) is tried again, to be reached sooner."""
        for share in (1.0, 0.3, 0.1, 0.0):
            low, high = REACH.get(step, REACH.get(step.partition(".")[0], (1, 2)))
            count = max(1, int(self.rng.randint(low, high) * share))
            if self._kill_once(step, count):
                return
        raise AssertionError(f"step {step} was never reached:\n{self.server.log[-3000:]}")

    def _kill_once(self, step: str, count: int) -> bool:
        if step.startswith("queue."):
            self._owe(12)
        if step.startswith("removal."):
            self._expunge()
        in_flight = self._load(step) if self._start(step, count) else 0
        if in_flight is None:
            self.server.stop()
            return False
        self.result.kills += 1
        self.result.by_step[step] += 1
        self.result.in_flight.append(in_flight)
        return True

    def _start(self, step: str, count: int) -> bool:
        """Start the server so that it dies when it reaches the step for the ``count``th time. What it does by itself
        at its start may be enough for that: then it is to come further, into the load, but for the steps of the queue,
        which that many rows may not reach again: it is dead already, and that is the answer."""
        for more in range(0, 100, 10):
            at = {} if step == "random" else {"POSTHOUSE_CRASH_AT": f"{step}:{count + more}"}
            self.server.environment = at | self._layout(step)
            try:
                self.server.start()
                return True
            except RuntimeError:
                if not at or self.server.process is None:
                    raise
                if step.startswith("queue.") and (self.server.workers > 1 or self._killed()):
                    self.server.kill()  # several workers die again and again while such rows are due
                    return False
                if not self._killed():
                    raise
        raise AssertionError(f"the server reaches {step} again and again at its start")

    def _killed(self) -> bool:
        return self.server.process is not None and self.server.process.poll() == -signal.SIGKILL

    def _load(self, step: str) -> int | None:
        """Load the server until it is dead; the number of unanswered messages then, None if it lived on."""
        load = Load(
            self.ledger,
            ACCOUNTS,
            PASSWORD,
            self.server.smtp,
            self.server.imap,
            smtp_sessions=48,
            imap_sessions=8,
            seed=self.rng.getrandbits(32),
        )
        delay = self.rng.uniform(0.5, 1.5)
        linger = self.rng.choice((0.0, 0.0, 0.7))
        outcome: list[int | None] = [None]

        async def both() -> None:
            gone = asyncio.Event()
            loop = asyncio.get_running_loop()

            def watch() -> None:
                if step == "random":
                    time.sleep(delay)
                    outcome[0] = len(self.ledger.waiting)
                elif self._dies(LIFE):
                    outcome[0] = len(self.ledger.waiting)
                    if self.server.workers > 1:
                        time.sleep(linger)  # the others go on without it
                if outcome[0] is not None:
                    self.server.kill()
                loop.call_soon_threadsafe(gone.set)

            watcher = threading.Thread(target=watch)
            watcher.start()
            await load.run(gone, LIFE + 5)
            await asyncio.to_thread(watcher.join)

        asyncio.run(both())
        return outcome[0]

    def _dies(self, seconds: float) -> bool:
        """Whether the server, or one of its workers, kills itself in that time."""
        if self.server.workers == 1:
            assert self.server.process is not None
            limit = time.monotonic() + seconds
            while time.monotonic() < limit:
                if self.server.process.poll() is not None:
                    return True
                time.sleep(0.002)
            return False
        with (self.server.folder / "server.log").open("rb") as log:
            log.seek(0, 2)
            limit = time.monotonic() + seconds
            while time.monotonic() < limit:
                if b"worker.died" in log.read():
                    return True
                time.sleep(0.005)
        return False

    def _owe(self, count: int) -> None:
        """Put local deliveries into the queue, due when the load is on."""
        messages = [self.ledger.new_message(self.rng) for _ in range(count)]
        put_local_rows(self.server.data, ACCOUNTS[0], [message for _, message in messages], within=DUE)
        self.ledger.acknowledged.update(token for token, _ in messages)

    def _expunge(self) -> None:
        """Expunge what an account has (and was counted), so that bodies become unreferenced."""
        self.server.environment = self._layout()
        self.server.start()
        self._read(EXPUNGED)
        last = self.read_to.get(EXPUNGED, 0)
        client = imaplib.IMAP4("127.0.0.1", self.server.imap)
        client.login(EXPUNGED, PASSWORD)
        client.select("INBOX")
        if last > self.expunged_to:
            self.result.expunged += len(client.uid("SEARCH", f"UID 1:{last}")[1][0].split())
            client.uid("STORE", f"1:{last}", "+FLAGS.SILENT", "(\\Deleted)")
            assert client.uid("EXPUNGE", f"1:{last}")[0] == "OK"
            self.expunged_to = last
        self.server.kill()  # an OK to EXPUNGE is a promise, too
        client.shutdown()

    def check(self) -> None:
        """A clean start: read what is new in every mailbox, then verify."""
        self.server.environment = self._layout()
        self.server.start()
        self._wait_for_queue()
        for account in ACCOUNTS:
            self._read(account)
        answer = self.server.command("verify", "--json", check=False)
        try:
            found = json.loads(answer.stdout)
            self.result.problems += found["errors"]
            self.result.verified += 1
        except (ValueError, KeyError):
            self.result.problems.append(f"verify gave no answer: {answer.stdout}{answer.stderr}")
        self.server.stop()

    def _wait_for_queue(self) -> None:
        """Local deliveries that a dead worker had leased come back when the lease expires."""
        limit = time.monotonic() + 40
        while json.loads(self.server.command("queue", "list", "--json").stdout)["total"]:
            if time.monotonic() > limit:
                self.result.problems.append("the queue did not become empty")
                return
            time.sleep(0.5)

    def _read(self, account: str) -> None:
        """Read every message this campaign has not read yet; count its token, compare its text."""
        above = self.read_to.get(account, 0)
        self.said.update({(who, uid): token for (who, _, uid), token in self.ledger.by_uid.items()})
        try:
            tokens = read_tokens(self.server.imap, account, self.ledger, above)
        except AssertionError as problem:
            self.result.problems.append(str(problem))
            return
        for uid, token in tokens.items():
            said = self.said.get((account, uid))
            if said not in (None, token):
                self.result.problems.append(f"{account}: UID {uid} was said to be {said} and is {token}")
        self.seen.update(tokens.values())
        self.read_to[account] = max([above, *tokens])
        if account == EXPUNGED and self.expunged_to:
            with imaplib.IMAP4("127.0.0.1", self.server.imap) as client:
                client.login(account, PASSWORD)
                client.select("INBOX", readonly=True)
                back = client.uid("SEARCH", f"UID 1:{self.expunged_to}")[1][0]
                if back:
                    self.result.problems.append(f"expunged messages came back: {back.decode()}")

    def _conclude(self) -> None:
        result, ledger = self.result, self.ledger
        result.acknowledged = len(ledger.acknowledged)
        result.lost = sorted(ledger.acknowledged - set(self.seen))
        result.problems += ledger.reused
        if len({(account, validity) for account, validity, _ in ledger.by_uid}) > len(ACCOUNTS):
            result.problems.append("an Inbox changed its UIDVALIDITY")
        result.found = result.acknowledged - len(result.lost)
        for token, count in self.seen.items():
            wanted = ledger.copies.get(token, 1)
            if count > wanted:
                result.doubled.append(token)
            elif count < wanted:  # acknowledged or not: all of its recipients have it, or none
                result.problems.append(f"{token} is in {count} of {wanted} mailboxes")
        result.unacknowledged_found = len(set(self.seen) - ledger.acknowledged)


def main() -> int:
    """Run campaigns and print their counts; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, help="default: three quarters with one, the rest with two")
    parser.add_argument("--layout", choices=("journal", "plain"), help="default: half of each")
    options = parser.parse_args()
    part = options.kills * 3 // 4
    plan = [(1, part), (2, options.kills - part)]
    if options.workers:
        plan = [(options.workers, options.kills)]
    layouts = [options.layout] if options.layout else ["journal", "plain"]
    clean = True
    for (workers, kills), layout in product(plan, layouts):
        with tempfile.TemporaryDirectory(prefix="posthouse-crash-", ignore_cleanup_errors=True) as folder:
            campaign = Campaign(Path(folder), options.seed, workers, layout)
            try:
                result = campaign.run(kills // len(layouts))
            finally:
                campaign.server.kill()
        print(f"{layout}, {workers} worker{'s' if workers > 1 else ''}: {result.report()}", flush=True)
        clean = clean and result.clean()
    return 0 if clean else 1


if __name__ == "__main__":
    sys.exit(main())
