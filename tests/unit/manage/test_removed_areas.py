"""What belongs to an account, in every area there is: hidden while the account is removed, back with it, and gone when
it is removed for good, alone or with its domain."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy import BigInteger, Column, Float, Integer, LargeBinary, SmallInteger, Table, insert, select

from posthouse.database import schema
from posthouse.database.contract import Transaction
from posthouse.directory import (
    addresses,
    archives,
    autoreply,
    forwards,
    groups,
    lists,
    lookup,
    signatures,
)
from posthouse.mail.address import parse_address
from posthouse.manage.context import Context
from posthouse.server import with_entry, with_identity
from posthouse.server.built import Built

Do = Callable[..., Awaitable[Any]]
Rows = dict[str, list[tuple[Any, ...]]]
ANNA, BERT = "anna@example.org", "bert@example.org"
FURTHER = "further.anna@example.org"
OWNER = ("account_id", "user_id", "reader_id")
"""Columns that name an account."""

ELSEWHERE = {
    "removed_accounts": "the mark of the removal itself",
    "mailboxes": "the store's own; test_undelete_contract.py",
    "deleted_messages": "the store's own; test_undelete_contract.py",
    "deleted_mailboxes": "the store's own; test_undelete_contract.py",
    "queue_messages": "mail that is on its way goes on",
    "queue_recipients": "mail that is on its way goes on",
    "oauth_codes": "good for a minute",
    "cram_md5_keys": "gone at once, and made anew; test_cram_md5_contract.py",
    "sign_in_links": "good for a few minutes",
}
"""Tables with such a column that are not looked at here, and why."""


def owned() -> list[tuple[Table, Column[Any]]]:
    """Every table that names an account, with the column that does."""
    found = []
    for table in schema.metadata.sorted_tables:
        for name in OWNER:
            if name in table.c and table.name not in ELSEWHERE:
                found.append((table, table.c[name]))
    return found


def made_up(table: Table, column: Column[Any], account_id: int, domain_id: int) -> dict[str, Any]:
    """A row of an account with anything in it."""
    row: dict[str, Any] = {}
    for each in table.c:
        if each is column:
            row[each.name] = account_id
        elif each.name == "domain_id":
            row[each.name] = domain_id
        elif (
            each.primary_key
            and each.autoincrement is not False
            and isinstance(each.type, BigInteger | Integer)
        ):
            continue
        elif isinstance(each.type, LargeBinary):
            row[each.name] = bytes([account_id % 256]) * 32
        elif isinstance(each.type, BigInteger | Integer | SmallInteger):
            row[each.name] = 4_000_000 + account_id
        elif isinstance(each.type, Float):
            row[each.name] = 4e9
        else:
            row[each.name] = f"x{account_id}"
        if isinstance(each.type, SmallInteger) and each.name in row:
            row[each.name] = 1
    return row


def account_id_of(tx: Transaction, address: str) -> int:
    target = lookup.find_target(tx, parse_address(address))
    assert target.account is not None
    return target.account.id


def rows_of(tx: Transaction, account_id: int, address: str) -> Rows:
    """Everything that names an account, by table."""
    found: Rows = {}
    for table, column in owned():
        rows = [tuple(row) for row in tx.execute(select(table).where(column == account_id), {})]
        found[table.name] = found.get(table.name, []) + rows
    for table in schema.metadata.sorted_tables:
        if {"scope", "of_id"} <= set(table.c.keys()):
            where = (table.c.scope == "account") & (table.c.of_id == account_id)
            found[table.name] = [tuple(row) for row in tx.execute(select(table).where(where), {})]
    members = schema.metadata.tables["group_members"]
    one = (members.c.kind == "account") & (members.c.member_id == account_id)
    found["group_members"] = [tuple(row) for row in tx.execute(select(members).where(one), {})]
    for name in ("list_members", "list_people"):
        table = schema.metadata.tables[name]
        its = table.c.address.in_([address, f"further.{address}"])
        found[name] = [tuple(row) for row in tx.execute(select(table).where(its), {})]
    return found


@pytest.fixture
async def full(context: Context, do: Do) -> int:
    """Anna, who has something in every area, and Bert, who has as much."""
    await do("domain.add", name="example.org")
    await do("list.add", address="team@example.org")
    await do("group.add", name="staff")
    for address in (BERT, ANNA):
        await do("account.add", address=address, password="long enough")
        await context.database.run(fill, address)
    return await context.database.scan(account_id_of, ANNA)


def fill(tx: Transaction, address: str) -> None:
    account = lookup.find_target(tx, parse_address(address)).account
    assert account is not None
    signatures.put(tx, "account", account.id, signatures.OwnSignature("Yours"))
    autoreply.put(tx, account.id, autoreply.AutoReply("Away"))
    assert autoreply.claim(tx, account_id=account.id, sender="x@far.test", now=1.0, days=7)
    archives.put(tx, "account", account.id, archives.ArchiveRule())
    archives.set_progress(tx, account.id, 70 + account.id, 12)
    forwards.put(tx, account, ["x@far.test"], keep=True)
    further = f"further.{address}"
    addresses.add(tx, account, further)
    team = lists.wanted(tx, "team@example.org")
    lists.add_members(tx, team, [address, further])
    people = [address, *lists.people(tx, team.id)["moderator"]]
    lists.set_people(tx, team.id, "moderator", people)
    groups.add_member(tx, "staff", address)
    for table, column in owned():
        if not tx.execute(select(table).where(column == account.id), {}):
            row = made_up(table, column, account.id, account.domain_id)
            tx.execute(insert(table).values(row), {})


async def everything(context: Context, account_id: int, address: str = ANNA) -> Rows:
    return await context.database.scan(rows_of, account_id, address)


async def clean_up(context: Context) -> None:
    """What a server does every hour: keys to accounts that are gone are swept up then; nothing can be done with them
    meanwhile."""
    built = cast("Built", SimpleNamespace(database=context.database, settings=context.settings))
    await with_identity._sweep(built)
    await with_entry._sweep(built)


async def test_every_area_has_something(context: Context, full: int) -> None:
    """Or the other tests would show nothing of it."""
    found = await everything(context, full)
    assert [name for name, rows in found.items() if not rows] == []
    assert {"signatures", "auto_replies", "archive_rules", "account_forwards", "forward_targets"} <= set(
        found
    )
    assert {"list_members", "app_passwords", "masked_addresses", "sender_rights", "api_tokens"} <= set(found)


async def test_all_of_it_comes_back(context: Context, do: Do, full: int) -> None:
    before = await everything(context, full)
    await do("account.remove", address=ANNA)
    await clean_up(context)
    assert await everything(context, full) == before
    team = await context.database.scan(lists.wanted, "team@example.org")
    assert set(await context.database.scan(lists.readers, team.id)) == {BERT, "further." + BERT}
    await do("account.restore", address=ANNA)
    assert await everything(context, full) == before
    assert {ANNA, FURTHER} <= set(await context.database.scan(lists.readers, team.id))


async def test_nothing_of_it_stays_behind(context: Context, do: Do, full: int) -> None:
    """And nothing of anybody else goes with it."""
    bert = await context.database.scan(account_id_of, BERT)
    others = await everything(context, bert, BERT)
    await do("account.remove", address=ANNA)
    await do("account.purge", address=ANNA)
    await clean_up(context)
    found = await everything(context, full)
    assert [name for name, rows in found.items() if rows] == []
    assert await everything(context, bert, BERT) == others


async def test_nothing_stays_behind_of_a_domain(context: Context, do: Do, full: int) -> None:
    bert = await context.database.scan(account_id_of, BERT)
    await do("domain.remove", name="example.org", everything=True)
    await do("domain.purge", name="example.org")
    await clean_up(context)
    for each, address in ((full, ANNA), (bert, BERT)):
        found = await everything(context, each, address)
        assert [name for name, rows in found.items() if rows] == []
