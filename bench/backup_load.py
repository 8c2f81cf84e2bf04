"""``python -m bench.backup_load``: how long mail programs wait while a backup runs, against the same without one.

One IMAP session fetches single messages and one SMTP session delivers 4 KB messages, each as fast as it is answered, in
turns without and with a complete backup (to a new place each time, so that every message is written).
"""

from __future__ import annotations

import argparse
import imaplib
import random
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from bench.__main__ import program
from bench.ours import Posthouse
from bench.smtp_load import make_body

Times = dict[str, list[float]]


class Probes:
    """Both sessions, each in a thread, until told to stop."""

    def __init__(self, server: Posthouse, messages: int) -> None:
        self.times: Times = {"imap fetch": [], "smtp 4 KB": []}
        self._stop = threading.Event()
        self._server = server
        self._messages = messages
        self._threads = [threading.Thread(target=work) for work in (self._imap, self._smtp)]

    def __enter__(self) -> Times:
        for thread in self._threads:
            thread.start()
        return self.times

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _imap(self) -> None:
        rng = random.Random(1)
        with imaplib.IMAP4("127.0.0.1", self._server.imap) as client:
            client.login(*self._server.login("box0"))
            client.select("INBOX")

            def fetch() -> None:
                client.fetch(str(rng.randrange(1, self._messages)), "(FLAGS BODY.PEEK[])")

            self._repeat("imap fetch", fetch, 0.002)

    def _smtp(self) -> None:
        with smtplib.SMTP("127.0.0.1", self._server.smtp) as client:
            client.ehlo("load.example.org")
            body = make_body(4096, 1)
            self._repeat(
                "smtp 4 KB", lambda: client.sendmail("a@example.org", ["box1@bench.test"], body), 0.005
            )

    def _repeat(self, name: str, act: Callable[[], object], pause: float) -> None:
        while not self._stop.is_set():
            begun = time.perf_counter()
            act()
            self.times[name].append((time.perf_counter() - begun) * 1000)
            time.sleep(pause)


def backup(folder: Path, *words: str) -> None:
    """Run a command about backups against the server."""
    config = str(folder / "posthouse.toml")
    command = [sys.executable, "-m", "posthouse", "backup", *words, "--config", config]
    subprocess.run(command, check=True, capture_output=True)


def part(times: list[float], share: float) -> float:
    """The time that this share of all stayed below."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    found: dict[tuple[str, str], list[list[float]]] = {}
    seconds = []
    with tempfile.TemporaryDirectory(prefix="posthouse-bench-") as temporary:
        folder = Path(temporary)
        server = Posthouse(folder)
        try:
            server.start()
            server.accounts(["box0", "box1"])
            fill(server, options.messages)
            for number in range(options.rounds):
                backup(folder, "init", str(folder / f"place{number}"))
                with Probes(server, options.messages) as times:
                    time.sleep(6)
                keep(found, "without", times)
                with Probes(server, options.messages) as times:
                    begun = time.perf_counter()
                    backup(folder, "run")
                    seconds.append(time.perf_counter() - begun)
                keep(found, "with", times)
        finally:
            server.stop()
    print(f"{options.messages} messages of 4 KB; a backup took {median(seconds):.1f} s")
    print("| | p50 ms | p99 ms | longest ms |\n|---|---|---|---|")
    for (name, when), rounds in sorted(found.items()):
        cells = [
            f"{median(values):.1f} ({min(values):.1f}-{max(values):.1f})"
            for values in zip(*rounds, strict=True)
        ]
        print(f"| {name}, {when} a backup | " + " | ".join(cells) + " |")


def keep(found: dict[tuple[str, str], list[list[float]]], when: str, times: Times) -> None:
    """Note one round."""
    for name, values in times.items():
        found.setdefault((name, when), []).append([part(values, 0.5), part(values, 0.99), max(values)])


def fill(server: Posthouse, count: int) -> None:
    """Deliver the messages that are backed up."""
    words = (
        "--port",
        str(server.smtp),
        "--size",
        "4096",
        "--to",
        "box0@bench.test",
        "--messages",
        str(count),
    )
    program("smtp_load", *words)


if __name__ == "__main__":
    main()
