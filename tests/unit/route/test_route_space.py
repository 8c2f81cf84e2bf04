"""Room in mailboxes and domains: what is promised is not promised again, by many sessions at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import bindparam, update

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.database.open import open_database
from posthouse.database.urls import sqlite_url
from posthouse.directory import admin, lookup, quotas
from posthouse.directory.contract import Account
from posthouse.directory.passwords import Passwords
from posthouse.directory.records import domains
from posthouse.mail.address import parse_address
from posthouse.mail.refusal import Refusal
from posthouse.route import domain_use
from posthouse.route.domain_use import DomainUse, use_in
from posthouse.route.reservations import Reservations
from posthouse.route.space import Space
from posthouse.store.contract import StoreRefusal
from posthouse.store.naming import provision_in
from posthouse.store.records import mailboxes

_SET_MAX = update(domains).values(max_size=bindparam("size"), max_message=bindparam("message"))
_GROW = (
    update(mailboxes)
    .where(mailboxes.c.account_id == bindparam("account"), mailboxes.c.name == "INBOX")
    .values(size=mailboxes.c.size + bindparam("more"), messages=mailboxes.c.messages + 1)
)


class QuickHasher:
    def hash(self, password: str) -> str:
        return f"hash-{password}"

    def verify(self, hash: str, password: str) -> bool:
        return hash == f"hash-{password}"


class House:
    """A domain of ten people, limited to 1000 bytes, and what stands at its door."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.feed = LocalFeed()
        self.space = Space(database, feed=self.feed)
        self.people: list[Account] = []

    async def build(self) -> None:
        passwords = Passwords(hasher=QuickHasher())
        credentials = await passwords.make("long enough")
        passwords.close()

        def op(tx: Transaction) -> None:
            admin.add_domain(tx, "own.test", feed=self.feed)
            for number in range(10):
                account = admin.add_account(tx, f"p{number}@own.test", credentials, feed=self.feed)
                provision_in(tx, account.id, self.feed, None, now=1)
            tx.execute(_SET_MAX, {"size": 1000, "message": 0})

        await self.database.run(op)
        for number in range(10):
            target = await self.database.scan(lookup.find_target, parse_address(f"p{number}@own.test"))
            assert target.account is not None
            self.people.append(target.account)

    async def deliver(self, account: Account, size: int, trace: str) -> bool:
        """A whole transaction: promised at RCPT, some time passes, delivered, released."""
        try:
            await self.space.reserve(account, trace, size)
        except Refusal as refusal:
            return refusal.code != 452
        await asyncio.sleep(0)
        await self.database.run(lambda tx: tx.execute(_GROW, {"account": account.id, "more": size}))
        self.space.release(trace)
        return True


@pytest.fixture(autouse=True)
def slow_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, near the limit a sum is asked for each time."""
    monkeypatch.setattr(domain_use, "QUICK", 600.0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    database = await open_database(sqlite_url(tmp_path / "posthouse.db"))
    made = House(database)
    await made.build()
    yield made
    made.space.close()
    await database.close()


async def test_a_domain_is_never_overrun_by_sessions_at_once(house: House) -> None:
    """A hundred transactions for ten people, in three waves: as much is taken as fits, and no byte more."""
    for wave in range(3):
        tasks = [house.deliver(house.people[number % 10], 70, f"t{wave}-{number}") for number in range(100)]
        await asyncio.gather(*tasks)
        assert await house.database.scan(use_in, house.people[0].domain_id) <= 1000
        assert house.space.open_promises == 0
    for number in range(14):  # (what came while a sum was under way may have been counted twice for a moment)
        await house.deliver(house.people[0], 70, f"last{number}")
    assert await house.database.scan(use_in, house.people[0].domain_id) == 980  # 14 * 70


async def test_what_is_gone_makes_room_again(house: House) -> None:
    """Near the limit the sum is asked for anew: a deletion counts at once."""
    person = house.people[0]
    assert await house.deliver(person, 990, "a")
    assert not await house.deliver(person, 500, "b")
    await house.database.run(lambda tx: tx.execute(_GROW, {"account": person.id, "more": -900}))
    assert await house.deliver(person, 500, "c")


async def test_a_transaction_of_many_recipients_counts_each(house: House) -> None:
    """Each recipient's copy counts towards the domain; the same recipient twice counts once."""
    for number in range(3):
        await house.space.reserve(house.people[number], "t", 300)
        await house.space.reserve(house.people[number], "t", 300)
    with pytest.raises(Refusal) as full:
        await house.space.reserve(house.people[3], "t", 300)
    assert full.value.code == 452
    house.space.release("t")
    await house.space.reserve(house.people[3], "u", 300)


async def test_a_message_that_never_fits_is_refused_for_good(house: House) -> None:
    """Larger than the domain, or than its recipient takes."""
    with pytest.raises(Refusal) as too_much:
        await house.space.reserve(house.people[0], "t", 1001)
    assert (too_much.value.code, too_much.value.enhanced) == (552, "5.2.3")

    def limit(tx: Transaction) -> None:
        tx.execute(_SET_MAX, {"size": 0, "message": 400})
        admin.set_quota(tx, "p1@own.test", 0, feed=house.feed)

    await house.database.run(limit)
    with pytest.raises(Refusal) as too_large:
        await house.space.reserve(house.people[0], "t", 401)
    assert (too_large.value.code, too_large.value.enhanced) == (552, "5.3.4")
    await house.space.reserve(house.people[0], "t", 400)
    refusal = await house.space.too_large(house.people[0], 401)
    assert refusal is not None
    assert refusal.enhanced == "5.3.4"


async def test_the_number_of_messages_is_promised_too(house: House) -> None:
    person = house.people[0]
    await house.database.run(lambda tx: quotas.set_max_messages(tx, person, 2, feed=house.feed))
    await house.space.reserve(person, "a", 0)
    await house.space.reserve(person, "b", 0)
    with pytest.raises(Refusal) as full:
        await house.space.reserve(person, "c", 0)
    assert full.value.code == 452
    house.space.release("a")
    await house.space.reserve(person, "c", 0)


async def test_append_and_copy_ask_the_domain_too(house: House) -> None:
    """Within the unit, and what they let in counts at once."""
    person = house.people[0]
    check = await house.space.room(person.id)
    assert check is not None
    await house.database.run(check, 600, 1)
    with pytest.raises(StoreRefusal) as full:
        await house.database.run(check, 600, 1)
    assert full.value.code == "OVERQUOTA"


async def test_a_sum_is_not_asked_for_at_every_recipient(house: House) -> None:
    """Far from the limit one sum serves many."""
    asked = 0
    now = 100.0

    class Counting(DomainUse):
        async def _ask(self, domain_id: int, found: object) -> None:
            nonlocal asked
            asked += 1
            await super()._ask(domain_id, found)  # type: ignore[arg-type]

    use = Counting(house.database, lambda: now)
    for _ in range(50):
        await use.refresh(house.people[0].domain_id, 1000, 100)
    assert asked == 1
    now += 3
    await use.refresh(house.people[0].domain_id, 1000, 100)
    assert asked == 2
    use.grew(house.people[0].domain_id, 900)
    assert use.known(house.people[0].domain_id) == 900
    await use.refresh(house.people[0].domain_id, 1000, 100)
    assert asked == 3


def test_promises_add_up_and_leave_nothing() -> None:
    held = Reservations()
    held.promise("a", 1, 10, 7)
    held.promise("a", 2, 20, 7)
    held.promise("b", 1, 5, 7)
    assert held.promised_in(7, apart_from="") == 35
    assert held.promised_in(7, apart_from="a", account_id=1) == 25
    assert (held.promised(1, apart_from="a"), held.count(1, apart_from="a")) == (5, 1)
    assert held.release("a") == {7: 30}
    assert held.release("b") == {7: 5}
    assert (len(held), held.promised_in(7, apart_from=""), held.count(1, apart_from="")) == (0, 0, 0)
