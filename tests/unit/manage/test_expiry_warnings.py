"""Letters about passwords that are about to expire."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from posthouse.bodies.plain import PlainDurability
from posthouse.database.contract import Transaction
from posthouse.directory import expiry, records
from posthouse.manage import expiry_warnings
from posthouse.manage.context import Context
from posthouse.settings.contract import Settings
from posthouse.store.service import MailStore

Do = Callable[..., Awaitable[Any]]
ANNA, BERT, CARL = "anna@example.org", "bert@example.org", "carl@example.org"
DAY = 86_400.0
SETTINGS = {"signin.password_days": 90, "signin.password_warning": 14}


@pytest.fixture
async def house(do: Do) -> Do:
    """A domain with three people; Bert reads German."""
    await do("domain.add", name="example.org")
    for address in (ANNA, BERT, CARL):
        await do("account.add", address=address, password="long enough")
    await do("account.change", address=BERT, language="de-AT")
    return do


async def age(context: Context, address: str, days: float, source: str = "") -> None:
    def op(tx: Transaction) -> None:
        values = {"password_changed_at": time.time() - days * DAY, "source": source}
        tx.change(records.accounts.update().where(records.accounts.c.address == address).values(**values))

    await context.database.run(op)


async def look(context: Context, **settings: Any) -> int:
    assert isinstance(context.store, MailStore)
    durability = PlainDurability(context.database, context.bodies)
    try:
        return await expiry_warnings.warn_all(
            context.database,
            context.bodies,
            durability,
            context.store,
            Settings({**SETTINGS, **settings}),
            "mail.example.org",
        )
    finally:
        await durability.close()


def letters(context: Context) -> list[str]:
    return [each.read_text() for each in Path(context.config.data).rglob("*.eml")]


async def test_everybody_is_told_once_of_each_password(context: Context, house: Do) -> None:
    """In their language, from the day of the setting on; of the next password again. Nobody whose password is kept
    outside, and nobody while passwords do not expire."""
    await age(context, ANNA, 75)
    await age(context, BERT, 77)
    await age(context, CARL, 80, source="outside")
    assert await look(context, **{"signin.password_days": 0}) == 0
    assert (await look(context), await look(context)) == (1, 0)
    (german,) = letters(context)
    assert f"Das Passwort von {BERT} läuft am" in german
    await age(context, ANNA, 91)
    assert (await look(context), await look(context)) == (1, 0)
    assert sum(f"The password of {ANNA} expired on" in each for each in letters(context)) == 1
    await age(context, BERT, 76.5)
    assert (await look(context), await look(context)) == (1, 0)


async def test_what_was_told_goes_with_the_account(context: Context, house: Do) -> None:
    await age(context, ANNA, 80)
    await look(context)
    await house("account.remove", address=ANNA, purge=True)
    await context.database.run(expiry.sweep)

    def count(tx: Transaction) -> int:
        return len(tx.execute(expiry.records.expiry_warnings.select()))

    assert await context.database.read(count) == 0
