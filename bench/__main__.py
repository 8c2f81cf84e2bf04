"""``python -m bench``: Postfix+Dovecot and Posthouse, one run, interleaved rounds, medians and ratios."""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.anchor import PASSWORD, Anchor, available
from bench.figures import Figures
from bench.ours import Posthouse

Server = Anchor | Posthouse
BOXES = 4


def program(module: str, *arguments: str) -> dict[str, Any]:
    """Run a load program to its end; its figures."""
    done = subprocess.run(
        [sys.executable, "-m", f"bench.{module}", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{module} {' '.join(arguments)}: {done.stderr[-800:]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


class Bench:
    """One run: both servers up, loads in turn."""

    def __init__(self, servers: list[Server], rounds: int, quick: bool) -> None:
        self.servers = servers
        self.rounds = rounds
        self.quick = quick
        self.figures = Figures()
        self._serial = 0

    def each(self, load: str, measure: Callable[[Server], dict[str, float]]) -> None:
        """Measure a load ``rounds`` times, the servers taking turns at going first."""
        for turn in range(self.rounds):
            order = self.servers if turn % 2 == 0 else list(reversed(self.servers))
            for server in order:
                figures = measure(server)
                self.figures.add(load, server.name, figures)
                print(f"{load:32} {server.name:16} {figures}", flush=True)

    def fresh(self, server: Server, count: int = BOXES) -> list[str]:
        """New accounts with empty mailboxes: a full maildir slows Dovecot down and would flatter us."""
        self._serial += 1
        names = [f"u{self._serial}x{number}" for number in range(count)]
        server.accounts(names)
        return names

    def smtp(self, sessions: int, size: int) -> None:
        """Durable deliveries per second: until the last message lies in its mailbox."""

        def measure(server: Server) -> dict[str, float]:
            names = self.fresh(server)
            messages = {1: 400, 20: 2000, 100: 3000}[sessions] // (4 if self.quick else 1)
            if size > 10_000:
                messages //= 2
            before = server.cpu()
            to = [word for name in names for word in ("--to", f"{name}@bench.test")]
            result = program(
                "smtp_load",
                *("--port", str(server.smtp), "--sessions", str(sessions)),
                *("--messages", str(messages), "--size", str(size), *to),
            )
            if result["accepted"] != messages:
                raise RuntimeError(
                    f"{server.name} accepted {result['accepted']} of {messages}: {result['errors']}"
                )
            seconds = float(result["seconds"])
            while 0 <= server.stored(names) < messages:
                time.sleep(0.02)
                seconds = time.time() - float(result["begun_at"])
            return {
                "stored_per_s": messages / seconds,
                "cpu_ms": (server.cpu() - before) * 1000 / messages,
                "p99_ms": float(result["p99_ms"]),
            }

        self.each(f"smtp {size // 1024} KB x{sessions}", measure)

    def prepare_imap(self, messages: int, count: int) -> dict[str, list[str]]:
        """Accounts with a filled INBOX and a Sent mailbox, per server."""
        users: dict[str, list[str]] = {}
        for server in self.servers:
            names = self.fresh(server, count)
            users[server.name] = names
            for name in names:
                user, password = server.login(name)
                arguments = ("--port", str(server.imap), "--user", user, "--password", password)
                program("imap_load", *arguments, "--step", "fill", "--messages", str(messages))
                self._make_ready(server, user, password)
        return users

    @staticmethod
    def _make_ready(server: Server, user: str, password: str) -> None:
        """Make Sent; and be the first to select INBOX, for whom all messages are \\Recent."""
        import imaplib

        with imaplib.IMAP4("127.0.0.1", server.imap) as client:
            client.login(user, password)
            client.create("Sent")
            client.select("INBOX")

    def imap(self, step: str, clients: int, users: dict[str, list[str]], label: str = "") -> None:
        """One step, or the mix, with so many clients."""
        seconds = 1.0 if self.quick else 4.0

        def measure(server: Server) -> dict[str, float]:
            words = [w for name in users[server.name] for w in ("--user", server.login(name)[0])]
            before = server.cpu()
            result = program(
                "imap_load",
                *("--port", str(server.imap), *words, "--password", PASSWORD),
                *("--clients", str(clients), "--step", step, "--seconds", str(seconds)),
            )
            return {
                "op_per_s": float(result["rate"]),
                "p50_ms": float(result["p50_ms"]),
                "p99_ms": float(result["p99_ms"]),
                "cpu_ms": (server.cpu() - before) * 1000 / float(result["operations"]),
            }

        self.each(label or f"imap {step} x{clients}", measure)

    def pop3(self, users: dict[str, list[str]], messages: int) -> None:
        """RETR by 1 and by 20 clients."""
        seconds = 1.0 if self.quick else 4.0
        for clients in (1, min(20, len(next(iter(users.values()))))):

            def measure(server: Server, clients: int = clients) -> dict[str, float]:
                words = [
                    w for name in users[server.name][:clients] for w in ("--user", server.login(name)[0])
                ]
                result = program(
                    "pop3_load",
                    *("--port", str(server.pop3), *words, "--password", PASSWORD),
                    *("--messages", str(messages), "--seconds", str(seconds)),
                )
                return {"retr_per_s": float(result["rate"])}

            self.each(f"pop3 retr x{clients}", measure)

    def idle(self, users: dict[str, list[str]], tls: bool) -> None:
        """Memory per idle session, over what the server took before."""
        sessions = 200 if self.quick else 1000

        def measure(server: Server) -> dict[str, float]:
            words = [w for name in users[server.name] for w in ("--user", server.login(name)[0])]
            port = server.imaps if tls else server.imap
            # Memory that earlier loads left free would be used again, and the sessions would seem to cost nothing.
            server.stop()
            server.start()
            time.sleep(2)
            before = server.memory()
            holder = subprocess.Popen(
                [
                    *(sys.executable, "-m", "bench.idle_load", "--port", str(port), *words),
                    *("--password", PASSWORD, "--sessions", str(sessions)),
                    *(["--tls"] if tls else []),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            assert holder.stdout is not None
            try:
                if holder.stdout.readline() != b"ready\n":
                    raise RuntimeError(f"{server.name}: the idle sessions could not be opened")
                taken = server.memory() - before
            finally:
                holder.communicate()
            time.sleep(1)
            return {"kib_per_session": taken / 1024 / sessions, "base_mib": before / 2**20}

        self.each(f"idle {sessions} {'tls' if tls else 'plain'}", measure)

    def start_up(self) -> None:
        """Seconds from exec to the last port answering."""

        def measure(server: Server) -> dict[str, float]:
            server.stop()
            server.start()
            return {"seconds": server.start_seconds}

        self.each("start-up", measure)


GROUPS = ("smtp", "imap", "large", "pop3", "idle", "start")


def run(bench: Bench, groups: list[str]) -> None:
    """The chosen groups of loads."""
    if "smtp" in groups:
        for size in (4096, 51200):
            for sessions in (1, 20, 100):
                bench.smtp(sessions, size)
    if {"imap", "pop3", "idle"} & set(groups):
        users = bench.prepare_imap(100, 20)
        if "imap" in groups:
            for step in ("noop", "select", "flags", "envelope", "body", "store", "search", "append"):
                bench.imap(step, 20, users)
            for clients in (1, 20, 100):
                bench.imap("mix", clients, users)
            bench.imap("login", 1, users, "imap connect+LOGIN+SELECT+LOGOUT x1")
        if "pop3" in groups:
            bench.pop3(users, 100)
        if "idle" in groups:
            bench.idle(users, tls=False)
            bench.idle(users, tls=True)
    if "large" in groups:
        count = 2000 if bench.quick else 20000
        large = bench.prepare_imap(count, 1)
        for step in ("flags", "search", "search-from", "search-body", "store"):
            bench.imap(step, 1, large, f"{count} messages: {step}")
    if "start" in groups:
        bench.start_up()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--quick", action="store_true", help="small loads: shows that the bench works, not figures"
    )
    parser.add_argument("--only", action="append", choices=GROUPS)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--uvloop", action="store_true", help="run Posthouse on uvloop")
    parser.add_argument("--out", type=Path, help="write the raw rounds to this file")
    options = parser.parse_args()
    missing = available()
    if missing:
        print(f"The anchor cannot be started here: {missing}", file=sys.stderr)
        return 1
    folder = Path(tempfile.mkdtemp(prefix="posthouse-bench-"))
    anchor = Anchor(folder / "anchor")
    ours = Posthouse(folder / "ours", workers=options.workers, uvloop=options.uvloop)
    bench = Bench([anchor, ours], options.rounds, options.quick)
    try:
        anchor.start()
        ours.start()
        run(bench, options.only or list(GROUPS))
    finally:
        ours.stop()
        anchor.stop()
        shutil.rmtree(folder, ignore_errors=True)
        # Also of a run that was interrupted.
        print()
        print(bench.figures.table(ours.name, anchor.name))
        if options.out:
            bench.figures.save(options.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
