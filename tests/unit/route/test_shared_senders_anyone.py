"""Who may write on behalf of a shared mailbox when ``anyone`` has the right to: whoever its folders call so."""

from __future__ import annotations

import pytest
from hashing import CountingHasher
from people import credentials, people

from posthouse.cluster.local import LocalFeed
from posthouse.database.contract import Database, Transaction
from posthouse.directory import admin
from posthouse.directory.passwords import Passwords
from posthouse.directory.service import DirectoryService
from posthouse.mail.address import parse_address
from posthouse.route.resolve import Router
from posthouse.route.shared_senders import SharedSenders
from posthouse.settings.contract import CurrentSettings, Settings
from posthouse.store import acl
from posthouse.store.naming import provision_in
from posthouse.store.sharing_records import shared_mailboxes


@pytest.mark.parametrize("within", ["domain", "server"])
async def test_anyone_is_everybody_of_its_domain(sqlite_database: Database, within: str) -> None:
    made = await people(sqlite_database)
    feed, settings = LocalFeed(), CurrentSettings(Settings({"imap.share_within": within}))
    office = made["alice"]

    def op(tx: Transaction) -> int:
        provision_in(tx, office.id, feed, None, now=1)
        inbox = acl.named(tx, office.id, "INBOX")
        assert inbox is not None
        acl.set_entry(tx, inbox, acl.ANYONE, "lrp", feed)
        tx.upsert(shared_mailboxes, {"account_id": office.id}, {"created_at": 1.0, "keep_sent": 1})
        admin.add_domain(tx, "far-away.test")
        return admin.add_account(tx, "carl@far-away.test", credentials()).id

    carl = await sqlite_database.run(op)
    service = DirectoryService(sqlite_database, feed, settings, Passwords(1, CountingHasher()))
    senders = SharedSenders(Router(service), sqlite_database, settings)
    address = parse_address("alice@ours.test")
    assert await senders.on_behalf(made["bob"].id, address)
    assert await senders.on_behalf(carl, address) is (within == "server")
    assert [each.id for each in await senders.keeping(carl, ["alice@ours.test"])] == (
        [office.id] if within == "server" else []
    )
    service.close()
