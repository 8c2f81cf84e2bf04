"""Further addresses of accounts: mail for them is the account's, it may send as them, and (where that is wanted) its
owner signs in with them. All functions are ops; changes raise the directory's version."""

from __future__ import annotations

from dataclasses import dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import address_records as records
from posthouse.directory import naming
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import own_address
from posthouse.directory.versions import DIRECTORY, bump

MOST = 100
"""Further addresses of one account."""


@dataclass(frozen=True, slots=True)
class Further:
    """A further address. ``signin``: its owner may sign in with it."""

    address: str
    signin: bool = True


def find(tx: Transaction, key: str) -> int | None:
    """The id of the account that has this further address (in its key form)."""
    rows = tx.execute(records.SELECT_ADDRESS, {"address": key})
    return int(rows[0][0]) if rows else None


def of_account(tx: Transaction, account_id: int) -> list[Further]:
    """The further addresses of an account, by address."""
    rows = tx.execute(records.SELECT_ADDRESSES, {"of_account": account_id})
    return [Further(row[0], bool(row[1])) for row in rows]


def names_of(tx: Transaction, account_id: int) -> list[str]:
    """The same, the addresses alone."""
    return [row[0] for row in tx.execute(records.SELECT_ADDRESSES, {"of_account": account_id})]


def add(
    tx: Transaction, account: Account, address: str, *, signin: bool = True, feed: Feed | None = None
) -> Further:
    """Give an account another address, in any domain of ours. Raises DirectoryError."""
    wanted = own_address(address)
    domain_id = naming.domain_of(tx, wanted.domain, address)
    naming.check_free(tx, wanted.key, address)
    if len(names_of(tx, account.id)) >= MOST:
        raise DirectoryError(
            f"{account.address} has {MOST} further addresses already", "remove some first", "refused"
        )
    values = {"address": wanted.key, "account_id": account.id, "domain_id": domain_id}
    tx.insert(records.INSERT_ADDRESS, {**values, "signin": int(signin), "created_at": time()})
    bump(tx, DIRECTORY, feed)
    return Further(wanted.key, signin)


def remove(tx: Transaction, account: Account, address: str, *, feed: Feed | None = None) -> str:
    """Take a further address away; returns it. Raises DirectoryError when the account has none such."""
    key = own_address(address).key
    if not tx.change(records.DELETE_ADDRESS, {"of_address": key, "of_account": account.id}):
        raise DirectoryError(
            f"{account.address} has no further address {address}", "look at those it has", "missing"
        )
    bump(tx, DIRECTORY, feed)
    return key


def forget_account(tx: Transaction, account_id: int) -> None:
    """An account goes."""
    tx.change(records.DELETE_ADDRESSES, {"of_account": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """A domain goes: with the further addresses in it, and those of its accounts."""
    tx.change(records.DELETE_DOMAIN_ADDRESSES, {"domain_id": domain_id})
