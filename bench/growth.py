"""What work costs as there is more of it: ``python -m bench.growth [--only PART] [--write FOLDER]``.

Each part makes one thing larger by tens and measures a server with its embedded default at each size: ``mailbox``
(messages in one mailbox, their rows written straight into the store), ``sessions`` (IMAP sessions in IDLE),
``accounts`` (rows of one domain) and ``message`` (bytes of one message, by SMTP in and by FETCH out). Prints a table
for each part; with ``--write`` also a plot in PNG (needs ``pip install matplotlib``) and the figures in JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import smtplib
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from bench.anchor import PASSWORD
from bench.imap_load import Client, connect
from bench.ours import Posthouse
from bench.processes import cpu_seconds, pss_bytes
from bench.rows import example, multiply
from bench.smtp_load import make_body

MB = 1 << 20
SIZES = {
    "mailbox": (100, 1_000, 10_000, 100_000, 1_000_000),
    "sessions": (1, 10, 100, 1_000, 10_000),
    "accounts": (10, 100, 1_000, 10_000, 100_000),
    "message": (1_000, 10_000, 100_000, MB, 10 * MB, 50 * MB),
}
UNITS = {"mailbox": "messages", "sessions": "sessions", "accounts": "accounts", "message": "bytes"}
QUICK = 2
"""Sizes of each part with ``--quick``."""
IDLE_SECONDS = 10.0
UID_BITS = 32
"""A message's id in the store is its mailbox's id, and in the lowest bits its UID."""

Row = dict[str, float]
T = TypeVar("T")


async def _asked(client: Client, text: bytes, times: int) -> float:
    """Milliseconds of a command, the median of some."""
    found = []
    for _ in range(times):
        begun = time.perf_counter()
        await client.command(text)
        found.append((time.perf_counter() - begun) * 1000)
    return statistics.median(found)


async def _while(client: Client, work: Coroutine[Any, Any, T]) -> tuple[float, T]:
    """The 99th percentile, in milliseconds, of NOOPs that are asked one after the other while something else is done;
    and what that gave."""
    task = asyncio.ensure_future(work)
    found = []
    while not task.done():
        found.append(await _asked(client, b"NOOP", 1))
        await asyncio.sleep(0.001)
    return sorted(found)[len(found) * 99 // 100], await task


@contextmanager
def rows_of(server: Posthouse) -> Iterator[sqlite3.Connection]:
    """The file of a server that is stopped meanwhile."""
    server.stop()
    base = sqlite3.connect(server.folder / "data" / "posthouse.db")
    try:
        with base:
            yield base
    finally:
        base.close()
        server.start()


def _peak(server: Posthouse, work: Callable[[], float]) -> tuple[float, float]:
    """What ``work`` gives, and by how many MiB the server's own memory was larger at most meanwhile (pages of files
    not counted)."""
    assert server.pid is not None
    before, most, done = pss_bytes(server.pid, "Pss_Anon"), [0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], pss_bytes(server.pid or 0, "Pss_Anon"))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        result = work()
    finally:
        done.set()
        watcher.join()
    return result, max(0.0, (most[0] - before) / MB)


# ---------------------------------------------------------------------------------------------------------------- parts


def mailbox(server: Posthouse, size: int) -> Row:
    """A mailbox of so many messages that all have one body."""
    name = f"m{size}"
    server.accounts([name])
    user, password = server.login(name)
    with smtplib.SMTP("127.0.0.1", server.smtp) as client:
        client.sendmail("a@example.org", [user], make_body(4000, size))
    with rows_of(server) as base:
        (row,) = example(base, "messages", "id = (SELECT max(id) FROM messages)")
        box = row["mailbox_id"]
        new = ({"id": box << UID_BITS | uid, **row, "modseq": uid + 1} for uid in range(2, size + 1))
        multiply(base, "messages", new)
        base.execute(
            "UPDATE mailboxes SET uidnext = ?, highest_modseq = ?, messages = ?, unseen = ?, size = ? WHERE id = ?",
            (size + 1, size + 2, size, size, size * row["size"], box),
        )
    return asyncio.run(_mailbox(server, user, password, size))


async def _mailbox(server: Posthouse, user: str, password: str, size: int) -> Row:
    client = await connect(server.imap, user, password)
    other = await connect(server.imap, user, password)
    await _while(other, asyncio.sleep(0.2))
    quiet, _ = await _while(other, asyncio.sleep(1))
    before = server.memory()
    others, first = await _while(other, _asked(client, b"SELECT INBOX", 1))
    middle = f"{size // 2 - 49}:{size // 2 + 50}".encode()
    return {
        "first SELECT (ms)": first,
        "NOOP of others, p99 (ms)": quiet,
        "the same meanwhile (ms)": others,
        "bytes a message": max(0.0, (server.memory() - before) / size),
        "later SELECT (ms)": await _asked(client, b"SELECT INBOX", 5),
        "FETCH of 100 (ms)": await _asked(client, b"UID FETCH %s (FLAGS)" % middle, 5),
        "STORE of 100 (ms)": await _asked(client, b"UID STORE %s +FLAGS.SILENT (\\Flagged)" % middle, 1),
        "SEARCH in 100 (ms)": await _asked(client, b"UID SEARCH UID %s UNSEEN" % middle, 5),
        "FETCH of all (ms)": await _asked(client, b"FETCH 1:* (UID FLAGS)", 1),
    }


def sessions(server: Posthouse, size: int) -> Row:
    """So many TLS sessions in IDLE, held by another process."""
    users = [f"s{number}" for number in range(20)]
    if not (server.folder / "made").exists():
        server.accounts(users)
        (server.folder / "made").touch()
        server.stop()
        server.start()
        asyncio.run(_noop(server, users[0]))  # what the first session loads is not its own
    before = server.memory()
    logins = [word for user in users for word in ("--user", server.login(user)[0])]
    holder = subprocess.Popen(
        [
            *(sys.executable, "-m", "bench.idle_load", "--port", str(server.imaps), "--password", PASSWORD),
            *(*logins, "--sessions", str(size), "--tls"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert holder.stdout is not None
        if holder.stdout.readline() != b"ready\n":
            raise RuntimeError("the sessions did not open")
        grown = server.memory() - before
        assert server.pid is not None
        used = cpu_seconds(server.pid)
        time.sleep(IDLE_SECONDS)
        idle = (cpu_seconds(server.pid) - used) / IDLE_SECONDS
        noop = asyncio.run(_noop(server, users[0]))
    finally:
        holder.communicate(timeout=60)
    return {"KiB a session": max(0, grown) / 1024 / size, "idle (% of a core)": idle * 100, "NOOP (ms)": noop}


async def _noop(server: Posthouse, name: str) -> float:
    client = await connect(server.imaps, *server.login(name), tls=True)
    await client.command(b"SELECT INBOX")
    return await _asked(client, b"NOOP", 200)


def accounts(server: Posthouse, size: int) -> Row:
    """So many accounts in the domain, each with the mailboxes and the password of the first."""
    user, _ = server.login("first")
    if not (server.folder / "made").exists():
        server.accounts(["first"])
        (server.folder / "made").touch()
    with rows_of(server) as base:
        (account,) = example(base, "accounts", f"address = '{user}'")
        boxes = example(base, "mailboxes", "account_id = 1")
        multiply(
            base, "accounts", ({**account, "address": f"p{n}@bench.test"} for n in range(max(2, size - 1)))
        )
        ids = base.execute("SELECT id FROM accounts WHERE address != ?", (user,)).fetchall()
        copies = (
            {**box, "account_id": ident, "object_id": f"{ident}-{place}"}
            for (ident,) in ids
            for place, box in enumerate(boxes)
        )
        multiply(base, "mailboxes", copies)
    server.stop()
    server.start()
    return {
        "start (ms)": server.start_seconds * 1000,
        "memory (MiB)": server.memory() / MB,
        **asyncio.run(_accounts(server, size)),
    }


async def _accounts(server: Posthouse, size: int) -> Row:
    logins, recipients = [], []
    reader, writer = await asyncio.open_connection("127.0.0.1", server.smtp)
    await reader.readline()
    writer.write(b"HELO example.org\r\nMAIL FROM:<a@example.org>\r\n")
    await reader.readline()
    await reader.readline()
    for number in range(20):
        name = f"p{number * 7919 % max(2, size - 1)}"
        begun = time.perf_counter()
        writer.write(f"RCPT TO:<{name}@bench.test>\r\n".encode())
        answer = await reader.readline()
        assert answer.startswith(b"250"), answer
        recipients.append((time.perf_counter() - begun) * 1000)
        begun = time.perf_counter()
        client = await connect(server.imap, *server.login(name))
        logins.append((time.perf_counter() - begun) * 1000)
        assert client.transport is not None
        client.transport.close()
    writer.close()
    return {"LOGIN (ms)": statistics.median(logins), "RCPT (ms)": statistics.median(recipients)}


def message(server: Posthouse, size: int) -> Row:
    """One message of so many bytes, in and out, some times."""
    name = f"b{size}"
    server.accounts([name])
    user, password = server.login(name)
    body, times = make_body(size, size), 3 if size > MB else 10

    def send() -> float:
        found = []
        with smtplib.SMTP("127.0.0.1", server.smtp, timeout=300) as client:
            for _ in range(times):
                begun = time.perf_counter()
                client.sendmail("a@example.org", [user], body)
                found.append((time.perf_counter() - begun) * 1000)
        return statistics.median(found)

    into, into_peak = _peak(server, send)
    with asyncio.Runner() as runner:
        client = runner.run(
            connect(server.imap, user, password)
        )  # a password's hash takes 64 MiB for a moment
        runner.run(client.command(b"SELECT INBOX"))
        out, out_peak = _peak(server, lambda: runner.run(_asked(client, b"FETCH 1 BODY.PEEK[]", times)))
    return {
        "in (ms)": into,
        "out (ms)": out,
        "in, more memory (MiB)": into_peak,
        "out, more memory (MiB)": out_peak,
    }


PARTS: dict[str, Callable[[Posthouse, int], Row]] = {
    "mailbox": mailbox,
    "sessions": sessions,
    "accounts": accounts,
    "message": message,
}


# -------------------------------------------------------------------------------------------------------------- results


def table(part: str, found: dict[int, Row]) -> str:
    """Markdown: a line a size."""
    columns = list(next(iter(found.values())))
    lines = [f"| {UNITS[part]} | " + " | ".join(columns) + " |", "|---" * (len(columns) + 1) + "|"]
    for size, row in found.items():
        lines.append(
            f"| {size:,} | "
            + " | ".join(f"{row[name]:,.3g}" if row[name] < 1000 else f"{row[name]:,.0f}" for name in columns)
            + " |"
        )
    return "\n".join(lines)


def plot(part: str, found: dict[int, Row], path: Path) -> None:
    """A line for each figure, both axes by tens; the dotted line is what would be proportional."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 5))
    sizes = list(found)
    for name in found[sizes[0]]:
        axes.plot(sizes, [max(row[name], 1e-3) for row in found.values()], marker="o", label=name)
    least = min(max(value, 1e-3) for value in found[sizes[0]].values())
    axes.plot(sizes, [least * size / sizes[0] for size in sizes], ":", color="grey", label="proportional")
    axes.set(xscale="log", yscale="log", xlabel=UNITS[part], title=f"Cost by {UNITS[part]}")
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize=8, bbox_to_anchor=(1.02, 1), loc="upper left")
    figure.savefig(path, dpi=100, bbox_inches="tight")
    pyplot.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=list(PARTS), action="append")
    parser.add_argument("--quick", action="store_true", help="small sizes: shows that it works")
    parser.add_argument("--write", type=Path, help="a folder for plots and figures")
    options = parser.parse_args()
    for part in options.only or PARTS:
        sizes = SIZES[part][:QUICK] if options.quick else SIZES[part]
        found: dict[int, Row] = {}
        with tempfile.TemporaryDirectory() as folder:
            server = Posthouse(Path(folder) / "server")
            server.start()
            try:
                for size in sizes:
                    found[size] = PARTS[part](server, size)
                    print(part, size, json.dumps(found[size]), file=sys.stderr, flush=True)
            finally:
                server.stop()
        print(f"\n{table(part, found)}", flush=True)
        if options.write is not None:
            options.write.mkdir(parents=True, exist_ok=True)
            (options.write / f"growth-{part}.json").write_text(json.dumps(found, indent=1) + "\n")
            plot(part, found, options.write / f"growth-{part}.png")


if __name__ == "__main__":
    main()
