"""Another server dies in the middle of the dialogue: the message stays with us, and arrives when it is back.

It arrives once; twice where the other server had read the final dot and its answer did not come over whole, because
nobody can know then (RFC 1047). Tried through a whole server, at places of every stage of the dialogue.
"""

from __future__ import annotations

import asyncio
import json
import smtplib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest_asyncio
from running import RunningServer
from smtp_peer import Peer, SlowAfterDot

BODY = b"Subject: hello\r\n\r\n" + b"".join(b"line %d of some\r\n" % n for n in range(40))
PLAIN = ("PIPELINING", "SIZE 10000000", "8BITMIME", "ENHANCEDSTATUSCODES")


@dataclass
class Mortal(Peer):
    """It dies once, where it is told, and is there again for the next call. ``dots``: how often it read a message to
    its end; ``marks``: how many bytes it had said or heard after each answer, to choose places by."""

    extensions: Any = PLAIN
    dots: int = 0
    marks: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.replies["."] = self.dot

    def dot(self, line: str) -> str:
        self.dots += 1
        return "250 2.0.0 taken as 42"

    def answer(self, key: str, line: str, otherwise: str) -> bytes:
        found = super().answer(key, line, otherwise)
        self.marks.append((self.marks[-1] if self.marks else 0) + len(found))
        return found

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await super()._serve(reader, writer)
        self.dies_after_saying = self.dies_after_hearing = None


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    """A server that tries again after a second."""
    running = RunningServer(tmp_path / "server")
    try:
        for name, value in (
            ("queue.retry_schedule", "1"),
            ("queue.down_first", "1"),
            ("queue.down_most", "1"),
        ):
            running.command("setting", "set", name, value)
        await asyncio.to_thread(running.start)
        yield running
        assert "Traceback" not in running.log, running.log[-4000:]
    finally:
        await asyncio.to_thread(running.kill)


async def lead(server: RunningServer, domain: str, peer: Peer) -> None:
    """A route to it, for everybody."""
    target = f"127.0.0.1:{peer.port}"
    words = ("route", "add", domain, "--target", target, "--local-recipients", "--security", "none")
    await asyncio.to_thread(server.command, *words)


def send(server: RunningServer, domain: str) -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as client:
        client.sendmail("anna@far.test", [f"carl@{domain}"], BODY)


async def empty(server: RunningServer, seconds: float = 60.0) -> None:
    """Wait until nothing is owed any more."""
    async with asyncio.timeout(seconds):
        while json.loads((await asyncio.to_thread(server.command, "queue", "list", "--json")).stdout)[
            "total"
        ]:
            await asyncio.sleep(0.3)


async def test_at_every_stage(server: RunningServer) -> None:
    """A handful of places in each answer and in what it hears, all of them at once."""
    async with Mortal() as polite:
        await lead(server, "polite.test", polite)
        await asyncio.to_thread(send, server, "polite.test")
        await empty(server)
    assert (polite.connections, polite.dots, len(polite.mails)) == (1, 1, 1)
    greeting, ehlo, mail, rcpt, data, dot = polite.marks[:6]
    starts = dict(
        zip((greeting, ehlo, mail, rcpt, data, dot), (0, greeting, ehlo, mail, rcpt, data), strict=True)
    )
    said = sorted({place for end, start in starts.items() for place in (start + 1, (start + end) // 2, end)})
    heard = [
        1,
        polite.heard // 8,
        polite.heard // 4,
        polite.heard // 2,
        polite.heard * 9 // 10,
        polite.heard - 8,
    ]
    peers = [Mortal(dies_after_saying=place) for place in said]
    peers += [Mortal(dies_after_hearing=place) for place in heard]
    places = [f"said {place}" for place in said] + [f"heard {place}" for place in heard]
    for number, peer in enumerate(peers):
        await peer.__aenter__()
        await lead(server, f"d{number}.test", peer)
    try:
        for number in range(len(peers)):
            await asyncio.to_thread(send, server, f"d{number}.test")
        await empty(server)
    finally:
        for peer in peers:
            await peer.__aexit__()
    unknown = [f"said {place}" for place in said if data < place < dot]
    answered = f"said {dot}"  # it died right after the last byte of its 250: that was enough
    for place, peer in zip(places, peers, strict=True):
        assert peer.dots == (2 if place in unknown else 1), place
        assert peer.connections == (1 if place == answered else 2), place
        assert place == answered or peer.mails[-1].data.endswith(BODY), place
    assert len(unknown) == 2
    number = places.index(unknown[0])
    story = (await asyncio.to_thread(server.command, "message", "trace", f"carl@d{number}.test")).stdout
    assert "it may arrive twice" in story
    assert "relayed" in story


async def test_an_answer_that_takes_longer_than_the_lease(tmp_path: Path) -> None:
    """With two workers: nobody takes the row meanwhile, and the message is sent once."""
    running = RunningServer(tmp_path / "server", workers=2)
    slow = SlowAfterDot(lambda: asyncio.sleep(25))
    async with Peer(talk=slow) as peer:
        try:
            for name, value in (("queue.remote_lease_time", "10"), ("queue.retry_schedule", "1")):
                running.command("setting", "set", name, value)
            await asyncio.to_thread(running.start)
            await lead(running, "slow.test", peer)
            await asyncio.to_thread(send, running, "slow.test")
            await empty(running)
        finally:
            await asyncio.to_thread(running.kill)
    assert slow.dots == 1
    assert peer.connections == 1
