"""IP ranges from the uses to the door, and their troubles."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.directory import ranges
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.ranges import DEMANDS, PERMISSIONS
from posthouse.net.bans import BANNED
from posthouse.net.limits import ConnectionLimits
from posthouse.net.ranges import Option
from posthouse.server.with_ranges import RangeFollower

Do = Callable[..., Awaitable[Any]]


async def follower_of(context: Context) -> tuple[ConnectionLimits, RangeFollower]:
    limits = ConnectionLimits(context.settings)
    await context.database.run(ranges.make_defaults)
    follower = RangeFollower(context.database, context.feed, limits, lambda: None)
    await follower.load()
    return limits, follower


async def test_ranges_reach_the_door(do: Do, context: Context) -> None:
    limits, follower = await follower_of(context)
    assert limits.kept_out("192.0.2.1", "imap") == limits.kept_out("2001:db8::1", "imap") == ""
    assert limits.permits("192.0.2.1").wants_tls
    assert not limits.permits("127.0.0.1").wants_tls
    made = await do("range.put", name="Office", addresses="192.0.2.0/24", rules=["smtp"], now=True)
    assert made["rules"] == ["smtp"]
    await follower.load()
    assert limits.kept_out("192.0.2.1", "imap") == BANNED
    assert limits.kept_out("192.0.2.1", "smtp") == ""
    assert limits.permits("192.0.2.1").options & Option.SPAM  # kept although no face shows it
    found = await do("range.try", address="192.0.2.77")
    assert (found["range"], found["rules"], found["banned"]) == ("Office", ["smtp"], False)
    await do("range.remove", name="Office")
    await follower.load()
    assert limits.kept_out("192.0.2.1", "imap") == ""
    assert len((await do("range.list"))["ranges"]) == 4


async def test_on_probation_a_change_is_taken_back(do: Do, context: Context) -> None:
    await follower_of(context)
    context.running = True
    before = (await do("range.list"))["ranges"]
    changed = await do("range.put", name="Internet (IPv6)", addresses="::/0", priority=10, rules=[])
    assert changed["probation"]
    await do("probation.revert", id=changed["probation"])
    assert (await do("range.list"))["ranges"] == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 101},
        {"addresses": "nonsense"},
        {"priority": -1},
        {"rules": ["everything"]},
        {"duration": "soon"},
        {"connections": -1},
    ],
)
async def test_what_is_wrong_is_refused(do: Do, wrong: dict[str, object]) -> None:
    with pytest.raises(ManageError) as refused:
        await do("range.put", **{"name": "n", "addresses": "192.0.2.1", **wrong})
    assert refused.value.kind == "invalid"


async def test_the_last_range_stays(do: Do, context: Context) -> None:
    await follower_of(context)
    names = [each["name"] for each in (await do("range.list"))["ranges"]]
    for name in names[:-1]:
        await do("range.remove", name=name, now=True)
    with pytest.raises(ManageError):
        await do("range.remove", name=names[-1])


async def test_troubles_are_told(do: Do, context: Context) -> None:
    await follower_of(context)
    assert await context.database.read(ranges.troubles) == []
    words = [word for word in {**PERMISSIONS, **DEMANDS} if word != "sign-in-outside-to-outside"]
    await do("range.put", name="Relay", addresses="192.0.2.0/24", rules=words, now=True)
    await do(
        "range.put",
        name="This computer (IPv4)",
        addresses="127.0.0.0/8",
        priority=30,
        rules=["smtp"],
        now=True,
    )
    await do("range.remove", name="Internet (IPv6)", now=True)
    await do("range.remove", name="This computer (IPv6)", now=True)
    told = [code for code, _, _ in await context.database.read(ranges.troubles)]
    assert told == ["ranges.relay", "ranges.localhost", "ranges.ipv6"]
