"""What tells addresses in the store, when a domain gets another name: subscriptions to folders of others, and rights of
people who have no account yet."""

from __future__ import annotations

from urllib.parse import quote

from posthouse.database.contract import Transaction
from posthouse.store.acl import NAMED, address_in, of_address
from posthouse.store.records import DELETE_SUBSCRIPTION, SELECT_SUBSCRIPTIONS_LIKE, subscriptions
from posthouse.store.sharing_records import DELETE_ENTRY, SELECT_ENTRIES_LIKE, folder_acl


def rename_domain(tx: Transaction, old: str, new: str, shared: str) -> None:
    """As an op: subscriptions to folders below ``shared`` (the name under which what others share stands, "" for
    nowhere) go on by the new addresses of their owners, and rights that wait for an address wait for the new one."""
    if shared:
        _subscriptions(tx, old, new, shared)
    for mailbox_id, identifier, rights in tx.execute(
        SELECT_ENTRIES_LIKE, {"like": f"%{NAMED}%@{quote(old)}"}
    ):
        minus = "-" if identifier.startswith("-") else ""
        local, _, domain = address_in(identifier.removeprefix("-")).rpartition("@")
        then = of_address(f"{local}@{new}")
        if domain != old or not then:
            continue
        tx.change(DELETE_ENTRY, {"of_mailbox": mailbox_id, "of_identifier": identifier})
        tx.insert_ignore(folder_acl, {"mailbox_id": mailbox_id, "identifier": minus + then, "rights": rights})


def _subscriptions(tx: Transaction, old: str, new: str, shared: str) -> None:
    for account_id, name in tx.execute(SELECT_SUBSCRIPTIONS_LIKE, {"like": f"{shared}/%@{old}%"}):
        top, owner, *folders = name.split("/")
        local, _, domain = owner.rpartition("@")
        if top != shared or domain != old:
            continue
        then = "/".join((top, f"{local}@{new}", *folders))
        tx.change(DELETE_SUBSCRIPTION, {"account_id": account_id, "name": name})
        tx.insert_ignore(subscriptions, {"account_id": account_id, "name": then})
