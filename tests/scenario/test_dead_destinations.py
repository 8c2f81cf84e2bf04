"""Destinations that are dead, each in another way, do not hold up those that are alive."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from bench.dead_destinations import DEAD, LIVE, World, feed
from running import RunningServer

ROUNDS = 4


async def queued(server: RunningServer) -> int:
    """How many rows the queue has."""
    listed = await asyncio.to_thread(server.command, "queue", "list", "--json")
    total: int = json.loads(listed.stdout)["total"]
    return total


@pytest.mark.timeout(300)
async def test_all_that_can_arrive_does(tmp_path: Path) -> None:
    """With room for a few messages only, all mail for the live arrives while all of the dead's still waits, and few
    connections stand open to each of the dead."""
    world = World(dead=True)
    server = RunningServer(tmp_path / "server")
    await world.start()
    try:
        server.command("setting", "set", "queue.transactions", "16")
        await asyncio.to_thread(server.start)
        for domain, port in world.ports.items():
            words = ("--target", f"127.0.0.1:{port}", "--local-recipients", "--security", "none")
            await asyncio.to_thread(server.command, "route", "add", domain, *words)
        domains = sorted(world.ports)  # the dead first
        count = ROUNDS * len(domains)
        await feed(server.smtp, domains, world.flow, rate=1000.0, seconds=120.0, most=count)
        assert len(world.flow.taken) == count
        async with asyncio.timeout(120):
            while len(world.flow.arrived) < ROUNDS * LIVE:
                await asyncio.sleep(0.1)
        # what arrived last is written down a moment later; what is for the dead never leaves
        async with asyncio.timeout(120):
            while (total := await queued(server)) > ROUNDS * DEAD:
                await asyncio.sleep(0.1)
        assert total == ROUNDS * DEAD
        assert all(token.startswith("live") for token in world.flow.arrived)
        assert world.flow.twice == 0
        dead = {name: most for name, most in world.flow.most.items() if name.startswith("dead")}
        assert dead
        assert max(dead.values()) <= 3, dead  # queue.destination_first
    finally:
        await asyncio.to_thread(server.kill)
        world.stop()
    assert "Traceback" not in server.log, server.log[-4000:]
