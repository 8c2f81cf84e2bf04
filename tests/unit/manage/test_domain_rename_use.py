"""Renaming a domain as administrators do it, and what is told of mailboxes and domains that are nearly full."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.directory import lookup, quotas
from posthouse.mail.address import parse_address
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.warnings import read_kept
from posthouse.store.contract import NewMessage
from posthouse.store.facts import compute

Do = Callable[..., Awaitable[Any]]
ANNA, BERT = "anna@example.org", "bert@example.org"


@pytest.fixture
async def house(do: Do) -> Do:
    await do("domain.add", name="example.org")
    for address in (ANNA, BERT):
        await do("account.add", address=address, password="long enough")
    return do


def find(tx: Transaction, address: str) -> int:
    target = lookup.find_target(tx, parse_address(address))
    assert target.account is not None
    return target.account.id


async def test_its_name_and_what_tells_it(house: Do, context: Context) -> None:
    await house("account.role", address=BERT, role="domain", domains=["example.org"])
    await house("webhook.add", url="https://far.test/hook", domain="example.org", account=ANNA)
    done = await house("domain.rename", name="example.org", new="example.net")
    assert (done["name"], done["others"], done["accounts"]) == ("example.net", ["example.org"], 2)
    (hook,) = (await house("webhook.list"))["webhooks"]
    assert (hook["domain"], hook["account"]) == ("example.net", "anna@example.net")
    (line,) = (await house("audit.list", use="domain.rename"))["lines"]
    assert (line["subject"], json.loads(line["before"])["name"], json.loads(line["after"])["name"]) == (
        "example.net",
        "example.org",
        "example.net",
    )
    shown = await house("account.show", address="bert@example.net")
    assert shown["domains"] == ["example.net"]
    # What was done before is found by who looks after the domain now.
    before = (await house("audit.list", subject=ANNA))["lines"]
    assert before


async def test_without_the_old_name(house: Do) -> None:
    done = await house("domain.rename", name="example.org", new="example.net", keep=False)
    assert done["others"] == []
    with pytest.raises(ManageError) as declined:
        await house("account.show", address=ANNA)
    assert declined.value.kind == "missing"
    with pytest.raises(ManageError) as declined:
        await house("domain.rename", name="example.org", new="example.com")
    assert declined.value.kind == "missing"


async def put(context: Context, address: str, size: int) -> None:
    account = await context.database.scan(find, address)
    mailbox = await context.store.find(account, "INBOX")
    assert mailbox is not None
    spool = context.bodies.spool()
    spool.write(b"Subject: large\r\n\r\n" + b"x" * size + b"\r\n")
    body = spool.finish()
    await context.store.append(mailbox.id, [NewMessage(body, facts=compute(body.buffer()))])


async def test_what_is_nearly_full_is_told(house: Do, context: Context) -> None:
    """Mailboxes from the highest level on, domains from the lowest."""

    async def told(levels: str) -> list[tuple[str, str]]:
        kept = await context.database.scan(read_kept, levels)
        return [(each.code, each.what) for each in kept.quotas]

    assert await told("50, 90") == []
    await put(context, ANNA, 500)
    await house("domain.set", name="example.org", max_size="1000")
    assert await told("50, 90") == [
        ("quota.domain", "The mailboxes of example.org hold 52 % of what the domain may.")
    ]
    assert await told("60, 90") == []
    assert await told("") == []
    for address, level in ((ANNA, 90), (BERT, 50)):
        account = await context.database.scan(find, address)
        await context.database.run(quotas.set_level, account, level, 1)
    assert (await told("60, 90")) == [("quota.mailboxes", f"1 mailbox is at least 90 % full: {ANNA}.")]
    await house("domain.set", name="example.org", max_size="600")
    assert "quota.domain" in {each["code"] for each in (await house("status"))["warnings"]}
