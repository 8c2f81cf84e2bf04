"""Rates of a range hold for all workers of a machine together."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from posthouse.cluster.hub import Hub
from posthouse.cluster.link import Message
from posthouse.cluster.member import Member
from posthouse.net.limits import ConnectionLimits
from posthouse.net.ranges import INTERNET, Range, Ranges, span
from posthouse.net.rates import PerMinute
from posthouse.settings.contract import CurrentSettings

SOMEBODY, OTHER = "203.0.113.9", "203.0.113.10"


class Wire:
    """A link that delivers at the next turn of the loop."""

    def __init__(self, receive: Any) -> None:
        self._receive = receive

    def send(self, *message: Any) -> None:
        asyncio.get_running_loop().call_soon(self._receive, list(message))


def gates(count: int, rate: int) -> list[ConnectionLimits]:
    """Those of so many workers, joined by a hub, with this rate of connections and of messages."""
    hub = Hub(lambda worker: None, lambda worker, failure: None)
    made = []
    for number in range(count):
        member = Member()

        def up(message: Message, number: int = number) -> None:
            hub.receive(number, message)

        member._link = Wire(up)  # type: ignore[assignment]
        hub.add(number, Wire(member._receive))  # type: ignore[arg-type]
        gate = ConnectionLimits(CurrentSettings())
        gate._rates = {kind: PerMinute(lambda: 100.0) for kind in gate._rates}  # no time passes
        member.spent = gate.spent_elsewhere
        gate.spent = member.spend
        slow = Range("slow", *span("0.0.0.0/0"), 20, int(INTERNET), connection_rate=rate, message_rate=rate)
        gate.rule(Ranges([slow]))
        made.append(gate)
    return made


async def heard() -> None:
    for _ in range(8):
        await asyncio.sleep(0)


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("rate", [1, 3, 10])
async def test_as_many_as_one_alone_would_let_in(count: int, rate: int) -> None:
    """Wherever the kernel leads them: in turn, or all to one."""
    for pick in (lambda turn: turn % count, lambda turn: 0):
        workers = gates(count, rate)
        entered = sent = 0
        for turn in range(3 * rate + count):
            gate = workers[pick(turn)]
            entered += gate.enter(SOMEBODY) == ""
            await heard()
            sent += not gate.too_many_messages(SOMEBODY)
            await heard()
        assert (entered, sent) == (rate, rate)
        assert workers[-1].enter(OTHER) == "", "somebody else is not meant"


async def test_what_came_at_the_same_moment_is_missing_later() -> None:
    """Two workers that have not heard of each other let in one each; the minute after has one less."""
    one, two = gates(2, 2)
    assert [gate.enter(SOMEBODY) for gate in (one, one, two, two)] == [""] * 4
    await heard()
    assert one.enter(SOMEBODY)
    now = [100.0]
    rate = PerMinute(lambda: now[0])
    assert [rate.take("a", 2) for _ in range(2)] == [True, True]
    rate.charge("a", 2, 2)
    now[0] += 60
    assert not rate.take("a", 2)
    now[0] += 30
    assert rate.take("a", 2)


async def test_several_of_one_turn_are_one_message() -> None:
    """And what is nonsense is passed over."""
    sent: list[Any] = []
    member = Member()
    member._link = type("Link", (), {"send": lambda self, *message: sent.append(message)})()
    for _ in range(3):
        member.spend("messages", SOMEBODY, 5)
    member.spend("connections", SOMEBODY, 7)
    await heard()
    assert sent == [("spent", [["messages", SOMEBODY, 5, 3], ["connections", SOMEBODY, 7, 1]])]
    gate = ConnectionLimits(CurrentSettings())
    gate.spent_elsewhere("unknown", SOMEBODY, 5, 1)
    gate.spent_elsewhere("messages", SOMEBODY, 0, 1)
