"""Mail that passes through a whole server to another one that answers quickly: never in the queue, told of like all
mail, and safe at every moment somebody pulls the plug."""

from __future__ import annotations

import asyncio
import contextlib
import json
import smtplib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from running import RunningServer
from smtp_peer import Peer, SlowAfterDot

SENDER = "anna@far.test"


@pytest_asyncio.fixture
async def peer() -> AsyncIterator[Peer]:
    """Another server that takes everything at once."""
    async with Peer() as made:
        yield made


@pytest_asyncio.fixture(params=[1, 2], ids=["1-worker", "2-workers"])
async def server(request: pytest.FixtureRequest, tmp_path: Path, peer: Peer) -> AsyncIterator[RunningServer]:
    """A server that hands over what is for there.test."""
    running = RunningServer(tmp_path / "server", workers=request.param)
    try:
        await asyncio.to_thread(running.start)
        target = f"127.0.0.1:{peer.port}"
        words = ("route", "add", "there.test", "--target", target, "--local-recipients", "--security", "none")
        await asyncio.to_thread(running.command, *words)
        yield running
        assert "Traceback" not in running.log, running.log[-4000:]
    finally:
        await asyncio.to_thread(running.kill)


def send(server: RunningServer, *names: str, subject: str = "hello") -> None:
    with smtplib.SMTP("127.0.0.1", server.smtp, timeout=60) as client:
        client.sendmail(
            SENDER, [f"{name}@there.test" for name in names], f"Subject: {subject}\r\n\r\nhello\r\n"
        )


async def asked(server: RunningServer, *words: str) -> Any:
    """What a command answers."""
    return json.loads((await asyncio.to_thread(server.command, *words, "--json")).stdout)


async def story(server: RunningServer, name: str) -> str:
    """What the trace tells of a recipient."""
    return (await asyncio.to_thread(server.command, "message", "trace", f"{name}@there.test")).stdout


async def empty(server: RunningServer) -> None:
    async with asyncio.timeout(60):
        while (await asked(server, "queue", "list"))["total"]:
            await asyncio.sleep(0.1)


async def known(server: RunningServer, peer: Peer) -> None:
    """Send until a message passed through: each worker has to know the other server first."""
    async with asyncio.timeout(60):
        number = 0
        while "queued as" in await first_story(server, number, peer):
            number += 1


async def first_story(server: RunningServer, number: int, peer: Peer) -> str:
    name = f"first{number}"
    await asyncio.to_thread(send, server, name)
    await empty(server)
    return await story(server, name)


async def test_it_is_never_in_the_queue_and_told_of(server: RunningServer, peer: Peer) -> None:
    """All recipients at once; trace and events say who took it."""
    await known(server, peer)
    before = len(peer.mails)
    for number in range(10):
        await asyncio.to_thread(send, server, f"a{number}", f"b{number}")
        assert len(peer.mails) == before + number + 1 or server.workers > 1
    await empty(server)
    assert len(peer.mails) == before + 10
    assert len(peer.mails[-1].rcpts) == 2
    passed = 0
    for number in range(10):
        told = await story(server, f"b{number}")
        assert "accept" in told
        assert "relayed" in told
        passed += "queued as" not in told
    assert passed >= (10 if server.workers == 1 else 3)
    events = (await asked(server, "event", "list", "--kind", "message.delivered"))["events"]
    delivered = [each["data"]["recipient"] for each in events]
    assert all(delivered.count(f"{who}{n}@there.test") == 1 for who in "ab" for n in range(10))
    assert (await asked(server, "verify"))["error_count"] == 0


async def test_what_the_other_does_not_take_is_ours(server: RunningServer, peer: Peer) -> None:
    """It refuses for now, or takes its time, or takes only one of two: nothing is lost, nothing arrives twice."""
    await known(server, peer)
    await asyncio.to_thread(server.command, "setting", "set", "queue.retry_schedule", "1")
    peer.replies["RCPT"] = lambda line: "450 4.2.0 later" if "later" in line else "250 ok"
    await asyncio.to_thread(send, server, "now", "later")
    async with asyncio.timeout(30):
        while "later" not in await story(server, "later"):
            await asyncio.sleep(0.1)
    assert (await asked(server, "queue", "list"))["total"] == 1
    del peer.replies["RCPT"]
    await empty(server)
    arrived = [name for mail in peer.mails for name in mail.rcpts]
    assert sum("<now@" in name for name in arrived) == sum("<later@" in name for name in arrived) == 1


async def test_an_answer_that_takes_its_time(server: RunningServer, peer: Peer) -> None:
    """Its sender is told in time, and the attempt goes on by itself: the other server gets it once."""
    await known(server, peer)
    await asyncio.to_thread(server.command, "setting", "set", "queue.pass_through", "0.3")
    release = asyncio.Event()
    slow = SlowAfterDot(release.wait)
    peer.talk = slow
    peer.replies["MAIL"] = None  # connections that are open end, the next ones are slow
    await asyncio.to_thread(send, server, "patient")
    async with asyncio.timeout(60):
        while not slow.dots:
            await asyncio.sleep(0.05)
    assert (await asked(server, "queue", "list"))["total"] == 1
    release.set()
    await empty(server)
    assert slow.dots == 1
    assert "relayed" in await story(server, "patient")


@pytest.mark.parametrize("step", ["queue.answered", "accept.reply"])
async def test_the_plug_is_pulled(tmp_path: Path, peer: Peer, step: str) -> None:
    """Killed when the other has it and the sender was not told yet: the sender repeats it. Nothing of it is in the
    queue, and nothing that was acknowledged is missing."""
    running = RunningServer(tmp_path / "server")
    try:
        await asyncio.to_thread(running.start)
        target = f"127.0.0.1:{peer.port}"
        words = ("route", "add", "there.test", "--target", target, "--local-recipients", "--security", "none")
        await asyncio.to_thread(running.command, *words)
        await asyncio.to_thread(running.stop)
        running.environment = {"POSTHOUSE_CRASH_AT": f"{step}:8"}
        await asyncio.to_thread(running.start)
        await asyncio.to_thread(send, running, "x0")
        await empty(running)
        acknowledged = [0]
        with contextlib.suppress(smtplib.SMTPException, ConnectionError):
            for number in range(1, 20):
                await asyncio.to_thread(send, running, f"x{number}")
                acknowledged.append(number)
        assert 3 <= len(acknowledged) <= 8
        running.environment = {}
        await asyncio.to_thread(running.kill)
        await asyncio.to_thread(running.start)
        await asyncio.to_thread(send, running, f"x{len(acknowledged)}")
        await empty(running)
        arrived = [name for mail in peer.mails for name in mail.rcpts]
        counts = [sum(f"<x{number}@" in name for name in arrived) for number in range(len(acknowledged) + 1)]
        assert counts[:-1] == [1] * len(acknowledged)
        assert counts[-1] in (1, 2)  # it was never acknowledged: its sender repeated it
        for number in acknowledged:
            assert "relayed" in await story(running, f"x{number}")
    finally:
        await asyncio.to_thread(running.kill)
