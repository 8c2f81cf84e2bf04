"""A domain gets another name on every engine: whatever told the old one tells the new one, and nothing else changes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from people import credentials, people
from sqlalchemy import String, Text, insert, select

from posthouse.database import schema
from posthouse.database.contract import Database, Transaction
from posthouse.deliver.webhook_records import webhooks
from posthouse.directory import (
    addresses,
    admin,
    aliases,
    domains,
    forwards,
    groups,
    journals,
    lists,
    lookup,
    masked,
    removed,
    renaming,
    roles,
    routes,
    sending,
)
from posthouse.directory.errors import DirectoryError
from posthouse.directory.identity_records import api_tokens
from posthouse.directory.journals import Journal
from posthouse.directory.rename_records import PLACES
from posthouse.directory.routes import Route
from posthouse.directory.source_records import signin_sources
from posthouse.directory.stored import put_setting, setting_values
from posthouse.directory.suppression_records import suppressions
from posthouse.mail.address import parse_address
from posthouse.manage import all as every_use  # (with it all tables are there)
from posthouse.queue import renaming as queue_renaming
from posthouse.queue.records import queue_messages, queue_recipients
from posthouse.store import acl
from posthouse.store import renaming as store_renaming
from posthouse.store.records import subscriptions
from posthouse.store.sharing_records import folder_acl

assert every_use

_LEFT = {("audit", "before"), ("audit", "after"), ("audit", "subject"), ("domain_names", "name")}


def _fill(tx: Transaction) -> None:
    """Everything that can tell an address, with one of ours.test."""
    admin.add_domain(tx, "other.test")
    alice, bob = admin.find_account(tx, "alice@ours.test"), admin.find_account(tx, "bob@ours.test")
    carl = admin.add_account(tx, "carl@other.test", credentials())
    gone = admin.add_account(tx, "gone@ours.test", credentials())
    removed.put_away(tx, gone, "admin", 1.0)
    addresses.add(tx, carl, "carl@ours.test")
    masked.make(tx, alice, prefix="shop")
    aliases.add_alias(tx, "many@other.test", ["z@far.test", "alice@ours.test", "bob@ours.test"])
    aliases.add_alias(tx, "near@ours.test", ["y@notours.test", "y@ours.test.far.test"])
    news = lists.add(tx, "news@ours.test", {})
    club = lists.add(tx, "club@other.test", {})
    lists.add_members(tx, news, ["alice@ours.test", "bob@new.test", "bob@ours.test"])
    lists.add_members(tx, club, ["news@ours.test", "staff@ours.test", "y@notours.test"])
    lists.set_people(tx, news.id, "owner", ["alice@ours.test"])
    groups.add(tx, "team@ours.test")
    groups.add_member(tx, "team@ours.test", "alice@ours.test")
    domains.change(tx, "other.test", {"catch_all": "alice@ours.test", "postmaster": "bob@ours.test"})
    domains.save_template(tx, "like", domains.Properties(catch_all="alice@ours.test"))
    forwards.put(tx, carl, ["alice@ours.test", '"x@ours.test"@ours.test'], keep=True)
    journals.put(tx, Journal(0, "alice@ours.test"))
    sending.add_right(tx, carl.id, "@ours.test")
    sending.add_right(tx, carl.id, "alice@ours.test")
    roles.set_role(tx, bob, "domain", ["ours.test"])
    route_id = routes.add(tx, Route(recipient="ours.test", target="mx.far.test"), None)
    routes.add(tx, Route(recipient="x.test", sender="alice@ours.test", account="bob@ours.test"), None)
    routes.add_addresses(tx, route_id, ["split@ours.test"], None)
    routes.set_source(tx, "ours.test", "192.0.2.1", None)
    put_setting(tx, "oidc.domains", "far.test, ours.test")
    put_setting(tx, "notices.postmaster", "alice@ours.test")
    _insert(tx, suppressions, address="@ours.test", account="alice@ours.test", cause="by-hand")
    _insert(tx, api_tokens, account_id=bob.id, secret=b"s" * 32, domains="other.test ours.test")
    _insert(tx, signin_sources, name="ldap", details=json.dumps({"domains": ["ours.test"], "cache_hours": 3}))
    _insert(tx, subscriptions, account_id=carl.id, name="Shared/alice@ours.test/Projects")
    _insert(tx, subscriptions, account_id=carl.id, name="Mine/alice@ours.test")
    _insert(tx, folder_acl, mailbox_id=7, identifier=acl.of_address("later@ours.test"), rights="lr")
    _insert(tx, folder_acl, mailbox_id=7, identifier="-" + acl.of_address("later@ours.test"), rights="r")
    message = _insert(tx, queue_messages, trace="t", sender="alice@ours.test", body=b"b" * 32)
    for place, (who, where) in enumerate((("bob@ours.test", "local"), ("news@ours.test", f"list:{news.id}"))):
        _insert(tx, queue_recipients, message_id=message, recipient=who, destination=where, place=place)
    _insert(tx, webhooks, url="https://far.test/", domain="ours.test", account="alice@ours.test")


def _insert(tx: Transaction, table: Any, **values: object) -> int:
    """A row with something in every column that must have it."""
    for column in table.c:
        if (
            column.name in values
            or column.nullable
            or column.name == "id"
            or column.server_default is not None
        ):
            continue
        values[column.name] = "" if isinstance(column.type, (String, Text)) else 0
    known = {name: value for name, value in values.items() if name in table.c}
    if "id" not in table.c:
        tx.execute(insert(table).values(known))
        return 0
    return tx.insert(insert(table).values(known), {})


def _telling(tx: Transaction, word: str) -> list[tuple[str, str, str]]:
    """Where a word stands in any text of the database."""
    found = []
    for table in schema.metadata.tables.values():
        texts = [column for column in table.c if isinstance(column.type, (String, Text))]
        if not texts:
            continue
        for row in tx.execute(select(*texts)):
            for column, value in zip(texts, row, strict=True):
                if isinstance(value, str) and word in value:
                    found.append((table.name, column.name, value))
    return found


def _rename(tx: Transaction, keep: bool) -> None:
    change = renaming.rename_domain(tx, "Ours.test", "new.test", keep=keep)
    queue_renaming.rename_domain(tx, change.old, change.new, keep=keep)
    store_renaming.rename_domain(tx, change.old, change.new, "Shared")


async def test_nothing_tells_the_old_name(database: Database) -> None:
    """Whatever table is added later: a place that holds addresses is changed, or stands here with its reason."""
    await people(database)
    await database.run(_fill)
    assert {(place.column.table.name, place.column.name) for place in PLACES} <= {
        (table, column) for table, column, _ in await database.read(_telling, "ours.test")
    }
    await database.run(_rename, False)
    left = [each for each in await database.read(_telling, "ours.test") if each[:2] not in _LEFT]
    assert sorted(left) == [
        ("aliases", "more", "y@ours.test.far.test"),
        ("aliases", "target", "y@notours.test"),
        ("forward_targets", "address", '"x@ours.test"@new.test'),
        ("forward_targets", "target", '"x@ours.test"@new.test'),
        ("list_members", "address", "y@notours.test"),
        ("list_members", "shown", "y@notours.test"),
        ("subscriptions", "name", "Mine/alice@ours.test"),  # somebody's own folder
        ("webhooks", "account", "alice@ours.test"),  # (the use sees to them)
        ("webhooks", "domain", "ours.test"),
    ]


@pytest.mark.parametrize("keep", [True, False])
async def test_everything_leads_where_it_led(database: Database, keep: bool) -> None:
    await people(database)
    await database.run(_fill)

    async def where(text: str) -> tuple[object, ...]:
        found = await database.read(lookup.find_target, parse_address(text))
        return (found.kind, found.account.id if found.account else 0, found.list_id, len(found.forwards))

    names = ("alice", "bob", "sales", "carl", "news", "news+owner", "alice+shop", "far")
    before = [await where(f"{name}@ours.test") for name in names]
    assert all(each[0] in ("account", "alias", "list") for each in before)
    await database.run(_rename, keep)
    assert [await where(f"{name}@new.test") for name in names] == before
    assert [await where(f"{name}@ours.test") for name in names] == (
        before if keep else [("foreign", 0, 0, 0)] * len(names)
    )
    team = (await database.read(lists.wanted, "news@new.test")).id
    assert sorted(await database.read(lists.readers, team)) == ["alice@new.test", "bob@new.test"]
    stored = await database.read(setting_values)
    assert (stored["oidc.domains"], stored["notices.postmaster"]) == ("far.test, new.test", "alice@new.test")
    login = await database.read(lookup.find_login, "alice@ours.test")
    assert (login is not None) is keep
    back = await database.run(removed.restore, "gone@new.test")
    assert back.address == "gone@new.test"


async def test_a_name_may_become_the_name(database: Database) -> None:
    """The new name was another name of the domain: they change places, and back."""
    await people(database)
    await database.run(domains.add_name, "ours.test", "new.test")
    for old, new in (("ours.test", "new.test"), ("new.test", "ours.test")):
        await database.run(renaming.rename_domain, old, new)
        domain = await database.read(admin.find_domain, new)
        assert await database.read(domains.names_of, domain.id) == [old]
        assert (await database.read(admin.find_account, f"alice@{new}")).domain_id == domain.id


async def test_what_a_domain_cannot_be_called(database: Database) -> None:
    await people(database)
    await database.run(admin.add_domain, "other.test")
    await database.run(domains.add_name, "other.test", "also.test")
    await database.run(admin.add_domain, "gone.test")
    await database.run(removed.put_away_domain, "gone.test", "admin", 1.0, everything=True)
    for new in ("ours.test", "other.test", "also.test", "gone.test", "no domain"):
        with pytest.raises(DirectoryError):
            await database.run(renaming.rename_domain, "ours.test", new)
    with pytest.raises(DirectoryError):
        await database.run(renaming.rename_domain, "nowhere.test", "new.test")
    assert (await database.read(admin.find_account, "alice@ours.test")).address == "alice@ours.test"
