"""Who idles is told: ``python -m bench.idle_notices [--sessions N] [--rate N] [--seconds N]``.

So many accounts, each with one TLS session in IDLE, held by this process; then mail for them at a steady rate over
some SMTP sessions, each message for another account in turn. Prints how long after the server's 250 for a message its
session heard of it (below zero: before), what a session takes of the server's memory, and the processor time of the
server while nothing happens.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import functools
import hashlib
import hmac
import random
import re
import ssl
import statistics
import tempfile
import time
from pathlib import Path

from bench.anchor import PASSWORD
from bench.growth import rows_of
from bench.imap_load import Client
from bench.ours import Posthouse
from bench.processes import cpu_seconds
from bench.rows import example, multiply
from bench.smtp_load import make_body

SIGN_IN_AT_ONCE = 50
SENDERS = 20
IDLE_SECONDS = 10.0
WAIT = 10.0
"""Seconds after the last message for which notices are waited for."""


class Idler(Client):
    """A session that idles and notes when it was told of a message."""

    def __init__(self, told: list[float]) -> None:
        super().__init__()
        self.told = told
        self.idles = False

    def data_received(self, data: bytes) -> None:
        if self.idles:
            self.told += [time.monotonic()] * data.count(b" EXISTS\r\n")
        else:
            super().data_received(data)


@functools.cache
def _salted(salt: bytes, rounds: int) -> bytes:
    return hashlib.pbkdf2_hmac("sha256", PASSWORD.encode(), salt, rounds)


async def _scram(client: Client, user: str) -> None:
    """Sign in by SCRAM-SHA-256 (RFC 7677), which costs the server no password hash."""
    first = f"n={user},r={random.getrandbits(64):x}"
    client.keep = []
    await client.command(b"AUTHENTICATE SCRAM-SHA-256 " + base64.b64encode(f"n,,{first}".encode()), b"+")
    said = client.keep[-1].rpartition(b"+ ")[2].split(b"\r\n")[0]
    challenge = base64.b64decode(said).decode()
    nonce, salt, rounds = re.match(r"r=([^,]+),s=([^,]+),i=(\d+)", challenge).groups()  # type: ignore[union-attr]
    key = hmac.digest(_salted(base64.b64decode(salt), int(rounds)), b"Client Key", "sha256")
    signed = f"{first},{challenge},c=biws,r={nonce}"
    signature = hmac.digest(hashlib.sha256(key).digest(), signed.encode(), "sha256")
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(key, signature, strict=True))).decode()
    await client.line(base64.b64encode(f"c=biws,r={nonce},p={proof}".encode()), b"+")
    await client.line(b"", b" OK")
    client.keep = None


async def _idle(port: int, user: str, context: ssl.SSLContext, told: list[float]) -> Idler:
    loop = asyncio.get_running_loop()
    _, client = await loop.create_connection(lambda: Idler(told), "127.0.0.1", port, ssl=context)
    assert client.greeting is not None
    await client.greeting
    await _scram(client, user)
    await client.command(b"SELECT INBOX")
    await client.command(b"IDLE", b"+")
    client.idles = True
    return client


async def _send(port: int, users: list[str], rate: float, seconds: float, taken: dict[int, float]) -> None:
    """Messages at a steady rate; when each was taken, by the number of its recipient."""
    due: asyncio.Queue[int | None] = asyncio.Queue()
    message = make_body(4000, 1) + b".\r\n"

    async def sender() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
        writer.write(b"HELO example.org\r\n")
        await reader.readline()
        while (number := await due.get()) is not None:
            writer.write(f"MAIL FROM:<a@example.org>\r\nRCPT TO:<{users[number]}>\r\nDATA\r\n".encode())
            for _ in range(3):
                await reader.readline()
            writer.write(message)
            answer = await reader.readline()
            if not answer.startswith(b"250"):
                raise RuntimeError(answer.decode())
            taken[number] = time.monotonic()
        writer.close()

    senders = [asyncio.create_task(sender()) for _ in range(SENDERS)]
    begun = time.monotonic()
    for number in range(min(len(users), int(rate * seconds))):
        await asyncio.sleep(max(0.0, begun + number / rate - time.monotonic()))
        due.put_nowait(number)
    for _ in senders:
        due.put_nowait(None)
    await asyncio.gather(*senders)


def people(server: Posthouse, count: int) -> list[str]:
    """So many accounts like the first."""
    user, _ = server.login("first")
    server.accounts(["first"])
    with rows_of(server) as base:
        (account,) = example(base, "accounts", f"address = '{user}'")
        boxes = example(base, "mailboxes", "account_id = 1")
        multiply(base, "accounts", ({**account, "address": f"p{n}@bench.test"} for n in range(count)))
        ids = base.execute("SELECT id FROM accounts WHERE address != ?", (user,)).fetchall()
        copies = (
            {**box, "account_id": ident, "object_id": f"{ident}-{place}"}
            for (ident,) in ids
            for place, box in enumerate(boxes)
        )
        multiply(base, "mailboxes", copies)
    return [f"p{number}@bench.test" for number in range(count)]


async def run(server: Posthouse, users: list[str], rate: float, seconds: float) -> None:
    """Open, idle, send, print."""
    assert server.pid is not None
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    told: list[list[float]] = [[] for _ in users]
    warm = await _idle(server.imaps, users[0], context, [])
    before = server.memory()
    held = []
    for start in range(0, len(users), SIGN_IN_AT_ONCE):
        part = range(start, min(start + SIGN_IN_AT_ONCE, len(users)))
        held += await asyncio.gather(*(_idle(server.imaps, users[n], context, told[n]) for n in part))
    grown = server.memory() - before
    used = cpu_seconds(server.pid)
    await asyncio.sleep(IDLE_SECONDS)
    idle = (cpu_seconds(server.pid) - used) / IDLE_SECONDS
    taken: dict[int, float] = {}
    begun, used = time.monotonic(), cpu_seconds(server.pid)
    await _send(server.smtp, users, rate, seconds, taken)
    elapsed, used = time.monotonic() - begun, cpu_seconds(server.pid) - used
    limit = time.monotonic() + WAIT
    while time.monotonic() < limit and not all(told[number] for number in taken):
        await asyncio.sleep(0.1)
    late = sorted(told[number][0] - at for number, at in taken.items() if told[number])
    silent = len(taken) - len(late)
    print(f"{len(held)} sessions, {grown / 1024 / len(held):.1f} KiB each, idle {idle * 100:.1f} % of a core")
    print(
        f"{len(taken)} messages in {elapsed:.1f} s ({len(taken) / elapsed:.0f} a second), {used / elapsed * 100:.0f} % "
        f"of a core: told after {statistics.median(late) * 1000:.1f} ms (median), "
        f"{late[len(late) * 99 // 100] * 1000:.1f} ms (p99), {late[-1] * 1000:.1f} ms at most; {silent} not told"
    )
    assert warm.transport is not None
    warm.transport.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--seconds", type=float, default=15.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = Posthouse(Path(folder) / "server")
        server.start()
        try:
            users = people(server, options.sessions)
            asyncio.run(run(server, users, options.rate, options.seconds))
        finally:
            server.stop()


if __name__ == "__main__":
    main()
