"""Random sequences of administration: the real uses, look-ups, plans and RCPT beside a plain model of who gets what.

``make households`` runs many more of them (``HOUSEHOLDS=20000``). What fails once becomes an ``@example``.
"""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from household_changes import CHANGES, OUTSIDE, PROBES, Change, apply, use_of
from household_model import FAR, Household
from hypothesis import HealthCheck, example, given, note, settings
from hypothesis import strategies as st
from mailboxes import MemoryAppender
from sqlalchemy import func, select

from posthouse.database.contract import Database, Transaction
from posthouse.deliver.planning import Planner
from posthouse.directory import (
    address_records,
    forward_records,
    group_records,
    list_records,
    lists,
    records,
    removed_records,
)
from posthouse.directory.passwords import Passwords
from posthouse.directory.routes_live import RouteBook
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.mail.envelope import Envelope, Origin, Recipient
from posthouse.mail.refusal import Refusal
from posthouse.manage.context import Actor, Context
from posthouse.manage.errors import ManageError
from posthouse.manage.offline import open_context
from posthouse.manage.use import perform
from posthouse.queue.contract import LIST
from posthouse.route.forwarding import Forwarding
from posthouse.route.lists import verdict
from posthouse.route.reception import ReceptionDesk
from posthouse.route.resolve import Router
from posthouse.route.ways import RouteWays
from posthouse.settings.config import Config

EXAMPLES = int(os.environ.get("HOUSEHOLDS", "150"))
pytestmark = pytest.mark.timeout(max(300, EXAMPLES))
STRANGER = Origin("t", "ESMTP", FAR, "192.0.2.1", 4711)
SENDER = parse_address(f"stranger@{FAR}")
LARGE = 5000
"""More than a mailbox of 1 KB takes."""

EMPTIED = (
    records.domains,
    records.accounts,
    records.aliases,
    address_records.account_addresses,
    forward_records.account_forwards,
    forward_records.forward_targets,
    group_records.account_groups,
    group_records.group_members,
    list_records.mailing_lists,
    list_records.list_members,
    removed_records.removed_accounts,
    removed_records.removed_domains,
)
"""Tables in which nothing is left when every domain and every group was removed for good."""


class QuickHasher:
    """In place of Argon2: nobody signs in here."""

    def hash(self, password: str) -> str:
        return "hash"

    def verify(self, hash: str, password: str) -> bool:
        return False


class Real:
    """The real parts on one database; every example leaves it empty."""

    def __init__(self, context: Context) -> None:
        self.context = context
        context.passwords.close()
        context.passwords = Passwords(hasher=QuickHasher())
        feed, current = context.feed, context.settings
        self.database: Database = context.database
        self.directory = DirectoryService(self.database, feed, current, context.passwords)
        self.book = RouteBook(self.database, feed)
        ways = RouteWays(self.book, self.directory, current, lambda: 0.0)
        self.router = Router(self.directory)
        self.planner = Planner(self.router, ways, None, Forwarding(self.router, self.directory))
        self.desk = ReceptionDesk(self.router, self.database, MemoryAppender(), ways, current)

    def close(self) -> None:
        self.book.close()
        self.directory.close()

    async def do(self, use: str, parameters: dict[str, Any]) -> str:
        """Run a use: "" or the kind of its refusal."""
        try:
            await perform(self.context, Actor("uid 7 (tester)", "test"), use, parameters, _drop)
        except ManageError as refused:
            return refused.kind
        return ""

    async def takes(self, address: str) -> bool:
        """Whether RCPT is accepted for a stranger's large message."""
        try:
            await self.desk.recipient(parse_address(address), STRANGER, LARGE, SENDER)
        except Refusal:
            return False
        finally:
            self.desk.release(STRANGER)
        return True

    async def gets(self, address: str) -> tuple[set[str], set[str]]:
        """Who gets a message for an address: what its plan says, and the plans for the readers of lists."""
        inside, outside, known = set[str](), set[str](), set[int]()
        waiting = [address]
        while waiting:
            envelope = Envelope(STRANGER, SENDER, (Recipient(parse_address(waiting.pop())),))
            plan = await self.planner.plan_for(envelope, 0.0)
            inside |= {copy.account.address for copy in plan.copies}
            outside |= {forward.target for forward in plan.forwards}
            for row in plan.waiting:
                if row.destination.startswith(LIST):
                    ident = int(row.destination.removeprefix(LIST))
                    if ident not in known:
                        known.add(ident)
                        waiting += await self.readers(ident)
                elif row.destination.startswith("mx:"):
                    outside |= {str(plan.recipient(place).address) for place in row.places}
        return inside, {each for each in outside if each.endswith(FAR)}

    async def readers(self, ident: int) -> list[str]:
        """Whom a list sends to; nobody while it takes no mail itself."""

        def op(tx: Transaction) -> list[str]:
            refused = verdict(tx, ident, "", SENDER, None, 0)
            return [] if refused is not None else list(lists.readers(tx, ident))

        return await self.database.read(op)

    async def empty(self) -> dict[str, int]:
        """Remove everything for good; the tables in which something is left."""
        for domain in ("a.test", "b.test"):
            await self.do("domain.remove", {"name": domain, "everything": True, "purge": True})
            await self.do("domain.purge", {"name": domain})
        for group in ("staff", "crew"):
            await self.do("group.remove", {"name": group})

        def op(tx: Transaction) -> dict[str, int]:
            counts = {table.name: tx.execute(select(func.count()).select_from(table)) for table in EMPTIED}
            return {name: int(rows[0][0]) for name, rows in counts.items() if rows[0][0]}

        return await self.database.read(op)


async def _drop(value: Any) -> None:
    """What a use tells on its way."""


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as made:
        yield made


@pytest.fixture(scope="module")
def real(
    runner: asyncio.Runner, empty_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Real]:
    place = tmp_path_factory.mktemp("households") / "data"
    shutil.copytree(empty_data, place)
    opened = open_context(Config(data=str(place)))

    async def begin() -> Real:
        return Real(await opened.__aenter__())

    async def end(made: Real) -> None:
        made.close()
        await opened.__aexit__(None, None, None)

    made = runner.run(begin())
    yield made
    runner.run(end(made))


async def compare(real: Real, changes: list[Change]) -> None:
    """Make the changes on both sides; whoever the model says gets mail, and nobody else, gets it."""
    house = Household()
    for domain in ("a.test", "b.test"):
        first = Change("domain.add", domain)
        assert (await real.do(*use_of(first)), apply(house, first)) == ("", "")
    for change in changes:
        topic, _, act = change.what.partition(".")
        if topic not in ("domain", "group") and act != "add" and house.domain(change.about) is None:
            continue  # what may be done to the content of a removed domain is not said here
        answer = await real.do(*use_of(change))
        assert answer == apply(house, change), change
    for address in (*PROBES, *OUTSIDE):
        assert await real.takes(address) == house.takes(address), address
        if address in OUTSIDE or not house.ends(address).reachable:
            continue
        inside, outside = house.gets(address)
        outside = {each for each in outside if each.endswith(FAR)}
        assert await real.gets(address) == (inside, outside), address


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@example(
    changes=[Change("domain.catch_all", "a.test", "bob@a.test")]
)  # nobody's, so that it leads back to itself
@example(
    changes=[
        Change("list.add", "cat@a.test"),
        Change("alias.add", "ann@a.test", ("cat@a.test",)),
    ]
)  # a part behind a plus sign that leads to a list
@example(
    changes=[
        Change("list.add", "bob@b.test"),
        Change("domain.plus", "b.test", "-"),
    ]
)  # a part behind another sign that leads to a list
@example(
    changes=[
        Change("account.add", "ann@a.test"),
        Change("account.address_add", "ann@a.test", "ann@b.test"),
        Change("domain.active", "a.test", False),
    ]
)  # an address in another domain than its account's, which is off
@example(
    changes=[
        Change("account.add", "cat@b.test"),
        Change("account.address_add", "cat@b.test", "ann@a.test"),
        Change("domain.remove", "b.test"),
    ]
)  # the same, and the account's own domain is removed
@given(changes=st.lists(CHANGES, min_size=5, max_size=25))
def test_who_gets_what(runner: asyncio.Runner, real: Real, changes: list[Change]) -> None:
    """After any sequence of changes, for every address; and once all is removed nothing is left of it."""

    note("\n".join(map(repr, changes)))

    async def both() -> None:
        try:
            await compare(real, changes)
        finally:
            left = await real.empty()
        assert not left

    runner.run(both())
