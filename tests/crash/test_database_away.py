"""The database goes away while mail leaves, and comes back: nothing is lost, and nothing comes twice.

No process dies here, so there is no window: what another server said is remembered until it can be written down.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from out_campaign import SETTINGS
from out_load import OutLedger, OutLoad
from out_remotes import HOME, Remotes
from running import RunningServer
from servers import Absent, PostgresqlServer

pytestmark = [pytest.mark.campaign, pytest.mark.timeout(400)]


@pytest.fixture
def engine() -> Iterator[PostgresqlServer]:
    """A private PostgreSQL that can be stopped."""
    try:
        made = PostgresqlServer()
    except Absent as absent:
        pytest.skip(str(absent))
    yield made
    made.close()


@pytest.fixture
def remotes() -> Iterator[Remotes]:
    """The other servers."""
    made = Remotes(5)
    made.start()
    yield made
    made.stop()


async def hand_in(server: RunningServer, ledger: OutLedger, seed: int) -> None:
    await OutLoad(ledger, server.smtp, sessions=4, seed=seed, most=60).run(asyncio.Event(), 120)


def waiting(server: RunningServer) -> int:
    return int(json.loads(server.command("queue", "list", "--json").stdout)["total"])


def until(what: str, seconds: float, true: object) -> None:
    limit = time.monotonic() + seconds
    while not true():  # type: ignore[operator]
        assert time.monotonic() < limit, what
        time.sleep(0.02)


@pytest.mark.needs("postgresql")
def test_postgresql_stops_and_starts(engine: PostgresqlServer, remotes: Remotes, tmp_path: Path) -> None:
    """Three times in the middle of deliveries, once while another server has the message and has not answered yet."""
    server = RunningServer(tmp_path / "server", workers=2, database_url=engine.make())
    ledger = OutLedger()
    server.start()
    try:
        for domain, port in remotes.ports.items():
            server.command("route", "add", domain, "--target", f"127.0.0.1:{port}", "--local-recipients")
        for name, value in (*SETTINGS.items(), ("queue.remote_lease_time", "20")):
            server.command("setting", "set", name, value)
        for turn in range(3):
            asyncio.run(hand_in(server, ledger, turn))
            until("a message between its end and its answer", 60, lambda: remotes.seen.unanswered)
            engine.stop()
            until("the answers while the database is away", 60, lambda: not remotes.seen.unanswered)
            engine.start_again()
            until("an answer of the command line", 60, lambda: waiting(server) >= 0)
        until("an empty queue", 120, lambda: not waiting(server))
        assert server.stop() == 0
    finally:
        server.kill()
    seen = remotes.seen
    assert len(ledger.acknowledged) > 100
    for token in ledger.acknowledged:
        for each in ledger.sent[token]:
            arrived = seen.dotted.get(each, {}).get(f"<{token}@{HOME}>", 0)
            assert arrived == (0 if each in seen.refused else 1), each
            assert len(seen.notices.get(each, ())) == (1 if each in seen.refused else 0), each
    doubled = {key: found for key, found in seen.dotted.items() if any(count > 1 for count in found.values())}
    assert not doubled
    assert "Traceback" not in server.log, server.log[-4000:]
