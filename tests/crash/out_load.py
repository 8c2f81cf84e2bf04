"""The client side of the campaign for sending: it hands in mail for other servers and remembers what was taken.

Each message has a token of its own; its sender is ``TOKEN@home.test`` and its recipients are ``nameN.TOKEN@…``, so
that every address is used by one message only.
"""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass, field

from load import _connection, _reply, _until_broken
from out_remotes import HOME

PLACES = ("good.test", "good.test", "slow.test", "moody.test", "full.test")


@dataclass
class OutLedger:
    """``sent``: token → recipients of every message that was wholly handed over; ``acknowledged``: those with a 250."""

    sent: dict[str, list[str]] = field(default_factory=dict)
    acknowledged: set[str] = field(default_factory=set)
    _next: int = 0

    def new(self, rng: random.Random) -> tuple[str, list[str], bytes]:
        """A token, its recipients, the message."""
        self._next += 1
        token = f"t{self._next:06d}{rng.getrandbits(24):06x}"
        places = rng.sample(PLACES, rng.choice((1, 1, 2, 3)))
        kinds = ["no" if rng.random() < 0.4 else "yes" for _ in places]
        recipients = [
            f"{kind}{n}.{token}@{place}" for n, (kind, place) in enumerate(zip(kinds, places, strict=True))
        ]
        line = f"{token} and so on, and so on\r\n".encode()
        message = (
            f"From: <{token}@{HOME}>\r\nSubject: {token}\r\nMessage-ID: <{token}@home.test>\r\n"
            "Date: Mon, 05 Oct 2026 10:00:00 +0000\r\n\r\n"
        ).encode() + line * rng.choice((3, 100, 2000))
        return token, recipients, message


@dataclass
class OutLoad:
    """Keeps a server busy from so many sessions."""

    ledger: OutLedger
    port: int
    sessions: int = 10
    seed: int = 0
    most: int = 1_000_000
    """Messages in all."""

    def __post_init__(self) -> None:
        self._rng = random.Random(self.seed)
        self._left = self.most

    async def run(self, gone: asyncio.Event, seconds: float) -> None:
        """Send until the server went (``gone`` is set), all is sent or the time is over."""
        everyone = asyncio.gather(*(_until_broken(self._send()) for _ in range(self.sessions)))
        waiter = asyncio.create_task(gone.wait())
        await asyncio.wait([everyone, waiter], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        # Replies that were written before it died still count as acknowledged: let them be read.
        await asyncio.wait([everyone], timeout=1.0)
        everyone.cancel()
        waiter.cancel()
        await asyncio.gather(everyone, waiter, return_exceptions=True)

    async def _send(self) -> None:
        async with _connection(self.port) as (reader, writer, _):
            await _reply(reader)
            writer.write(b"EHLO crash.example.org\r\n")
            await _reply(reader)
            while self._left > 0:
                self._left -= 1
                token, recipients, message = self.ledger.new(self._rng)
                commands = [
                    f"MAIL FROM:<{token}@{HOME}>",
                    *(f"RCPT TO:<{each}>" for each in recipients),
                    "DATA",
                ]
                writer.write("\r\n".join([*commands, ""]).encode())
                codes = [await _reply(reader) for _ in commands]
                assert codes == [b"250"] * (len(commands) - 1) + [b"354"], codes
                writer.write(message + b".\r\n")
                self.ledger.sent[token] = recipients
                await writer.drain()
                if await _reply(reader) == b"250":
                    self.ledger.acknowledged.add(token)
