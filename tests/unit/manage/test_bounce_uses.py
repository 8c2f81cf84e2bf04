"""The bounces that came back as administrators see them: the newest first, by cause, page after page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import time
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.deliver.dsn.bounced import BouncedRecipient
from posthouse.deliver.dsn.bounces import Bounce, Bounces
from posthouse.deliver.dsn.cause import Cause
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.settings.contract import CurrentSettings, Settings

Do = Callable[..., Awaitable[Any]]
DAY = 86_400.0


@pytest.fixture
def keep(context: Context) -> Callable[..., Awaitable[None]]:
    """Keeps one bounce."""
    number = iter(range(1000))

    async def one(
        to: str, cause: Cause, *, sender: str = "anna@here.test", days: float = 0.0, certain: bool = False
    ) -> None:
        about = BouncedRecipient(
            to, cause, "failed", "5.1.1", f"550 {cause} of {to}", message_id="<one@here.test>"
        )
        bounce = Bounce(next(number).to_bytes(32, "big"), sender, certain, about)
        bounces = Bounces(context.database, CurrentSettings(Settings()), list, lambda: time() - days * DAY)

        def op(tx: Transaction) -> int:
            return bounces.keep(tx, [bounce])

        assert await context.database.run(op) == 1

    return one


async def test_counted_by_cause(do: Do, keep: Callable[..., Awaitable[None]]) -> None:
    assert await do("bounce.causes") == {"causes": [], "total": 0}
    for name in ("a", "b", "c"):
        await keep(f"{name}@there.test", "mailbox-full")
    await keep("d@there.test", "no-mailbox")
    await keep("e@there.test", "no-mailbox", days=40)
    assert await do("bounce.causes") == {
        "causes": [
            {"cause": "mailbox-full", "bounces": 3, "hard": False},
            {"cause": "no-mailbox", "bounces": 1, "hard": True},
        ],
        "total": 4,
    }
    assert (await do("bounce.causes", days=0))["total"] == 5


async def test_the_newest_first_each_once(do: Do, keep: Callable[..., Awaitable[None]]) -> None:
    for number in range(7):
        await keep(f"user{number}@there.test", "spam" if number % 2 else "no-mailbox")
    seen: list[str] = []
    after, pages = "", 0
    while True:
        page = await do("bounce.list", limit=3, after=after)
        assert page["total"] == 7
        seen += [row["recipient"] for row in page["bounces"]]
        after, pages = page["next"], pages + 1
        if not after:
            break
    assert seen == [f"user{number}@there.test" for number in reversed(range(7))]
    assert pages == 3


async def test_what_is_asked_for(do: Do, keep: Callable[..., Awaitable[None]]) -> None:
    await keep("bert@there.test", "no-mailbox", sender="lists@here.test", certain=True)
    await keep("carl@other.test", "spam")
    await keep("dora_x@other.test", "spam", days=10)

    async def found(**wanted: Any) -> list[str]:
        return [row["recipient"].partition("@")[0] for row in (await do("bounce.list", **wanted))["bounces"]]

    assert await found() == ["dora_x", "carl", "bert"]
    assert await found(cause="spam") == ["dora_x", "carl"]
    assert await found(days=7) == ["carl", "bert"]
    assert await found(sender=" Lists@here.test ") == ["bert"]
    assert await found(search="OTHER.test") == ["dora_x", "carl"]
    assert await found(search="a_x") == ["dora_x"]
    assert await found(search="%") == []
    (row,) = (await do("bounce.list", sender="lists@here.test"))["bounces"]
    assert (row["certain"], row["hard"], row["status"]) == (True, True, "5.1.1")
    assert row["said"] == "550 no-mailbox of bert@there.test"
    assert row["message_id"] == "<one@here.test>"


@pytest.mark.parametrize(
    ("use", "parameters"),
    [
        ("bounce.list", {"cause": "bad weather"}),
        ("bounce.list", {"cause": "%"}),
        ("bounce.list", {"after": "soon"}),
        ("bounce.list", {"after": "9" * 30}),
        ("bounce.list", {"after": "-1"}),
        ("bounce.list", {"days": -1}),
        ("bounce.causes", {"days": 10**9}),
    ],
)
async def test_what_cannot_be_asked(do: Do, use: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(ManageError) as refused:
        await do(use, **parameters)
    assert refused.value.kind == "invalid"
