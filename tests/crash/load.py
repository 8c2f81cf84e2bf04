"""The client side of the crash tests: it sends, and remembers for itself what was acknowledged.

Each message carries a token nobody else uses; nothing is ever sent twice, so a token found twice is the
server's duplicate.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import re
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

SIZES = (700, 3000, 9000, 60_000)
LARGE = 400_000
"""Past what is spooled in memory."""


@dataclass
class Ledger:
    """What this client knows: ``sent`` token → SHA-256 of the message's text, ``acknowledged`` tokens,
    ``waiting`` tokens (wholly sent, no answer yet), the acknowledged ones in order by the client's port, and
    for those of APPEND what their UID was said to be (``reused``: UIDs that were given out twice)."""

    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    by_port: dict[int, list[str]] = field(default_factory=dict)
    copies: dict[str, int] = field(default_factory=dict)
    """How many mailboxes a message was for, where it was not one."""
    by_uid: dict[tuple[str, bytes, int], str] = field(default_factory=dict)
    reused: list[str] = field(default_factory=list)
    _next: int = 0

    def new_message(self, rng: random.Random, *, large: float = 0.02) -> tuple[str, bytes]:
        """A token and a message; ``large`` is how often it is a large one."""
        self._next += 1
        token = f"t{self._next:07d}{rng.getrandbits(32):08x}"
        size = LARGE if rng.random() < large else rng.choice(SIZES)
        line = f"{token} ".encode() + bytes(rng.choices(b"abcdefghij ", k=60)) + b"\r\n"
        text = line * (size // len(line) + 1)
        message = (
            f"From: crash@example.org\r\nTo: reader@posthouse.test\r\nSubject: {token}\r\n"
            f"Message-ID: <{token}@example.org>\r\nDate: Mon, 05 Oct 2026 10:00:00 +0000\r\n\r\n"
        ).encode() + text
        self.sent[token] = hashlib.sha256(text).hexdigest()
        return token, message

    def acknowledge(self, token: str, port: int) -> None:
        """The server took responsibility."""
        self.acknowledged.add(token)
        self.by_port.setdefault(port, []).append(token)

    def numbered(self, token: str, account: str, line: bytes) -> None:
        """The server said which UID an appended message has."""
        found = re.search(rb"\[APPENDUID (\d+) (\d+)\]", line)
        if found is None:
            self.reused.append(f"no APPENDUID in {line!r}")
            return
        key = (account, found[1], int(found[2]))
        if key in self.by_uid:
            self.reused.append(f"{account}: UID {key[2]} for {self.by_uid[key]} and for {token}")
        self.by_uid[key] = token


@dataclass
class Load:
    """Keeps a server busy: so many sessions of each protocol, each sending up to ``each`` messages, one after
    the other, to ``accounts`` in turn."""

    ledger: Ledger
    accounts: list[str]
    password: str
    smtp: int
    imap: int
    lmtp: int = 0
    smtp_sessions: int = 24
    imap_sessions: int = 4
    lmtp_sessions: int = 0
    each: int = 1_000_000
    large: float = 0.02
    seed: int = 0

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)

    async def run(self, gone: asyncio.Event, seconds: float) -> None:
        """Send until all is sent, the server went (``gone`` is set) or the time is over. What was not
        answered until then stays in ``ledger.waiting``."""
        self.ledger.waiting.clear()
        work: list[Coroutine[Any, Any, None]] = [
            *(self._smtp(number, self.smtp, b"EHLO") for number in range(self.smtp_sessions)),
            *(self._smtp(number, self.lmtp, b"LHLO") for number in range(self.lmtp_sessions)),
            *(self._append(number) for number in range(self.imap_sessions)),
        ]
        everyone = asyncio.gather(*map(_until_broken, work))
        waiter = asyncio.create_task(gone.wait())
        await asyncio.wait([everyone, waiter], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        # Replies the server wrote before it died still count as acknowledged: let them be read.
        await asyncio.wait([everyone], timeout=1.0)
        everyone.cancel()
        waiter.cancel()
        await asyncio.gather(everyone, waiter, return_exceptions=True)

    async def _smtp(self, number: int, port: int, hello: bytes) -> None:
        accounts = [self.accounts[(number + each) % len(self.accounts)].encode() for each in range(2)]
        async with _connection(port) as (reader, writer, own_port):
            await _reply(reader)
            writer.write(hello + b" crash.example.org\r\n")
            await _reply(reader)
            for _ in range(self.each):
                token, message = self.ledger.new_message(self._rng, large=self.large)
                several = hello == b"EHLO" and accounts[0] != accounts[1] and self._rng.random() < 0.2
                recipients = accounts if several else accounts[:1]
                if several:
                    self.ledger.copies[token] = len(recipients)
                commands = [
                    b"MAIL FROM:<crash@example.org>",
                    *(b"RCPT TO:<%s>" % each for each in recipients),
                ]
                writer.write(b"\r\n".join([*commands, b"DATA\r\n"]))
                codes = [await _reply(reader) for _ in range(len(commands) + 1)]
                if codes != [b"250"] * len(commands) + [b"354"]:
                    del self.ledger.sent[token]
                    return
                writer.write(message + b".\r\n")
                self.ledger.waiting.add(token)
                await writer.drain()
                if await _reply(reader) == b"250":
                    self.ledger.acknowledge(token, own_port)
                self.ledger.waiting.discard(token)

    async def _append(self, number: int) -> None:
        account = self.accounts[number % len(self.accounts)]
        async with _connection(self.imap) as (reader, writer, own_port):
            await reader.readline()
            writer.write(f"a LOGIN {account} {self.password}\r\n".encode())
            await _tagged(reader, b"a ")
            for _ in range(self.each):
                token, message = self.ledger.new_message(self._rng, large=self.large)
                writer.write(b"b APPEND INBOX {%d}\r\n" % len(message))
                if not (await reader.readuntil(b"\r\n")).startswith(b"+"):
                    del self.ledger.sent[token]
                    return
                writer.write(message + b"\r\n")
                self.ledger.waiting.add(token)
                await writer.drain()
                answer = await _tagged(reader, b"b ")
                if answer.startswith(b"b OK"):
                    self.ledger.acknowledge(token, own_port)
                    self.ledger.numbered(token, account, answer)
                self.ledger.waiting.discard(token)


@asynccontextmanager
async def _connection(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter, int]]:
    """A connection, ended without waiting for the other side."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        yield reader, writer, writer.get_extra_info("sockname")[1]
    finally:
        writer.transport.abort()


async def _until_broken(work: Coroutine[Any, Any, None]) -> None:
    """The end of a connection, however it comes, is the end of the work on it."""
    try:
        await work
    except (OSError, asyncio.IncompleteReadError):
        pass


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """The code of a whole reply; raises IncompleteReadError at the end of the stream."""
    while True:
        line = await reader.readuntil(b"\r\n")
        if line[3:4] != b"-":
            return line[:3]


async def _tagged(reader: asyncio.StreamReader, tag: bytes) -> bytes:
    """The answer that ends a command; raises IncompleteReadError at the end of the stream."""
    while True:
        line = await reader.readuntil(b"\r\n")
        if line.startswith(tag):
            return line
