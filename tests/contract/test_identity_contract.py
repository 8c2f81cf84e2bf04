"""Sessions, factors, tokens, links and devices, the same on every engine: what is good once is good once."""

from __future__ import annotations

import asyncio
from types import ModuleType

import pytest
from people import credentials
from sqlalchemy.dialects import mssql
from sqlalchemy.sql import Executable

from posthouse.database.contract import Database, DuplicateKey, Transaction
from posthouse.directory import admin, browser_sessions, devices, factors, tokens
from posthouse.directory.browser_sessions import Lasting, digest
from posthouse.directory.contract import Account

NOW = 1_700_000_000.0
LASTING = Lasting(600, 1500)


@pytest.fixture
async def account(database: Database) -> Account:
    await database.run(admin.add_domain, "ours.test")
    return await database.run(admin.add_account, "anna@ours.test", credentials("one"))


def begin(tx: Transaction, account: Account, secret: str, now: float = NOW) -> int:
    return browser_sessions.begin(
        tx, account, digest(secret), peer="192.0.2.1", agent="Браузер", how="password", now=now, fresh_at=now
    )


async def test_sessions(database: Database, account: Account) -> None:
    """Found by the digest only, renewed, kept through the owner's change of password, swept when over."""
    one = await database.run(begin, account, "one")
    two = await database.run(begin, account, "two", NOW + 5)
    found = await database.read(browser_sessions.by_secret, digest("one"), NOW, LASTING)
    assert found is not None
    assert (found.id, found.account, found.agent, found.fresh_at) == (one, account, "Браузер", NOW)
    assert await database.read(browser_sessions.by_secret, digest("three"), NOW, LASTING) is None
    assert await database.read(browser_sessions.by_secret, digest("one"), NOW + 600, LASTING) is None
    await database.run(browser_sessions.seen, one, "2001:db8::1", NOW + 60)
    listed = await database.read(browser_sessions.of_account, account.id, NOW + 60, LASTING)
    assert [each.peer for each in listed] == ["2001:db8::1", "192.0.2.1"]
    assert [each.id for each in await database.read(browser_sessions.newest, 1, NOW, LASTING)] == [one]
    assert await database.run(browser_sessions.renew, one, digest("new"), NOW + 60)
    assert await database.read(browser_sessions.by_secret, digest("one"), NOW, LASTING) is None

    def change(tx: Transaction) -> int:
        admin.set_password(tx, account.address, credentials("two"))
        return browser_sessions.keep_only(tx, account.id, one)

    assert await database.run(change) == 1
    assert await database.read(browser_sessions.by_secret, digest("new"), NOW, LASTING) is not None
    assert not await database.run(browser_sessions.renew, two, digest("x"), NOW)
    await database.run(admin.set_password, account.address, credentials("three"))
    assert await database.read(browser_sessions.by_secret, digest("new"), NOW, LASTING) is None
    await database.run(browser_sessions.sweep, NOW + 5000, LASTING)
    assert not await database.run(browser_sessions.renew, one, digest("x"), NOW)


async def test_an_account_has_fifty_sessions(database: Database, account: Account) -> None:
    """The one used longest ago ends."""
    for number in range(browser_sessions.MOST_SESSIONS + 2):
        await database.run(begin, account, f"secret {number}", NOW + number)
    kept = await database.read(browser_sessions.of_account, account.id, NOW + 60, LASTING)
    assert len(kept) == browser_sessions.MOST_SESSIONS
    assert await database.read(browser_sessions.by_secret, digest("secret 1"), NOW, LASTING) is None


async def test_a_link_and_a_factor_are_used_once(database: Database, account: Account) -> None:
    """Ten at the same moment: one gets it."""
    await database.run(browser_sessions.add_link, digest("link"), account.id, NOW + 600)
    assert await database.run(browser_sessions.take_link, digest("link"), NOW + 600) == 0
    taken = await asyncio.gather(
        *(database.run(browser_sessions.take_link, digest("link"), NOW) for _ in range(10))
    )
    assert sorted(taken) == [0] * 9 + [account.id]

    def add(tx: Transaction) -> int:
        return factors.add(
            tx, account.id, "totp", name="phone", mark=digest("x"), secret="SECRET", counter=5, now=NOW
        )

    made = await database.run(add)
    with pytest.raises(DuplicateKey):
        await database.run(add)
    used = await asyncio.gather(*(database.run(factors.advance, made, 6, NOW) for _ in range(10)))
    assert sorted(used) == [False] * 9 + [True]
    assert not await database.run(factors.advance, made, 5, NOW)
    marks = [factors.recovery_mark(account.id, str(code)) for code in range(10)]
    await database.run(factors.replace_codes, account.id, marks, NOW)
    used = await asyncio.gather(*(database.run(factors.use_code, account.id, marks[0]) for _ in range(5)))
    assert sorted(used) == [False] * 4 + [True]
    assert len(await database.read(factors.of_account, account.id)) == 10
    assert (await database.run(factors.remove, account.id, made)) is not None
    assert await database.read(factors.of_account, account.id) == []
    await database.run(factors.sweep)


async def test_tokens_and_devices(database: Database, account: Account) -> None:
    """Read back as they were stored; what belonged to an account that is gone is swept."""

    def add(tx: Transaction) -> int:
        return tokens.add(
            tx,
            account.id,
            digest("token"),
            name="Übersicht",
            rights=["view", "send"],
            domains=[],
            networks=["192.0.2.0/24"],
            now=NOW,
            expires_at=0.0,
        )

    made = await database.run(add)
    await database.run(tokens.used, made, "192.0.2.9", NOW + 1)
    found = await database.read(tokens.by_secret, digest("token"))
    assert found == await database.read(tokens.by_id, made)
    assert found is not None
    assert (found.name, found.rights, found.domains, found.used_peer) == (
        "Übersicht",
        ("view", "send"),
        (),
        "192.0.2.9",
    )
    seen: list[tuple[devices.Key, float]] = [((account.id, "imap", "192.0.2.1", "Почта"), NOW)]
    for later in (0.0, 0.0, 60.0):
        await database.run(devices.write, [(key, at + later) for key, at in seen])
    (device,) = await database.read(devices.of_account, account.id)
    assert (device.client, device.first_seen, device.last_seen) == ("Почта", NOW, NOW + 60)
    await database.run(admin.remove_account, account.address)
    assert await database.read(tokens.by_secret, digest("token")) is None
    await database.run(tokens.sweep, 0.0)
    await database.run(devices.sweep, NOW)
    assert await database.read(devices.of_account, account.id) == []


@pytest.mark.parametrize(
    "module", [browser_sessions, devices, factors, tokens], ids=lambda each: each.__name__
)
def test_statements_compile_for_sql_server(module: ModuleType) -> None:
    """No real one is tried; what cannot even be said to it would be found here."""
    statements = [value for value in vars(module).values() if isinstance(value, Executable)]
    assert statements
    for statement in statements:
        assert str(statement.compile(dialect=mssql.dialect()))  # type: ignore[attr-defined]
