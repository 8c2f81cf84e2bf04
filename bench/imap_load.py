"""IMAP load: N clients that repeat one step, or a mix of twelve, against mailboxes of known content.

Run as a program; prints one JSON line. One command is in flight per client. The mix is what a client does in a day:
NOOP, SELECT, flags of all, envelopes, a body, a flag set and taken back, searches, STATUS, an APPEND.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import ssl
import time
from typing import cast

from bench.smtp_load import make_body

APPENDED = make_body(1700, 77)
STEPS: dict[str, tuple[bytes, ...]] = {
    "noop": (b"NOOP",),
    "select": (b"SELECT INBOX",),
    "flags": (b"FETCH 1:* (UID FLAGS)",),
    "envelope": (b"FETCH 1:50 (ENVELOPE BODYSTRUCTURE)",),
    "body": (b"FETCH 7 BODY.PEEK[]",),
    "store": (b"STORE 5 +FLAGS (\\Flagged)", b"STORE 5 -FLAGS (\\Flagged)"),
    "search": (b"SEARCH UNSEEN",),
    "search-from": (b"SEARCH FROM sender7",),
    "search-body": (b"SEARCH BODY zqzqxj",),
    "append": (b"APPEND",),
    "mix": (
        b"NOOP",
        b"SELECT INBOX",
        b"FETCH 1:* (UID FLAGS)",
        b"FETCH 1:20 (ENVELOPE BODYSTRUCTURE)",
        b"FETCH 3 BODY.PEEK[]",
        b"STORE 5 +FLAGS (\\Flagged)",
        b"SEARCH UNSEEN",
        b"FETCH 9 BODY.PEEK[HEADER]",
        b"STORE 5 -FLAGS (\\Flagged)",
        b"STATUS Sent (MESSAGES UNSEEN)",
        b"APPEND",
        b"NOOP",
    ),
}
LITERAL = re.compile(rb"\{(\d+)\}$")


class Client(asyncio.Protocol):
    """One connection; ``command`` resolves with the tagged line once it is there."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport | None = None
        self.received: list[bytes] = []
        self.waiter: asyncio.Future[bytes] | None = None
        self.greeting: asyncio.Future[bytes] | None = None
        self.tag = b""
        self.number = 0
        self.keep: list[bytes] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.waiter = self.greeting = asyncio.get_running_loop().create_future()
        self.tag = b"*"

    def data_received(self, data: bytes) -> None:
        self.received.append(data)
        # Only the end of what came matters: a tagged line (or the greeting, or "+") ends each exchange.
        tail = data if len(data) > 200 else b"".join(self.received[-4:])
        if not tail.endswith(b"\r\n"):
            return
        start = tail.rfind(b"\r\n", 0, len(tail) - 2) + 2 if tail.count(b"\r\n") > 1 else 0
        last = tail[start:]
        if last.startswith((self.tag + b" ", b"+")) and self.waiter is not None:
            waiter, self.waiter = self.waiter, None
            if self.keep is not None:
                self.keep.append(b"".join(self.received))
            self.received.clear()
            if not waiter.done():
                waiter.set_result(last)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.waiter is not None and not self.waiter.done():
            self.waiter.set_exception(ConnectionError("the server closed the connection"))

    async def line(self, text: bytes, wanted: bytes = b" OK") -> bytes:
        """A line that belongs to a command under way."""
        assert self.transport is not None
        self.waiter = asyncio.get_running_loop().create_future()
        self.transport.write(text + b"\r\n")
        answer = await self.waiter
        if wanted not in answer[:16]:
            raise RuntimeError(f"{text!r}: {answer!r}")
        return answer

    async def command(self, text: bytes, wanted: bytes = b" OK") -> bytes:
        assert self.transport is not None
        self.number += 1
        self.tag = b"a%d" % self.number
        self.waiter = asyncio.get_running_loop().create_future()
        if text == b"APPEND":
            text = b"APPEND Sent (\\Seen) {%d}" % len(APPENDED)
            self.transport.write(self.tag + b" " + text + b"\r\n")
            await self.waiter
            self.waiter = asyncio.get_running_loop().create_future()
            self.transport.write(APPENDED + b"\r\n")
        else:
            self.transport.write(self.tag + b" " + text + b"\r\n")
        answer = await self.waiter
        if wanted not in answer[:16]:
            raise RuntimeError(f"{text!r}: {answer!r}")
        return answer


async def connect(port: int, user: str, password: str, tls: bool = False) -> Client:
    """A signed-in client."""
    context = None
    if tls:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    _, client = await asyncio.get_running_loop().create_connection(Client, "127.0.0.1", port, ssl=context)
    assert client.greeting is not None
    await client.greeting
    await client.command(f"LOGIN {user} {password}".encode())
    return client


async def visit(port: int, user: str, password: str) -> None:
    """Connect, LOGIN, SELECT, LOGOUT."""
    client = await connect(port, user, password)
    await client.command(b"SELECT INBOX")
    await client.command(b"LOGOUT")
    assert client.transport is not None
    client.transport.close()


async def run(
    port: int, users: list[str], password: str, clients: int, step: str, seconds: float
) -> dict[str, object]:
    """Repeat a step with all clients for a time; return rate and latencies."""
    connected: list[Client] = []
    for number in range(clients if step != "login" else 0):
        client = await connect(port, users[number % len(users)], password)
        await client.command(b"SELECT INBOX")
        connected.append(client)
    latencies: list[float] = []
    stop = time.perf_counter() + seconds

    async def work(client: Client) -> None:
        commands = STEPS[step]
        turn = 0
        while (begun := time.perf_counter()) < stop:
            await client.command(commands[turn % len(commands)])
            latencies.append(time.perf_counter() - begun)
            turn += 1

    async def come_and_go(user: str) -> None:
        while (begun := time.perf_counter()) < stop:
            await visit(port, user, password)
            latencies.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    if step == "login":
        await asyncio.gather(*(come_and_go(users[number % len(users)]) for number in range(clients)))
    else:
        await asyncio.gather(*(work(client) for client in connected))
    elapsed = time.perf_counter() - begun
    latencies.sort()
    return {
        "operations": len(latencies),
        "seconds": elapsed,
        "rate": len(latencies) / elapsed,
        "p50_ms": latencies[len(latencies) // 2] * 1000,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000,
    }


async def fill(port: int, user: str, password: str, messages: int, mailbox: str = "INBOX") -> None:
    """Fill a mailbox by APPEND over a few connections: every second message is unseen, senders and words differ."""
    numbers = iter(range(messages))

    async def work() -> None:
        client = await connect(port, user, password)
        assert client.transport is not None
        for number in numbers:
            body = make_body(4000 + number % 7000, number)
            flags = b" (\\Seen)" if number % 2 else b""
            client.tag = b"f%d" % number
            client.waiter = asyncio.get_running_loop().create_future()
            client.transport.write(
                b"f%d APPEND %s%s {%d+}\r\n" % (number, mailbox.encode(), flags, len(body)) + body + b"\r\n"
            )
            answer = await client.waiter
            if b" OK" not in answer[:16]:
                raise RuntimeError(repr(answer))
        client.transport.close()

    await asyncio.gather(*(work() for _ in range(min(8, messages))))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", action="append", required=True)
    parser.add_argument("--password", required=True)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--step", choices=[*STEPS, "login", "fill"], default="mix")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--messages", type=int, default=100)
    options = parser.parse_args()
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    if options.step == "fill":
        for user in options.user:
            runner(fill(options.port, user, options.password, options.messages))
        print("{}")
        return
    result = runner(
        run(options.port, options.user, options.password, options.clients, options.step, options.seconds)
    )
    print(json.dumps(result))


if __name__ == "__main__":
    main()
