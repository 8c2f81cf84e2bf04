"""The other servers of the campaign for sending: they write down every message whose final dot they read.

Each domain has its own manner. ``good.test`` takes all; ``slow.test`` takes its time after the dot, so that a kill
finds messages between their end and their answer; ``moody.test`` puts off, closes and goes away before the dot;
``full.test`` refuses whoever's name begins with ``no``; ``home.test`` takes the notices.
"""

from __future__ import annotations

import asyncio
import random
import re
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

DOMAINS = ("good.test", "slow.test", "moody.test", "full.test", "home.test")
HOME = "home.test"
_ADDRESS = re.compile(r"<([^>]*)>")
_ID = re.compile(rb"^Message-ID:\s*(\S+)", re.M | re.I)
_FINAL = re.compile(rb"^Final-Recipient: rfc822; ?(\S+)\r?$", re.M | re.I)


@dataclass
class Seen:
    """What all of them saw. ``dotted``: per recipient, how often each message (by Message-ID) came to its end, and
    ``times`` when (in seconds since 1970).
    ``answered``: those whose 250 was handed to the system to the last byte. ``notices``: per failed recipient the
    Message-IDs of the notices that name it."""

    dotted: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    times: dict[tuple[str, str], list[float]] = field(default_factory=lambda: defaultdict(list))
    answered: Counter[tuple[str, str]] = field(default_factory=Counter)
    notices: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: set[str] = field(default_factory=set)
    unanswered: int = 0
    """Messages whose end was read and whose answer is not written at this moment."""
    open: int = 0


class Remotes:
    """All of them, in a thread of their own. ``ports`` by domain; ``pause`` says how long after the dot an answer
    takes."""

    def __init__(self, seed: int = 0, domains: tuple[str, ...] = DOMAINS) -> None:
        self.seen = Seen()
        self.ports: dict[str, int] = {}
        self._rng = random.Random(seed)
        self._domains = domains
        self._servers: list[asyncio.Server] = []
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Listen."""
        self._thread.start()
        assert self._ready.wait(10)

    def stop(self) -> None:
        """Go away."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def quiet(self, seconds: float = 10.0) -> None:
        """Wait until every connection has ended: what a dead server had still sent is read by then."""
        limit = time.monotonic() + seconds
        while self.seen.open and time.monotonic() < limit:
            time.sleep(0.01)
        assert not self.seen.open, "connections of a dead server stay open"

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._listen())
        self._ready.set()
        self._loop.run_forever()
        for server in self._servers:
            server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        for writer in self._writers:
            writer.close()  # those whose task was cancelled before it began
        self._loop.run_until_complete(asyncio.sleep(0.01))
        self._loop.close()

    async def _listen(self) -> None:
        for domain in self._domains:
            server = await asyncio.start_server(self._serve(domain), "127.0.0.1", 0, limit=1 << 20)
            self._servers.append(server)
            self.ports[domain] = server.sockets[0].getsockname()[1]

    def _serve(self, domain: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.seen.open += 1
            try:
                await _Visit(self.seen, self._rng, domain, reader, writer).run()
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self.seen.open -= 1
                self._writers.discard(writer)
                writer.close()

        def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._writers.add(writer)
            task = self._loop.create_task(serve(reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return connected


class _Closes(ConnectionError):
    """It goes away in the middle."""


class _Visit:
    """One connection."""

    def __init__(
        self,
        seen: Seen,
        rng: random.Random,
        domain: str,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.seen, self.rng, self.domain = seen, rng, domain
        self.reader, self.writer = reader, writer
        self.taken: list[str] = []

    async def run(self) -> None:
        await self.say(f"220 mx.{self.domain} ready")
        while True:
            line = (await self.reader.readuntil(b"\n")).decode().rstrip("\r\n")
            verb = line[:4].upper()
            if verb == "QUIT":
                await self.say("221 2.0.0 bye")
                return
            if verb == "DATA":
                await self.data()
                continue
            if verb == "EHLO":
                self.writer.write(b"250-mx\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
                continue
            await self.say(self.answer(verb, line))

    def answer(self, verb: str, line: str) -> str:
        if verb in ("MAIL", "RSET"):
            self.taken = []
        if verb == "MAIL" and self.moody(0.1):
            return "451 4.3.2 not now"
        if verb != "RCPT":
            return "250 2.0.0 fine"
        found = _ADDRESS.search(line)
        name = found[1] if found else ""
        if self.domain == "full.test" and name.startswith("no"):
            self.seen.refused.add(name)
            return "550 5.1.1 nobody here by that name"
        if self.moody(0.2):
            return "451 4.2.1 come back"
        self.taken.append(name)
        return "250 2.1.5 fine"

    def moody(self, share: float) -> bool:
        return self.domain == "moody.test" and self.rng.random() < share

    async def data(self) -> None:
        if not self.taken:
            await self.say("503 5.5.1 nobody to take it for")
            return
        await self.say("354 go on")
        if self.moody(0.1):
            await self.reader.readuntil(b"\n")
            raise _Closes
        content = await self.content()
        found = _ID.search(content)
        ident = found[1].decode() if found else "?"
        self.seen.unanswered += 1
        try:
            for name in self.taken:
                self.seen.dotted[name][ident] += 1
                self.seen.times[name, ident].append(time.time())
            if self.domain == HOME:
                for failed in _FINAL.findall(content):
                    self.seen.notices[failed.decode()].add(ident)
            if self.domain == "slow.test":
                await asyncio.sleep(self.rng.uniform(0.02, 0.4))
            await self.say("250 2.0.0 taken")
            for name in self.taken:
                self.seen.answered[name, ident] += 1
        finally:
            self.seen.unanswered -= 1

    async def content(self) -> bytes:
        lines = []
        while (line := await self.reader.readuntil(b"\n")) != b".\r\n":
            lines.append(line)
        return b"".join(lines)

    async def say(self, line: str) -> None:
        self.writer.write(line.encode() + b"\r\n")
        await self.writer.drain()
