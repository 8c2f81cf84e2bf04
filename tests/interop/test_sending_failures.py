"""A host that fails in every way at every stage (smtp-sink), seen from outside: what the queue shows, which notice
comes back, and when it is tried again."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from mail_world import ANNA, MailWorld, call, mailbox, submit, wait_for

pytestmark = [
    pytest.mark.needs("nsd", "unbound", "dnssec-signzone", "smtp-sink"),
    pytest.mark.timeout(180),
]

FIRST, SECOND = 3.0, 3600.0
SAID = {"soft": "450 4.3.0", "quit": "closed the connection", "busy": "421 4.0.0"}
STATUS = {"soft": "4.3.0", "quit": "4.4.2", "busy": "4.0.0"}
NAMED = {"connect": "GREETING", "end": "end of DATA"}


@dataclass(frozen=True, slots=True)
class Failed:
    """The rows that wait, by the name of the host; the message came at ``begun``."""

    rows: dict[str, dict[str, Any]]
    begun: float


@pytest.fixture(scope="module")
def failed(world: MailWorld) -> Iterator[Failed]:
    """After a message for all of them was tried."""
    world.start_failing()
    call(world.here, "setting.set", name="queue.retry_schedule", value=f"{FIRST:g} {SECOND:g}")
    call(world.here, "setting.set", name="queue.down_first", value="1")
    names, begun = world.failing(), time.time()
    submit(world.here, "to all that fail", [f"user@{name}.plain.test" for name in names])
    waiting = [name for name in names if not name.startswith("hard")]

    def look() -> dict[str, dict[str, Any]]:
        rows = {row["recipient"][5:].partition(".")[0]: row for row in world.queued("plain.test")}
        found = {name: rows[name] for name in waiting if name in rows}
        return found if len(found) == len(waiting) else {}

    yield Failed(wait_for(look, lambda: world.here.log[-5000:]), begun)
    call(world.here, "setting.set", name="queue.retry_schedule", value="default")
    call(world.here, "setting.set", name="queue.down_first", value="default")


@pytest.mark.parametrize("way", ["soft", "quit", "busy"])
def test_what_waits_and_why(failed: Failed, way: str) -> None:
    """The host's words, and what they answered."""
    for name, row in failed.rows.items():
        kind, _, stage = name.partition("-")
        if kind != way:
            continue
        assert SAID[way] in row["reason"], row
        assert row["status"] == STATUS[way]
        assert f"{name}.plain.test[" in row["reason"]
        assert row["reason"].endswith(f"(to {NAMED.get(stage, stage.upper())})")
    if way == "quit":
        assert "it may arrive twice" in failed.rows["quit-end"]["reason"]


def test_what_comes_back(world: MailWorld, failed: Failed) -> None:
    """A refusal for good is told at once, wherever it comes; EHLO refused is no refusal (HELO is tried)."""
    wanted = {f"user@hard-{stage}.plain.test" for stage in ("connect", "mail", "rcpt", "data", "end")}
    pattern = re.compile(
        rb"Final-Recipient: rfc822; (user@hard-\S+)\r\n.*?Action: failed\r\nStatus: 5\.3\.0\r\n", re.DOTALL
    )

    def told() -> set[str]:
        found = {name.decode() for each in mailbox(world.here, ANNA) for name in pattern.findall(each)}
        return found if found >= wanted else set()

    assert wait_for(told, lambda: world.here.log[-3000:]) == wanted
    for each in mailbox(world.here, ANNA):
        if b"user@hard-" in each and b"multipart/report" in each:
            assert b"500 5.3.0 Error: command failed" in each
            assert b"Remote-MTA: dns; hard-" in each
    wait_for(lambda: "relayed in clear text" in world.trace("user@hard-ehlo.plain.test"))


def test_it_is_tried_again_when_it_is_due(world: MailWorld, failed: Failed) -> None:
    """After the first wait of the schedule, then after the second, each prolonged by 5 % at most."""
    first = [row for row in failed.rows.values() if row["attempts"] == 1]
    assert all(failed.begun + FIRST < row["due_at"] < time.time() + FIRST * 1.06 for row in first)

    def again() -> list[dict[str, Any]]:
        names = [f"user@{name}.plain.test" for name in failed.rows]
        found = [
            row for row in world.queued("plain.test") if row["recipient"] in names and row["attempts"] == 2
        ]
        return found if len(found) == len(names) else []

    for row in wait_for(again, lambda: world.here.log[-5000:], seconds=100):
        assert failed.begun + FIRST + SECOND < row["due_at"] < time.time() + SECOND * 1.06, row
