"""``python -m bench.relay``: mail that passes through, from smtp-source over Posthouse or Postfix to smtp-sink.

The clock runs from the start of the generator until the sink has answered 250 to the last message. Both promise the
same: what they took is on disk before their 250. Without DKIM smtp-source sends; with DKIM our own generator does,
because Posthouse signs only for who signed in (over TLS); Postfix signs by opendkim for everybody on this machine, who
needs neither. Rounds take turns. ``--waiting N`` measures instead what the servers need while N messages wait.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.figures import Figures
from bench.ours import Posthouse
from bench.relay_servers import (
    SENDER,
    RelayingPostfix,
    RelayingPosthouse,
    Sink,
    available,
)
from posthouse.origin.keys import make_key

SIZE = 4096
PATIENCE = 120.0
"""Seconds without any progress at the sink after which something is wrong."""

Server = RelayingPostfix | RelayingPosthouse


def send(server: Server, sessions: int, messages: int, *, signed: bool) -> float:
    """Hand over so many messages; the seconds that took."""
    begun = time.perf_counter()
    if signed:
        command = [
            *(sys.executable, "-m", "bench.smtp_load", *server.load(), "--sessions", str(sessions)),
            *("--messages", str(messages), "--size", str(SIZE)),
            *("--sender", SENDER, "--to", "reader@elsewhere.test"),
        ]
    else:
        command = [
            *("smtp-source", "-d", "-s", str(sessions), "-m", str(messages), "-l", str(SIZE)),
            *(
                "-f",
                SENDER.replace("bench", "here"),
                "-t",
                "reader@elsewhere.test",
                f"127.0.0.1:{server.smtp}",
            ),
        ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or (signed and json.loads(done.stdout)["accepted"] != messages):
        raise RuntimeError(f"{server.name} did not take all: {done.stdout} {done.stderr}")
    return time.perf_counter() - begun


def wait_until(sink: Sink, wanted: int) -> None:
    """Return when the sink has so many messages. Raises RuntimeError when there is no progress."""
    seen, since = -1, time.monotonic()
    while (count := sink.count()) < wanted:
        if count != seen:
            seen, since = count, time.monotonic()
        if time.monotonic() > since + PATIENCE:
            raise RuntimeError(f"the sink has {count} of {wanted} messages, and no more come")
        time.sleep(0.01)
    time.sleep(0.2)
    if sink.count() != wanted:
        raise RuntimeError(f"the sink has {sink.count()} messages in place of {wanted}: some came twice")


def relayed(server: Server, sessions: int, messages: int, *, signed: bool) -> dict[str, float]:
    """One round."""
    wanted, before = server.sink.count() + messages, server.cpu()
    begun = time.perf_counter()
    taken = send(server, sessions, messages, signed=signed)
    wait_until(server.sink, wanted)
    seconds = time.perf_counter() - begun - 0.2
    time.sleep(0.3)  # what is written down after the 250
    return {
        "relayed_per_s": messages / seconds,
        "taken_per_s": messages / taken,
        "cpu_ms": (server.cpu() - before) * 1000 / messages,
    }


def compare(servers: list[Server], rounds: int, messages: int, figures: Figures, *, signed: bool) -> None:
    """All loads, the servers in turn."""
    for sessions in (1, 20, 100):
        load = f"relay 4 KB{' DKIM' if signed else ''} x{sessions}"
        count = max(messages // 5, 50) if sessions == 1 else messages
        for number in range(rounds):
            for server in servers if number % 2 else servers[::-1]:
                found = relayed(server, sessions, count, signed=signed)
                figures.add(load, server.name, found)
                shown = {name: round(value, 2) for name, value in found.items()}
                print(
                    f"{load} {server.name}: {shown} load {os.getloadavg()[0]:.1f}",
                    file=sys.stderr,
                    flush=True,
                )


def waiting(ours: RelayingPosthouse, messages: int) -> None:
    """What the server needs while so many messages wait, and whether they all leave in the end."""
    megabytes = 2**20
    before = ours.memory()
    ours.pause(on=True)
    seconds = send(ours, 20, messages, signed=False)
    print(f"memory before: {before / megabytes:.1f} MiB; {messages} taken in {seconds:.0f} s")
    print(f"memory while they wait: {ours.memory() / megabytes:.1f} MiB")
    ours.stop()
    print(f"started again in {ours.resume():.2f} s")
    time.sleep(5)
    print(f"memory five seconds later: {ours.memory() / megabytes:.1f} MiB")
    begun, most = time.perf_counter(), 0
    ours.pause(on=False)
    while ours.sink.count() < messages:
        most = max(most, ours.memory())
        time.sleep(1.0)
    print(
        f"all gone in {time.perf_counter() - begun:.0f} s, most memory meanwhile: {most / megabytes:.1f} MiB"
    )


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m bench.relay", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--short", action="store_true", help="shows that the bench works, not figures")
    parser.add_argument("--dkim", choices=("without", "with", "both"), default="both")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--waiting", type=int, default=0, metavar="N")
    parser.add_argument("--out", type=Path, help="write the raw rounds to this file")
    options = parser.parse_args()
    missing = available(signing=options.dkim != "without")
    if missing:
        print(f"The bench cannot run here: {missing}", file=sys.stderr)
        return 1
    rounds, messages = (1, 200) if options.short else (options.rounds, options.messages)
    figures = Figures()
    try:
        for signed in {"without": (False,), "with": (True,), "both": (False, True)}[options.dkim]:
            one_kind(options, rounds, messages, figures, signed=signed and not options.waiting)
            if options.waiting:
                break
    finally:
        if figures.rounds:
            print(figures.table(Posthouse.name, RelayingPostfix.name))
        if options.out:
            figures.save(options.out)
    return 0


def one_kind(
    options: argparse.Namespace, rounds: int, messages: int, figures: Figures, *, signed: bool
) -> None:
    """Fresh servers, and the loads with or without signatures."""
    folder = Path(tempfile.mkdtemp(prefix="posthouse-relay-"))
    key = folder / "key.pem" if signed else None
    if key is not None:
        key.write_text(make_key("rsa-sha256").pem)
    sinks = [Sink(folder / "sink-ours"), Sink(folder / "sink-postfix")]
    ours = RelayingPosthouse(folder / "ours", sinks[0], key, workers=options.workers)
    postfix = RelayingPostfix(folder / "postfix", sinks[1], key)
    try:
        ours.start()
        if options.waiting:
            waiting(ours, options.waiting)
            return
        postfix.start()
        for server in (ours, postfix):
            relayed(server, 1, 20, signed=signed)  # sign-ins are remembered from here on
        compare([ours, postfix], rounds, messages, figures, signed=signed)
    finally:
        ours.stop()
        postfix.stop()
        for sink in sinks:
            sink.stop()
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
