"""Limits, brakes and rights of senders as administrators use them."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.directory import admin, brakes, sending_counts
from posthouse.directory.brakes import Brake
from posthouse.manage.context import ALL_RIGHTS, Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.use import perform
from posthouse.queue import burst
from posthouse.queue.contract import HOLD_BURST, QueuedMessage, QueuedRecipient
from posthouse.queue.service import QueueService

Do = Callable[..., Awaitable[Any]]
ANNA, BERT, CHIEF = "anna@here.test", "bert@here.test", "chief@here.test"
DOMAIN_ADMIN = Actor(
    "dora@here.test", "test", role="domain", account="dora@here.test", domains=frozenset({"here.test"})
)
LETTER = b"From: anna@here.test\r\nsubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n an alle\r\n\r\nHello\r\n"


@pytest.fixture
async def people(do: Do) -> None:
    await do("domain.add", name="here.test")
    for address in (ANNA, BERT, CHIEF):
        await do("account.add", address=address, password="correct horse battery")


async def held(context: Context, address: str, *recipients: str) -> int:
    """Brake an account, and hold mail of it; its id."""
    account_id = (await context.database.scan(admin.find_account, address)).id
    spool = context.bodies.spool()
    spool.write(LETTER)
    body = spool.finish()
    context.bodies.keep(body)

    def op(tx: Transaction) -> None:
        context.bodies.claim(tx, body.digest, body.size)
        queue = QueueService(context.settings, context.feed)
        message = QueuedMessage(
            "tr4ce", body.digest, len(LETTER), address, time.time(), account_id=account_id
        )
        queue.put(tx, message, [QueuedRecipient(each, "mx:far.test", hold=HOLD_BURST) for each in recipients])
        brakes.put_on(tx, Brake(account_id, "braked", time.time(), "", "300 recipients", 300, 9), address)

    await context.database.run(op)
    return account_id


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(ManageError) as error:
        await call
    return error.value.kind


async def test_limits_and_what_is_used(context: Context, do: Do, people: None) -> None:
    found = await do("sending.limits", of=ANNA)
    assert found["kind"] == "account"
    assert found["messages_hour"] == {"most": 500, "used": 0, "exception": False}
    assert found["burst_hour"]["most"] == 250
    account_id = (await context.database.scan(admin.find_account, ANNA)).id
    slot = sending_counts.slot_of(time.time())
    counts = {(f"a{account_id}", slot): (3, 30), (f"a{account_id}", slot - 100): (4, 40)}
    await context.database.run(sending_counts.add, counts)
    made = await do("sending.set", of=ANNA, messages_hour=7, burst_hour=0)
    assert made["messages_hour"] == {"most": 7, "used": 3, "exception": True}
    assert made["recipients_day"] == {"most": 5000, "used": 70, "exception": False}
    assert made["burst_hour"] == {"most": 0, "used": 30, "exception": True}
    domain = await do("sending.set", of="HERE.test", recipients_day=9)
    assert (domain["of"], domain["kind"], domain["recipients_day"]["most"]) == ("here.test", "domain", 9)
    assert domain["burst_hour"] is None
    listed = (await do("sending.exceptions"))["exceptions"]
    assert [(each["of"], each["messages_hour"], each["recipients_day"]) for each in listed] == [
        (ANNA, 7, None),
        ("here.test", None, 9),
    ]
    assert (await do("sending.limits", of="2001:db8::7"))["of"] == "2001:db8::"
    assert not (await do("sending.unset", of=ANNA))["messages_hour"]["exception"]
    assert await refused(do("sending.unset", of=ANNA)) == "missing"
    assert [line["use"] for line in (await do("audit.list"))["lines"]][:3] == [
        "sending.unset",
        "sending.set",
        "sending.set",
    ]


@pytest.mark.parametrize(
    ("parameters", "kind"),
    [
        ({"of": "nobody@here.test"}, "missing"),
        ({"of": "nowhere.test"}, "missing"),
        ({"of": ""}, "invalid"),
        ({"of": "192.0.2.1", "messages_hour": 1}, "missing"),
        ({"of": ANNA, "messages_hour": -1}, "invalid"),
        ({"of": ANNA, "messages_hour": 10**12}, "invalid"),
        ({"of": "here.test", "burst_hour": 3}, "invalid"),
    ],
)
async def test_limits_that_cannot_be_set(do: Do, people: None, parameters: dict[str, Any], kind: str) -> None:
    assert await refused(do("sending.set", **parameters)) == kind


async def test_held_mail_is_looked_at_and_released(context: Context, do: Do, people: None) -> None:
    anna = await held(context, ANNA, "a@far.test", "b@far.test")
    await held(context, BERT, "c@far.test")
    listed = (await do("sending.braked"))["accounts"]
    assert [(each["address"], each["state"], each["held"]) for each in listed] == [
        (ANNA, "braked", 2),
        (BERT, "braked", 1),
    ]
    shown = (await do("sending.samples", address=ANNA))["samples"]
    assert [(each["recipient"], each["subject"]) for each in shown] == [
        ("a@far.test", "Grüße an alle"),
        ("b@far.test", "Grüße an alle"),
    ]
    assert await do("sending.release", address=ANNA) == {"address": ANNA, "state": "free", "recipients": 2}
    assert await context.database.scan(burst.count, anna) == 0
    assert (await do("queue.list", state="held"))["messages"][0]["sender"] == BERT
    assert (await do("sending.show", address=ANNA))["state"] == "free"
    warned = (await do("status"))["warnings"]
    assert [each["what"].split()[0] for each in warned if each["code"] == "sending.braked"] == [BERT]


@pytest.mark.parametrize("bounce", [True, False])
@pytest.mark.parametrize("block", [True, False])
async def test_held_mail_is_rejected(
    context: Context, do: Do, people: None, bounce: bool, block: bool
) -> None:
    anna = await held(context, ANNA, "a@far.test", "b@far.test")
    done = await do("sending.reject", address=ANNA, bounce=bounce, block=block)
    assert done == {"address": ANNA, "state": "blocked" if block else "free", "recipients": 2}
    assert await context.database.scan(burst.count, anna) == 0
    waiting = (await do("queue.list"))["messages"]
    assert [each["recipients"] for each in waiting] == ([2] if bounce else [])
    if bounce:  # the scheduler gives it up at its next look
        (row, _) = (await do("queue.show", id=waiting[0]["id"]))["recipients"]
        assert (row["expires_at"], row["state"]) == (0.0, "waiting")
    brake = await context.database.scan(brakes.find, anna)
    assert brake is not None
    assert brake.blocks is block


async def test_block_and_unblock(context: Context, do: Do, people: None) -> None:
    assert await refused(do("sending.unblock", address=ANNA)) == "missing"
    assert await refused(do("sending.reject", address=ANNA)) == "missing"
    await held(context, ANNA, "a@far.test")
    await do("sending.block", address=ANNA, reason="left\n us")
    shown = await do("sending.show", address=ANNA)
    assert (shown["state"], shown["reason"], shown["held"]) == ("blocked", "left us", 1)
    assert await refused(do("sending.release", address=ANNA)) == "refused"
    assert (await do("sending.unblock", address=ANNA))["recipients"] == 1


async def test_what_domain_administrators_may(context: Context, do: Do, people: None) -> None:
    await do("domain.add", name="there.test")
    await do("account.add", address="eve@there.test", password="correct horse battery")
    await held(context, ANNA, "a@far.test")
    await held(context, "eve@there.test", "b@far.test")
    await do("account.role", address=CHIEF, role="server", now=True)

    async def ask(name: str, **parameters: Any) -> Any:
        return await perform(context, DOMAIN_ADMIN, name, parameters)

    assert [each.address for each in (await ask("sending.braked")).accounts] == [ANNA]
    assert (await ask("sending.release", address=ANNA)).recipients == 1
    for name in ("release", "reject", "block", "unblock", "show", "samples"):
        assert await refused(ask(f"sending.{name}", address="eve@there.test")) == "refused"
    assert await refused(ask("sending.block", address=CHIEF)) == "refused"
    assert await refused(ask("sending.set", of=ANNA, messages_hour=0)) == "refused"
    assert (await ask("sending.limits", of="here.test")).of == "here.test"
    assert await refused(ask("sending.limits", of="192.0.2.1")) == "refused"
    blind = Actor("t", "api", ALL_RIGHTS - {"read_mail"}, "domain", domains=frozenset({"here.test"}))
    assert await refused(perform(context, blind, "sending.samples", {"address": ANNA})) == "refused"

    for pattern in ("office@here.test", "@here.test", BERT):
        await ask("account.add_send_as", address=ANNA, pattern=pattern)
    for pattern in ("*", "@there.test", "eve@there.test", "x@elsewhere.example", CHIEF):
        assert await refused(ask("account.add_send_as", address=ANNA, pattern=pattern)) == "refused", pattern


async def test_rights_to_send_as_others(do: Do, people: None) -> None:
    for pattern in (" Office@Here.Test ", "@EXAMPLE.org", "*"):
        found = await do("account.add_send_as", address=ANNA, pattern=pattern)
    assert found["patterns"] == ["*", "@example.org", "office@here.test"]
    await do("account.add_send_as", address=ANNA, pattern="*")  # there already
    assert (await do("account.remove_send_as", address=ANNA, pattern="*"))["patterns"] == [
        "@example.org",
        "office@here.test",
    ]
    assert await refused(do("account.remove_send_as", address=ANNA, pattern="*")) == "missing"
    for pattern in ("", "@", "nobody", "a b@c.test", "@not a domain"):
        assert await refused(do("account.add_send_as", address=ANNA, pattern=pattern)) == "invalid", pattern
    assert await refused(do("account.send_as", address="nobody@here.test")) == "missing"
