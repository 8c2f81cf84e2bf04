"""Fifty IMAP sessions on one mailbox, over two workers, while mail arrives: all end up seeing one state."""

from __future__ import annotations

import asyncio
import random
import smtplib
import time
from pathlib import Path

import pytest
from imap_model import ModelClient
from running import PASSWORD, RunningServer

USER = "crowd@posthouse.test"
SESSIONS = 50
SECONDS = 8.0
FIRST, MEANWHILE, LAST = 60, 150, 20
"""Messages: before the sessions open the mailbox, while they act, and after."""


def deliver(port: int, count: int, pause: float) -> None:
    """Send messages one after the other."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        for number in range(count):
            client.sendmail("a@example.org", [USER], f"Subject: crowd {number}\r\n\r\nbody {number}\r\n")
            time.sleep(pause)


async def act(client: ModelClient, rng: random.Random, until: float) -> None:
    """Do what mail programs do, at random."""
    while time.monotonic() < until:
        count = len(client.uids)
        pick = rng.random()
        if count < 3 or pick < 0.2:
            await client.idle(rng.uniform(0.05, 0.5))
            continue
        one = rng.randint(1, count)
        some = f"{one}:{min(count, one + rng.randint(0, 4))}"
        sign = rng.choice("+-")
        flag = rng.choice(("\\Seen", "\\Flagged", "$Work", "\\Answered"))
        # A message that another session expunged meanwhile may make these answer NO (RFC 2180): not a lie.
        if pick < 0.45:
            await client.command(f"STORE {some} {sign}FLAGS ({flag})", may_fail=True)
        elif pick < 0.6:
            uid = client.uids[one - 1]
            if uid is not None:
                await client.command(f"UID STORE {uid} {sign}FLAGS ({flag})", may_fail=True)
        elif pick < 0.68:
            await client.command(f"STORE {one} +FLAGS (\\Deleted)", may_fail=True)
            await client.command("EXPUNGE")
        elif pick < 0.74:
            await client.command(f"MOVE {one} Archive", may_fail=True)
        elif pick < 0.85:
            await client.command(f"FETCH {some} (UID FLAGS)", may_fail=True)
        elif pick < 0.92:
            await client.command("SEARCH UNSEEN")
        else:
            await client.command("NOOP")


@pytest.mark.timeout(180)
@pytest.mark.parametrize("workers", [1, 2])
async def test_fifty_sessions_converge(tmp_path: Path, workers: int) -> None:
    """Storing, moving, expunging and idling at once: no sequence number ever lies, all see the same at the
    end."""
    server = RunningServer(tmp_path, workers=workers)
    clients = [ModelClient(server.imap) for _ in range(SESSIONS)]
    await asyncio.to_thread(server.start)
    try:
        await asyncio.to_thread(server.add_domain)
        await asyncio.to_thread(server.add_account, USER)
        await asyncio.to_thread(
            server.command, "setting", "set", "imap.max_sessions_per_account", str(SESSIONS + 10)
        )
        await asyncio.to_thread(deliver, server.smtp, FIRST, 0.0)
        for client in clients:
            await client.open(USER, PASSWORD)
        until = time.monotonic() + SECONDS
        mail = asyncio.to_thread(deliver, server.smtp, MEANWHILE, SECONDS / 160)
        await asyncio.gather(
            mail, *(act(client, random.Random(number), until) for number, client in enumerate(clients))
        )
        # However much they expunged: some mail that arrives when nobody acts any more is there for all to see.
        await asyncio.to_thread(deliver, server.smtp, LAST, 0.0)
        newcomer = ModelClient(server.imap)
        clients.append(newcomer)
        await newcomer.open(USER, PASSWORD)
        await arrived(newcomer, FIRST + MEANWHILE + LAST)
        truth = state(newcomer)
        assert len(truth) >= LAST
        for client in clients:
            assert await heard(client, truth), "what a session was told is not what is there"
            await client.command("FETCH 1:* (UID FLAGS)")
            assert state(client) == truth
        for client in clients:
            await client.close()
    finally:
        for client in clients:
            client.abort()
        status = await asyncio.to_thread(server.stop)
    assert server.command("verify", check=False).returncode == 0
    assert status == 0
    assert "Traceback" not in server.log, server.log[-3000:]


def state(client: ModelClient) -> list[tuple[int | None, frozenset[bytes]]]:
    """What a client knows: UIDs in their order, and the flags of each."""
    return [(uid, client.flags.get(uid or 0, frozenset())) for uid in client.uids]


async def arrived(client: ModelClient, uid: int) -> None:
    """Wait until the newest message is the one of this UID: all is delivered that was accepted."""
    for _ in range(200):
        if client.uids and client.uids[-1] == uid:
            return
        await asyncio.sleep(0.1)
        await client.command("NOOP")
        await client.command("FETCH * (UID FLAGS)", may_fail=True)
    raise AssertionError(f"{uid} has not arrived: {client.uids[-3:]}")


async def heard(client: ModelClient, truth: list[tuple[int | None, frozenset[bytes]]]) -> bool:
    """Whether a session, only by what it is told unasked, comes to know as many messages as there are and
    the flags of each one it knows: a notice from another worker may take a moment, and at most a second."""
    flags = dict(truth)
    for _ in range(20):
        await client.command("NOOP")
        known = {uid: client.flags[uid] for uid in client.uids if uid is not None}
        if len(client.uids) == len(truth) and all(flags.get(uid) == each for uid, each in known.items()):
            return True
        await asyncio.sleep(0.1)
    return False
