"""Questions between workers: asked of all others, answered by those that can."""

from __future__ import annotations

import asyncio
from typing import Any

from posthouse.cluster.hub import Hub
from posthouse.cluster.link import Message
from posthouse.cluster.member import Member


class Wire:
    """A link that delivers at the next turn of the loop."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive

    def send(self, *message: Any) -> None:
        asyncio.get_running_loop().call_soon(self._receive, list(message))


def joined(count: int) -> tuple[Hub, list[Member]]:
    hub = Hub(lambda worker: None, lambda worker, failure: None)
    members = [Member() for _ in range(count)]
    for number, member in enumerate(members):

        def up(message: Message, number: int = number) -> None:
            hub.receive(number, message)

        member._link = Wire(up)  # type: ignore[assignment]
        hub.add(number, Wire(member._receive))  # type: ignore[arg-type]
        hub.receive(number, ["attend"])
    return hub, members


async def test_every_other_worker_answers() -> None:
    """Under its number; one that fails is left out, and one alone has nobody to wait for."""
    _, members = joined(4)
    for number, member in enumerate(members):

        async def double(asked: int, number: int = number) -> list[int]:
            if number == 3:
                raise ValueError("cannot")
            return [number, asked * 2]

        member.handlers["double"] = double
    assert await members[0].ask("double", 21) == {1: [1, 42], 2: [2, 42]}
    assert await members[0].ask("unknown", 1) == {}
    _, alone = joined(1)
    assert await alone[0].ask("double", 1) == {}


async def test_one_that_is_silent_costs_its_time_only() -> None:
    """The others' answers are there."""
    _, members = joined(3)

    async def hang(asked: object) -> object:
        await asyncio.sleep(60)
        return None

    async def good(asked: object) -> object:
        return "here"

    members[1].handlers["x"] = hang
    members[2].handlers["x"] = good
    assert await members[0].ask("x", None, seconds=0.2) == {2: "here"}


async def test_told_to_one() -> None:
    """Without an answer, and with who told it."""
    _, members = joined(3)
    heard: list[tuple[int, object]] = []
    members[0].hearers["lines"] = lambda worker, told: heard.append((worker, told))
    members[2].tell_worker(0, "lines", ["a"])
    members[2].tell_worker(7, "lines", ["nobody"])
    for _ in range(4):
        await asyncio.sleep(0)
    assert heard == [(2, ["a"])]
