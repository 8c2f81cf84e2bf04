"""Runs ``.talk`` files against a server session (the format is in README.md).

Independent of the protocol: a :class:`Harness` makes the sessions.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest
from talk_clients import MemoryClient, SocketClient
from talk_script import Step, Talk, pattern, read_talk, sent_bytes

HERE = Path(__file__).parent
QUIET = 0.1
"""Seconds of silence that count as "the server says nothing"."""


class Harness(Protocol):
    """One server for one talk. Construct it with ``talk.given``; the runner never closes it."""

    def session(self, options: dict[str, str]) -> asyncio.Protocol:
        """A new server-side protocol object. ``options`` are those of ``connect:``. With ``proxied=yes``
        the connection begins with a PROXY v1 header from 127.0.0.1: how a foreign address is shown on a
        socket."""

    async def do(self, text: str) -> None:
        """Carry out a ``do:`` line. Raises ValueError for one it does not know."""

    def client_tls(self) -> ssl.SSLContext:
        """The context clients use for TLS."""


def talk_cases(folder: str) -> list[Any]:
    """pytest parameters (talk, mode) for every file in the folder."""
    return [
        pytest.param(talk, mode, id=f"{talk.path.stem}-{mode}")
        for talk in (read_talk(path) for path in sorted((HERE / folder).glob("*.talk")))
        for mode in talk.modes
    ]


async def run_talk(talk: Talk, mode: str, harness: Harness) -> None:
    """Carry out a talk; an AssertionError names the file, the line and what came instead."""
    run = _Run(talk, mode, harness)
    try:
        await run.all()
    finally:
        await run.end()


class _Run:
    def __init__(self, talk: Talk, mode: str, harness: Harness) -> None:
        self.talk = talk
        self.mode = mode
        self.harness = harness
        self.clients: dict[str, MemoryClient | SocketClient] = {}
        self.kept: dict[str, bytes] = {}
        self.skipping: set[str] = set()
        self.forbidden: dict[str, list[re.Pattern[bytes]]] = {}
        self.peeked: dict[str, bytes] = {}
        self.heard: dict[str, list[bytes]] = {}
        self.servers: list[asyncio.Server] = []
        self.waiting: tuple[str, bytearray] | None = None
        self.words: dict[str, Callable[[Step], Any]] = {
            "S": self.expect, "S/": self.expect, "S?": self.maybe, "S...": self.skip, "S!": self.forbid,
            "closed": self.closed, "quiet": self.quiet, "connect": self.connect, "close": self.close,
            "starttls": self.starttls, "deflate": self.deflate, "wait": self.wait, "do": self.do,
        }  # fmt: skip

    async def all(self) -> None:
        for step in self.talk.steps:
            if step.word in ("C", "C-", "C="):
                await self.say(step)
                continue
            await self.flush()
            await self.words[step.word](step)
        await self.flush()
        assert not self.skipping, f"{self.talk.path.name}: the last S... has no S line after it"

    async def end(self) -> None:
        for client in self.clients.values():
            await client.close()
        for server in self.servers:
            server.close()
            await server.wait_closed()

    # the client speaks
    async def say(self, step: Step) -> None:
        await self.client(step)
        if self.waiting is not None and self.waiting[0] != step.name:
            await self.flush()
        if self.waiting is None:
            self.waiting = (step.name, bytearray())
        self.waiting[1].extend(sent_bytes(step, self.kept))

    async def flush(self) -> None:
        if self.waiting is not None:
            name, data = self.waiting
            self.waiting = None
            await self.clients[name].send(bytes(data))

    # the server speaks
    async def expect(self, step: Step) -> None:
        wanted = pattern(step, self.kept)
        seen: list[bytes] = []
        while True:
            line = await self.next_line(step, seen)
            match = wanted.fullmatch(line)
            if match is not None:
                self.kept.update(match.groupdict())
                break
            seen.append(line)
            for never in self.forbidden.get(step.name, ()):
                assert not never.fullmatch(line), self.complaint(step, f"this line must not come: {line!r}")
            assert step.name in self.skipping, self.complaint(step, f"the server said {line!r}")
        self.skipping.discard(step.name)
        self.forbidden.pop(step.name, None)

    async def next_line(self, step: Step, seen: list[bytes]) -> bytes:
        if step.name in self.peeked:
            return self.peeked.pop(step.name)
        client = await self.client(step)
        try:
            line = await client.line()
        except TimeoutError:
            raise AssertionError(self.complaint(step, f"nothing more came; skipped {seen!r}")) from None
        assert line is not None, self.complaint(step, f"the server closed; skipped {seen!r}")
        self.heard.setdefault(step.name, []).append(line)
        return line

    async def maybe(self, step: Step) -> None:
        line = await self.next_line(step, [])
        match = pattern(step, self.kept).fullmatch(line)
        if match is None:
            self.peeked[step.name] = line
        else:
            self.kept.update(match.groupdict())

    async def skip(self, step: Step) -> None:
        self.skipping.add(step.name)

    async def forbid(self, step: Step) -> None:
        self.forbidden.setdefault(step.name, []).append(pattern(step, self.kept))

    async def closed(self, step: Step) -> None:
        client = await self.client(step)
        try:
            line = self.peeked.pop(step.name, None) or await client.line()
        except TimeoutError:
            raise AssertionError(self.complaint(step, "the server did not close")) from None
        assert line is None, self.complaint(step, f"the server said {line!r}")

    async def quiet(self, step: Step) -> None:
        client = await self.client(step)
        line: bytes | None = self.peeked.pop(step.name, None)
        if line is None:
            try:
                line = await client.line(QUIET)
            except TimeoutError:
                return
        raise AssertionError(self.complaint(step, f"the server said {line!r}"))

    # connections
    async def client(self, step: Step) -> MemoryClient | SocketClient:
        if step.name not in self.clients:
            await self.open(step.name, {})
        return self.clients[step.name]

    async def connect(self, step: Step) -> None:
        options = dict(item.split("=", 1) for item in step.text.split())
        old = self.clients.pop(step.name, None)
        if old is not None:
            await old.close()
        await self.open(step.name, options)

    async def open(self, name: str, options: dict[str, str]) -> None:
        address = options.get("address", "127.0.0.1")
        if self.mode != "socket":
            session = self.harness.session(options)
            self.clients[name] = MemoryClient(session, address, self.mode == "dribble")
            return
        foreign = address != "127.0.0.1"
        if foreign:
            options = {**options, "proxied": "yes"}
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: self.harness.session(options), "127.0.0.1", 0)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = self.clients[name] = SocketClient(reader, writer)
        if foreign:
            await client.send(f"PROXY TCP4 {address} 192.0.2.1 50000 {port}\r\n".encode())
        if options.get("tls") == "implicit":
            await client.start_tls(self.harness.client_tls())

    async def close(self, step: Step) -> None:
        client = self.clients.pop(step.name)
        await client.close()

    async def starttls(self, step: Step) -> None:
        await (await self.client(step)).start_tls(self.harness.client_tls())

    async def deflate(self, step: Step) -> None:
        (await self.client(step)).start_deflate()

    # the world
    async def wait(self, step: Step) -> None:
        await asyncio.sleep(float(step.text))

    async def do(self, step: Step) -> None:
        await self.harness.do(step.text)

    def complaint(self, step: Step, what: str) -> str:
        name = f"[{step.name}]" if step.name else ""
        before = "\n".join(
            "    " + line.decode("utf-8", "replace") for line in self.heard.get(step.name, [])[-12:]
        )
        place = f"{self.talk.path.name}:{step.line} ({self.mode})"
        return f"{place}: {step.word}{name}: {step.text}\n  {what}\n  lately:\n{before}"
