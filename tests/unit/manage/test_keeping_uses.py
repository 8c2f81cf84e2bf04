"""Removed accounts and domains, deleted mail, quotas and warnings, as administrators use them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from posthouse.database.contract import Transaction
from posthouse.directory import lookup, quotas
from posthouse.mail.address import parse_address
from posthouse.manage.context import Context
from posthouse.manage.errors import ManageError
from posthouse.manage.quota_warnings import warn_all
from posthouse.manage.removed_purge import purge_due
from posthouse.settings.keeping import REMOVED_DAYS, levels
from posthouse.store.contract import NewMessage
from posthouse.store.facts import compute
from posthouse.store.service import MailStore

Do = Callable[..., Awaitable[Any]]
ANNA, BERT = "anna@example.org", "bert@example.org"


@pytest.fixture
async def house(do: Do) -> Do:
    """A domain with two people and an alias."""
    await do("domain.add", name="example.org")
    for address in (ANNA, BERT):
        await do("account.add", address=address, password="long enough")
    await do("alias.add", address="info@example.org", target=ANNA)
    return do


async def refused(call: Awaitable[Any]) -> str:
    with pytest.raises(ManageError) as declined:
        await call
    return declined.value.kind


async def put(context: Context, address: str, count: int = 1, size: int = 0) -> None:
    """Messages in somebody's INBOX."""
    account = await context.database.scan(find, address)
    mailbox = await context.store.find(account, "INBOX")
    assert mailbox is not None
    for number in range(count):
        spool = context.bodies.spool()
        text = f"From: \xc4 <a@there.test>\r\nSubject: mail {number}\r\n\r\n".encode() + b"x" * size + b"\r\n"
        spool.write(text)
        body = spool.finish()
        await context.store.append(mailbox.id, [NewMessage(body, facts=compute(body.buffer()))])


def find(tx: Transaction, address: str) -> int:
    target = lookup.find_target(tx, parse_address(address))
    assert target.account is not None
    return target.account.id


async def kind_of(context: Context, address: str) -> str:
    def op(tx: Transaction) -> str:
        target = lookup.find_target(tx, parse_address(address))
        login = lookup.find_login(tx, address)
        assert login is None or target.kind == "account" or not login.account.active
        return target.kind

    return await context.database.scan(op)


async def test_a_removed_account_is_nobody_and_comes_back_whole(context: Context, house: Do) -> None:
    """No mail, no sign-in, not in lists, its address reserved; then everything is as before."""
    await put(context, ANNA, 3)
    await house("account.quota", address=ANNA, quota="2G")
    before = await house("account.show", address=ANNA)
    removed = await house("account.remove", address=ANNA)
    assert removed["messages"] == 3
    assert await kind_of(context, ANNA) == "unknown"
    assert await refused(house("account.show", address=ANNA)) == "missing"
    listed = await house("account.list")
    assert ([row["address"] for row in listed["accounts"]], listed["total"]) == ([BERT], 1)
    assert await refused(house("account.add", address=ANNA, password="long enough")) == "exists"
    (gone,) = (await house("removed.list"))["removed"]
    assert (gone["kind"], gone["name"], gone["purging"]) == ("account", ANNA, False)
    assert gone["until"] - gone["removed_at"] == 30 * 86400
    assert await purge_due(context) == 0
    await house("account.restore", address=ANNA)
    assert await house("account.show", address=ANNA) == before
    assert await kind_of(context, ANNA) == "account"
    assert (await house("removed.list"))["removed"] == []
    assert await refused(house("account.restore", address=ANNA)) == "missing"


async def test_a_closed_account_comes_back_closed(context: Context, house: Do) -> None:
    await house("account.active", address=ANNA, active=False)
    await house("account.remove", address=ANNA)
    assert (await house("account.restore", address=ANNA))["active"] is False


async def test_after_its_days_an_account_goes_for_good(context: Context, house: Do) -> None:
    """So does one that is purged, or removed while nothing is kept; their addresses are free again."""
    await put(context, ANNA, 2)
    account_id = await context.database.scan(find, ANNA)
    await house("account.remove", address=ANNA)
    context.settings.now = context.settings.now.over({REMOVED_DAYS.name: 0})
    assert await purge_due(context) == 1
    assert (await house("removed.list"))["removed"] == []
    assert await context.store.mailboxes(account_id) == []
    await house("account.add", address=ANNA, password="long enough")
    await house("account.remove", address=ANNA)
    assert await refused(house("account.restore", address=ANNA)) == "missing"
    context.settings.now = context.settings.now.over({REMOVED_DAYS.name: 5})
    await house("account.remove", address=BERT)
    await house("account.purge", address=BERT)
    await house("account.add", address=BERT, password="long enough")
    assert (await house("account.show", address=BERT))["messages"] == 0


async def test_a_domain_goes_with_everything_and_comes_back(context: Context, house: Do) -> None:
    """Nobody in it signs in or gets mail; its name is reserved."""
    assert await refused(house("domain.remove", name="example.org")) == "refused"
    await put(context, ANNA)
    await house("domain.remove", name="example.org", everything=True)
    for address in (ANNA, BERT, "info@example.org"):
        assert await kind_of(context, address) == "foreign"
    assert (await house("domain.list"))["domains"] == []
    assert (await house("account.list"))["accounts"] == []
    assert await refused(house("domain.add", name="example.org")) == "exists"
    assert await refused(house("account.add", address="new@example.org", password="long enough")) == "missing"
    assert [row["name"] for row in (await house("removed.list"))["removed"]] == ["example.org"]
    await house("domain.restore", name="example.org")
    assert await kind_of(context, ANNA) == "account"
    assert await kind_of(context, "info@example.org") == "alias"
    assert (await house("account.show", address=ANNA))["messages"] == 1


async def test_a_domain_goes_for_good_with_who_was_removed_before(context: Context, house: Do) -> None:
    await house("account.remove", address=BERT)
    await house("domain.remove", name="example.org", everything=True)
    await house("domain.purge", name="example.org")
    assert (await house("removed.list"))["removed"] == []
    await house("domain.add", name="example.org")
    assert (await house("domain.show", name="example.org"))["accounts"] == 0
    await house("account.add", address=BERT, password="long enough")


async def test_a_purge_that_was_cut_off_goes_on(context: Context, house: Do) -> None:
    """What began to go cannot come back."""
    await put(context, ANNA, 2)
    account_id = await context.database.scan(find, ANNA)
    await house("account.remove", address=ANNA)

    def begin(tx: Transaction) -> None:
        from posthouse.directory import removed

        removed.begin_purge(tx, account_id)

    await context.database.run(begin)
    await context.mail.remove_account(account_id)
    assert await refused(house("account.restore", address=ANNA)) == "refused"
    assert await purge_due(context) == 1
    await house("account.add", address=ANNA, password="long enough")


async def test_deleted_mail_comes_back_by_the_administrator(context: Context, house: Do) -> None:
    """Counted and brought back; not what is in it."""
    await put(context, ANNA, 3)
    account_id = await context.database.scan(find, ANNA)
    mailbox = await context.store.find(account_id, "INBOX")
    assert mailbox is not None
    await context.store.expunge_any(mailbox.id, [1, 2, 3])
    shown = await house("deleted.show", address=ANNA)
    assert (shown["messages"], shown["folders"], shown["days"]) == (3, [], 14)
    assert await house("deleted.restore", address=ANNA, hours=1) == {"messages": 3, "folders": ["INBOX"]}
    await context.store.expunge_any(mailbox.id, [4])
    assert await house("deleted.purge", address=ANNA) == {"messages": 1}
    assert (await house("deleted.show", address=ANNA))["messages"] == 0


async def test_owners_are_warned_once_for_each_level(context: Context, house: Do) -> None:
    """Again only after use fell below it; what was warned of outlives a restart (it is in the database)."""
    assert isinstance(context.store, MailStore)
    await house("quota.messages", address=ANNA, messages=10)
    store, settings = context.store, context.settings

    async def look() -> int:
        from posthouse.bodies.plain import PlainDurability

        durability = PlainDurability(context.database, context.bodies)
        try:
            return await warn_all(
                context.database, context.bodies, durability, store, settings.now, "mail.example.org"
            )
        finally:
            await durability.close()

    assert await look() == 0
    await put(context, ANNA, 8)
    assert (await look(), await look()) == (1, 1)  # the warning itself is the ninth message: 90 %
    assert await look() == 1  # ... and the tenth: 95 % and more
    assert await look() == 0
    (full,) = (await house("quota.warned"))["accounts"]
    assert (full["address"], full["level"]) == (ANNA, 95)
    account_id = await context.database.scan(find, ANNA)
    mailbox = await store.find(account_id, "INBOX")
    assert mailbox is not None
    view = await store.examine(mailbox.id)
    letter = await store.content(view.messages([9])[0])
    view.close()
    assert b"80 % full" in letter
    assert b"8 messages of 10 messages" in letter
    await store.expunge_any(mailbox.id, list(range(1, 11)))
    assert await look() == 0
    assert (await house("quota.warned"))["accounts"] == []
    await put(context, ANNA, 8)
    assert await look() == 1


async def test_limits_are_shown_together(context: Context, house: Do) -> None:
    await house("account.quota", address=ANNA, quota="1G")
    await put(context, ANNA, 2)
    shown = await house("quota.messages", address=ANNA, messages=5)
    assert (shown["quota"], shown["messages"], shown["held"]) == (1 << 30, 5, 2)
    assert await refused(house("quota.messages", address=ANNA, messages=-1)) == "invalid"
    await house("quota.messages", address=ANNA, messages=0)
    assert (await context.database.scan(quotas.read, await context.database.scan(find, ANNA))).messages == 0


def test_levels_are_read_as_people_write_them() -> None:
    assert levels("80, 90, 95") == (80, 90, 95)
    assert levels("95 80;x, 0, 101, -5, 80") == (80, 95)
    assert levels("") == ()
