"""The client side of the crash campaign: it sends, and remembers for itself what was acknowledged.

Each message carries a token nobody else uses; nothing is ever sent twice, so a token found twice is our
duplicate.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
from dataclasses import dataclass, field

SMTP_SESSIONS = 24
IMAP_SESSIONS = 4


@dataclass
class Ledger:
    """What this client knows: ``sent`` token → SHA-256 of the message's text, ``acknowledged`` tokens, and
    how many were sent but unanswered at each kill (``in_flight_at_kill``)."""

    sent: dict[str, str] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    waiting: set[str] = field(default_factory=set)
    in_flight_at_kill: list[int] = field(default_factory=list)
    _next: int = 0

    def new_message(self, rng: random.Random) -> tuple[str, bytes]:
        """A token and a message of 1 to 80 KiB (rarely 400 KiB, past what is spooled in memory)."""
        self._next += 1
        token = f"t{self._next:07d}{rng.getrandbits(32):08x}"
        size = 400_000 if rng.random() < 0.02 else rng.choice((700, 3000, 9000, 60_000))
        line = f"{token} ".encode() + bytes(rng.choices(b"abcdefghij ", k=60)) + b"\r\n"
        text = line * (size // len(line) + 1)
        message = (
            f"From: crash@example.org\r\nTo: reader@posthouse.test\r\nSubject: {token}\r\n"
            f"Message-ID: <{token}@example.org>\r\nDate: Mon, 05 Oct 2026 10:00:00 +0000\r\n\r\n"
        ).encode() + text
        self.sent[token] = hashlib.sha256(text).hexdigest()
        return token, message


class Load:
    """Keeps a server busy until it is gone."""

    def __init__(
        self, ledger: Ledger, smtp: int, imap: int, accounts: list[str], password: str, seed: int
    ) -> None:
        self.ledger = ledger
        self._smtp = smtp
        self._imap = imap
        self._accounts = accounts
        self._password = password
        self._rng = random.Random(seed)

    async def run(self, gone: asyncio.Event, seconds: float) -> None:
        """Send until the server went (``gone`` is set, or every connection broke) or the time is over."""
        tasks = [asyncio.create_task(self._sender(number)) for number in range(SMTP_SESSIONS)]
        tasks += [asyncio.create_task(self._appender(number)) for number in range(IMAP_SESSIONS)]
        waiter = asyncio.create_task(gone.wait())
        everyone = asyncio.gather(*tasks)
        await asyncio.wait([everyone, waiter], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        # Replies the server wrote before it died still count as acknowledged: let them be read.
        await asyncio.wait(tasks, timeout=1.0)
        for task in (*tasks, waiter):
            task.cancel()
        await asyncio.gather(*tasks, waiter, everyone, return_exceptions=True)
        self.ledger.waiting.clear()

    async def _sender(self, number: int) -> None:
        account = self._accounts[number % len(self._accounts)].encode()
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._smtp)
            await _reply(reader)
            writer.write(b"EHLO crash.example.org\r\n")
            await _reply(reader)
            while True:
                token, message = self.ledger.new_message(self._rng)
                writer.write(b"MAIL FROM:<crash@example.org>\r\nRCPT TO:<" + account + b">\r\nDATA\r\n")
                codes = [await _reply(reader), await _reply(reader), await _reply(reader)]
                if codes != [b"250", b"250", b"354"]:
                    del self.ledger.sent[token]
                    return
                self.ledger.waiting.add(token)
                writer.write(message + b".\r\n")
                await writer.drain()
                if await _reply(reader) == b"250":
                    self.ledger.acknowledged.add(token)
                self.ledger.waiting.discard(token)
        except (OSError, asyncio.IncompleteReadError):
            return

    async def _appender(self, number: int) -> None:
        account = self._accounts[number % len(self._accounts)]
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", self._imap)
            await reader.readline()
            writer.write(f"a LOGIN {account} {self._password}\r\n".encode())
            while not (line := await reader.readline()).startswith(b"a "):
                if not line:
                    return
            while True:
                token, message = self.ledger.new_message(self._rng)
                writer.write(b"b APPEND INBOX {%d}\r\n" % len(message))
                if not (await reader.readline()).startswith(b"+"):
                    del self.ledger.sent[token]
                    return
                self.ledger.waiting.add(token)
                writer.write(message + b"\r\n")
                await writer.drain()
                while not (line := await reader.readline()).startswith(b"b "):
                    if not line:
                        return
                if line.startswith(b"b OK"):
                    self.ledger.acknowledged.add(token)
                self.ledger.waiting.discard(token)
        except (OSError, asyncio.IncompleteReadError):
            return


async def _reply(reader: asyncio.StreamReader) -> bytes:
    """The code of a whole reply; raises IncompleteReadError at the end of the stream."""
    while True:
        line = await reader.readuntil(b"\r\n")
        if line[3:4] != b"-":
            return line[:3]
