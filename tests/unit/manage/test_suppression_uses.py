"""The suppression list as administrators use it: by name, by page, with its line in the audit."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.directory.suppression import Failure, Suppressions, count
from posthouse.mail.address import parse_address
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError

Do = Callable[..., Awaitable[Any]]
BERT = "bert@there.test"


async def test_added_listed_removed(context: Context, do: Do) -> None:
    made = await do(
        "suppression.add", address=" Bert@There.Test ", reason="left\n the company", duration="30d"
    )
    assert (made["address"], made["cause"], made["said"]) == (BERT, "by-hand", "left the company")
    assert made["expires"] - made["first"] == pytest.approx(30 * 86400, abs=1)
    await do("suppression.add", address="there.example", account="Anna@here.test")
    found = await do("suppression.list")
    assert [(row["address"], row["account"]) for row in found["suppressions"]] == [
        ("@there.example", "anna@here.test"),
        (BERT, ""),
    ]
    assert found["total"] == 2
    assert [row["address"] for row in (await do("suppression.list", search="COMPANY"))["suppressions"]] == [
        BERT
    ]
    refused = await Suppressions(context.database).check(parse_address(BERT))
    assert refused is not None
    assert refused.enhanced == "5.7.1"
    await do("suppression.remove", address=BERT)
    assert await Suppressions(context.database).check(parse_address(BERT)) is None
    audit = await do("audit.list")
    assert [line["use"] for line in audit["lines"]][:3] == [
        "suppression.remove",
        "suppression.add",
        "suppression.add",
    ]


async def test_pages_hold_everybody_once(do: Do) -> None:
    for number in range(7):
        await do("suppression.add", address=f"user{number}@there.test")
    await do("suppression.add", address="user3@there.test", account="anna@here.test")
    seen: list[tuple[str, str]] = []
    after = ""
    while True:
        page = await do("suppression.list", limit=3, after=after)
        seen += [(row["address"], row["account"]) for row in page["suppressions"]]
        after = page["next"]
        if not after:
            break
    assert len(seen) == len(set(seen)) == 8


async def test_what_is_counted_is_shown_when_asked_for(context: Context, do: Do) -> None:
    failure = Failure(BERT, "no-mailbox", "5.1.1", "550 5.1.1 User unknown", "tr4ce")
    await context.database.run(count, failure, 4e9, after=2, lifetime=86400.0)
    assert (await do("suppression.list"))["total"] == 0
    (row,) = (await do("suppression.list", counting=True))["suppressions"]
    assert (row["active"], row["hits"], row["cause"], row["trace"]) == (False, 1, "no-mailbox", "tr4ce")
    await do("suppression.remove", address=BERT)
    assert (await do("suppression.list", counting=True))["total"] == 0


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"address": ""}, "invalid"),
        ({"address": "no address at all"}, "invalid"),
        ({"address": "a@" + "x" * 300}, "invalid"),
        ({"address": "x@here.test"}, "refused"),
        ({"address": "@here.test"}, "refused"),
        ({"address": BERT, "duration": "soon"}, "invalid"),
        ({"address": BERT, "duration": "0"}, "invalid"),
        ({"address": BERT, "account": "nobody"}, "invalid"),
    ],
)
async def test_what_cannot_be_suppressed(do: Do, parameters: dict[str, str], kind: str) -> None:
    await do("domain.add", name="here.test")
    with pytest.raises(ManageError) as refused:
        await do("suppression.add", **parameters)
    assert refused.value.kind == kind


async def test_what_is_not_there(do: Do) -> None:
    with pytest.raises(ManageError) as missing:
        await do("suppression.remove", address=BERT)
    assert missing.value.kind == "missing"
