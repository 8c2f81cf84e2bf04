"""SMTP load: N sessions that send one message after the other over kept connections.

Run as a program (so that its CPU is not the server's): prints one JSON line. Latency is from MAIL to the 250 after
the final dot. Commands MAIL, RCPT and DATA are pipelined, as any good sender does.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import random
import ssl
import time
from dataclasses import dataclass
from typing import cast


def _lines() -> list[bytes]:
    rng = random.Random(1)
    letters = b"abcdefghijklmnopqrstuvwxyz     "
    return [bytes(rng.choices(letters, k=70)) + b"\r\n" for _ in range(2000)]


_LINES = _lines()


@dataclass(frozen=True)
class Account:
    """Who signs in before the first message (``user`` "": nobody does), whose address the mail is from."""

    user: str = ""
    password: str = ""

    @property
    def plain(self) -> bytes:
        """The command that signs in."""
        return b"AUTH PLAIN " + base64.b64encode(f"\0{self.user}\0{self.password}".encode()) + b"\r\n"


def make_body(size: int, seed: int, sender: str = "") -> bytes:
    """A message of about ``size`` bytes with ordinary headers; no line begins with a dot."""
    rng = random.Random(seed)
    head = (
        f"From: Sender <{sender or f'sender{seed}@example.org'}>\r\nTo: Reader <reader@bench.test>\r\n"
        f"Subject: Message number {seed}\r\nDate: Mon, 05 Oct 2026 10:00:00 +0000\r\n"
        f"Message-ID: <{rng.getrandbits(64):x}.{seed}@example.org>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
    ).encode()
    count = max(1, (size - len(head)) // len(_LINES[0]))
    return head + b"".join(rng.choices(_LINES, k=count))


class Sender(asyncio.Protocol):
    """One session. ``work`` is the shared countdown of messages left."""

    def __init__(self, load: Load, number: int) -> None:
        self.load = load
        self.mailbox = load.mailboxes[number % len(load.mailboxes)]
        self.buffer = b""
        self.replies_wanted = 0
        self.stage = "greeting"
        self.begun = 0.0
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n")) >= 0:
            line, self.buffer = self.buffer[:end], self.buffer[end + 2 :]
            if line[3:4] != b"-":
                self.replied(line)

    def replied(self, line: bytes) -> None:
        assert self.transport is not None
        code = line[:3]
        if self.stage == "greeting":
            self.stage = "ehlo"
            self.transport.write(b"EHLO load.example.org\r\n")
        elif self.stage == "ehlo" and self.load.account.user:
            self.stage = "auth"
            self.transport.write(self.load.account.plain)
        elif self.stage == "auth" and code != b"235":
            self.load.failed(line)
            self.transport.close()
        elif self.stage in ("ehlo", "auth", "final"):
            if self.stage == "final":
                self.load.finished(code, time.perf_counter() - self.begun)
            self.next_message()
        elif self.stage == "envelope":
            self.replies_wanted -= 1
            if code[:1] not in b"23":
                self.load.failed(line)
            if self.replies_wanted == 0:
                self.stage = "final"
                self.transport.write(self.load.payload())

    def next_message(self) -> None:
        assert self.transport is not None
        if not self.load.take():
            self.stage = "ended"
            self.transport.write(b"QUIT\r\n")
            self.transport.close()
            self.load.session_ended()
            return
        self.stage = "envelope"
        self.replies_wanted = 3
        self.begun = time.perf_counter()
        self.transport.write(
            f"MAIL FROM:<{self.load.sender}>\r\nRCPT TO:<{self.mailbox}>\r\nDATA\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        if self.stage != "ended":
            self.load.failed(f"connection lost while in {self.stage}: {exc!r}".encode())
            self.load.session_ended()


class Load:
    """The shared state of all sessions."""

    def __init__(
        self, messages: int, size: int, mailboxes: list[str], sessions: int, sender: str, account: Account
    ) -> None:
        self.account = account
        self.sender = sender or "sender@example.org"
        self.left = messages
        self.mailboxes = mailboxes
        self.open_sessions = sessions
        self.latencies: list[float] = []
        self.accepted = 0
        self.errors: list[str] = []
        self.done = asyncio.Event()
        self._bodies = [make_body(size, seed, sender) for seed in range(20)]
        self._sent = 0

    def take(self) -> bool:
        if self.left == 0:
            return False
        self.left -= 1
        return True

    def payload(self) -> bytes:
        """Each message differs, or a store that keeps equal bodies once would look too good."""
        self._sent += 1
        return b"X-Serial: %d\r\n" % self._sent + self._bodies[self._sent % 20] + b".\r\n"

    def finished(self, code: bytes, seconds: float) -> None:
        self.latencies.append(seconds)
        if code == b"250":
            self.accepted += 1
        else:
            self.failed(code)

    def failed(self, line: bytes) -> None:
        if len(self.errors) < 5:
            self.errors.append(line.decode("latin-1"))

    def session_ended(self) -> None:
        self.open_sessions -= 1
        if self.open_sessions == 0:
            self.done.set()


async def run(
    port: int,
    sessions: int,
    messages: int,
    size: int,
    mailboxes: list[str],
    sender: str = "",
    account: Account | None = None,
) -> dict[str, object]:
    """Send everything, over TLS where an account signs in; return the figures."""
    load = Load(messages, size, mailboxes, sessions, sender, account or Account())
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    tls = context if load.account.user else None
    loop = asyncio.get_running_loop()
    begun_at = time.time()
    begun = time.perf_counter()
    for number in range(sessions):
        await loop.create_connection(lambda number=number: Sender(load, number), "127.0.0.1", port, ssl=tls)
    await load.done.wait()
    seconds = time.perf_counter() - begun
    latencies = sorted(load.latencies)
    return {
        "begun_at": begun_at,
        "seconds": seconds,
        "accepted": load.accepted,
        "errors": load.errors,
        "p50_ms": latencies[len(latencies) // 2] * 1000 if latencies else None,
        "p99_ms": latencies[len(latencies) * 99 // 100] * 1000 if latencies else None,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--messages", type=int, default=2000)
    parser.add_argument("--size", type=int, default=4096)
    parser.add_argument("--to", action="append", required=True)
    parser.add_argument("--sender", default="", help="the address in MAIL and From")
    parser.add_argument("--user", default="", help="sign in (implicit TLS)")
    parser.add_argument("--password", default="")
    options = parser.parse_args()
    try:
        import uvloop

        runner = uvloop.run
    except ImportError:
        runner = asyncio.run
    account = Account(options.user, options.password)
    work = run(
        options.port,
        options.sessions,
        options.messages,
        options.size,
        options.to,
        options.sender,
        account,
    )
    print(json.dumps(runner(work)))


if __name__ == "__main__":
    main()
