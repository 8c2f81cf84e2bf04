"""Removed accounts and domains: put away so that nobody finds them, given back, removed for good. Functions are ops.

The row of a removed account stays, with everything that belongs to it, but its address becomes a mark that is no
address (``!17``) and it is not active. Whatever looks it up by its address finds nobody, whatever looks it up by its id
finds somebody who may do nothing: no statement elsewhere has to know of removed accounts in order to be safe. A domain
is put away in the same way; its accounts stay as they are, since nobody signs in to an account of a domain that is not
active. The address, or the domain's name, is reserved meanwhile: mail for somebody who left must not reach somebody
new, and a restore never finds its place taken.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Row, Transaction
from posthouse.directory import admin, cram_md5, lists, quotas, records
from posthouse.directory import removed_records as rows
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.directory.rows import account_of
from posthouse.directory.versions import DIRECTORY, bump

MARK = "!"
ALIASES = 500
"""Aliases removed by one unit."""
ACCOUNTS = 50


@dataclass(frozen=True, slots=True)
class RemovedAccount:
    """``purging``: it is being removed for good."""

    id: int
    domain_id: int
    address: str
    active: bool
    at: float
    by: str
    purging: bool


@dataclass(frozen=True, slots=True)
class RemovedDomain:
    """As :class:`RemovedAccount`."""

    id: int
    name: str
    active: bool
    at: float
    by: str
    purging: bool


def put_away(tx: Transaction, account: Account, by: str, now: float, *, feed: Feed | None = None) -> None:
    """Remove an account so that it can be restored."""
    values = {
        "account_id": account.id,
        "domain_id": account.domain_id,
        "address": account.address,
        "active": int(account.active),
        "removed_at": now,
        "removed_by": by,
        "purging": 0,
    }
    tx.execute(rows.INSERT_ACCOUNT, values)
    tx.change(rows.SET_ACCOUNT, {"of_id": account.id, "to_address": f"{MARK}{account.id}", "to_active": 0})
    cram_md5.forget_account(tx, account.id)
    bump(tx, DIRECTORY, feed)


def find(tx: Transaction, address: str) -> RemovedAccount:
    """The removed account of this address. Raises DirectoryError."""
    found = tx.execute(rows.SELECT_ACCOUNT, {"address": own_address(address).key})
    if not found:
        raise DirectoryError(
            f"there is no removed account {address}",
            "list what is removed to see what may come back",
            "missing",
        )
    return _account(found[0])


def restore(tx: Transaction, address: str, *, feed: Feed | None = None) -> Account:
    """Give a removed account back, as it was. Raises DirectoryError."""
    gone = find(tx, address)
    _refuse_purging(gone.address, gone.purging)
    if tx.execute(records.SELECT_ACCOUNT, {"address": gone.address}):  # a merged backup made it anew
        raise DirectoryError(f"there is an account {gone.address} again", "remove that one first", "exists")
    tx.change(rows.SET_ACCOUNT, {"of_id": gone.id, "to_address": gone.address, "to_active": int(gone.active)})
    tx.execute(rows.DELETE_ACCOUNT, {"of_id": gone.id})
    bump(tx, DIRECTORY, feed)
    return admin.find_account(tx, gone.address)


def begin_purge(tx: Transaction, account_id: int) -> None:
    """From now on the account cannot be restored."""
    tx.change(rows.PURGE_ACCOUNT, {"of_id": account_id})


def end_purge(tx: Transaction, account_id: int, *, feed: Feed | None = None) -> None:
    """Remove an account, put away or not, for good; its mail is gone already. Harmless when it is not there."""
    gone = tx.execute(rows.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    tx.execute(rows.DELETE_ACCOUNT, {"of_id": account_id})
    present = tx.execute(records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    if present:
        was = _account(gone[0]).address if gone else account_of(present[0]).address
        # Under a name that is an address and nobody's: what removes accounts asks for one.
        address = f"{account_id}@removed.invalid"
        tx.change(rows.SET_ACCOUNT, {"of_id": account_id, "to_address": address, "to_active": 0})
        quotas.forget_account(tx, account_id)
        admin.remove_account(tx, address, feed=feed)
        if not tx.execute(records.SELECT_ACCOUNT, {"address": was}):  # (a merged backup made it anew)
            lists.forget_address(tx, was)


def put_away_domain(
    tx: Transaction, name: str, by: str, now: float, *, everything: bool, feed: Feed | None = None
) -> RemovedDomain:
    """Remove a domain so that it can be restored with all it holds; without ``everything`` only when it holds nothing.
    Raises DirectoryError."""
    info = admin.find_domain(tx, name)
    owned = {"domain_id": info.id}
    held = int(tx.execute(rows.COUNT_PRESENT, owned)[0][0]), int(tx.execute(rows.COUNT_ALIASES, owned)[0][0])
    if any(held) and not everything:
        raise DirectoryError(
            f"domain {info.name} still has {held[0]} account{'' if held[0] == 1 else 's'} and {held[1]} "
            f"alias{'' if held[1] == 1 else 'es'}",
            "remove them first, or the domain with everything in it",
            "refused",
        )
    active = int(tx.execute(rows.SELECT_ACTIVE, {"of_id": info.id})[0][0])
    values = {
        "domain_id": info.id,
        "name": info.name,
        "active": active,
        "removed_at": now,
        "removed_by": by,
        "purging": 0,
    }
    tx.execute(rows.INSERT_DOMAIN, values)
    tx.change(rows.SET_DOMAIN, {"of_id": info.id, "to_name": f"{MARK}{info.id}", "to_active": 0})
    bump(tx, DIRECTORY, feed)
    return RemovedDomain(info.id, info.name, bool(active), now, by, False)


def find_domain(tx: Transaction, name: str) -> RemovedDomain:
    """The removed domain of this name. Raises DirectoryError."""
    found = tx.execute(rows.SELECT_DOMAIN, {"name": domain_name(name)})
    if not found:
        raise DirectoryError(
            f"there is no removed domain {name}", "list what is removed to see what may come back", "missing"
        )
    return _domain(found[0])


def restore_domain(tx: Transaction, name: str, *, feed: Feed | None = None) -> RemovedDomain:
    """Give a removed domain back with all it holds. Raises DirectoryError."""
    gone = find_domain(tx, name)
    _refuse_purging(gone.name, gone.purging)
    if tx.execute(records.SELECT_DOMAIN, {"name": gone.name}):
        raise DirectoryError(f"there is a domain {gone.name} again", "remove that one first", "exists")
    _name_back(tx, gone)
    bump(tx, DIRECTORY, feed)
    return gone


def begin_domain_purge(tx: Transaction, domain_id: int) -> None:
    """From now on the domain cannot be restored."""
    tx.change(rows.PURGE_DOMAIN, {"of_id": domain_id})


def some_accounts(tx: Transaction, domain_id: int) -> list[int]:
    """The next accounts of a domain that is removed for good."""
    found = tx.execute(rows.SELECT_SOME_ACCOUNTS, {"domain_id": domain_id, "count": ACCOUNTS})
    return [int(row[0]) for row in found]


def purge_aliases(tx: Transaction, domain_id: int) -> int:
    """Remove some aliases of a domain; returns how many."""
    found = tx.execute(rows.SELECT_SOME_ALIASES, {"domain_id": domain_id, "count": ALIASES})
    for row in found:
        tx.change(rows.DELETE_ALIAS, {"of_id": row[0]})
    return len(found)


def end_domain_purge(tx: Transaction, gone: RemovedDomain, *, feed: Feed | None = None) -> None:
    """Remove a domain for good; its accounts and aliases are gone already."""
    name = f"{gone.id}.removed.invalid"  # (a merged backup may have made a domain of the old name)
    tx.change(rows.SET_DOMAIN, {"of_id": gone.id, "to_name": name, "to_active": 0})
    tx.execute(rows.DELETE_DOMAIN, {"of_id": gone.id})
    admin.remove_domain(tx, name, force=True, feed=feed)


def due_account(tx: Transaction, before: float) -> RemovedAccount | None:
    """An account that was removed before a moment, or whose removal for good was cut off."""
    found = tx.execute(rows.SELECT_DUE_ACCOUNT, {"before": before})
    return _account(found[0]) if found else None


def due_domain(tx: Transaction, before: float) -> RemovedDomain | None:
    """As :func:`due_account`."""
    found = tx.execute(rows.SELECT_DUE_DOMAIN, {"before": before})
    return _domain(found[0]) if found else None


def accounts(tx: Transaction, domains: Collection[str] | None, count: int) -> list[RemovedAccount]:
    """The accounts removed last, of all domains or of these."""
    if domains is None:
        return [_account(row) for row in tx.execute(rows.SELECT_ACCOUNTS, {"count": count})]
    ids = [row[0] for name in domains for row in tx.execute(records.SELECT_DOMAIN, {"name": name})]
    if not ids:
        return []
    return [_account(row) for row in tx.execute(rows.SELECT_ACCOUNTS_OF, {"domains": ids, "count": count})]


def domains(tx: Transaction, count: int) -> list[RemovedDomain]:
    """The domains removed last."""
    return [_domain(row) for row in tx.execute(rows.SELECT_DOMAINS, {"count": count})]


def _name_back(tx: Transaction, gone: RemovedDomain) -> None:
    tx.change(rows.SET_DOMAIN, {"of_id": gone.id, "to_name": gone.name, "to_active": int(gone.active)})
    tx.execute(rows.DELETE_DOMAIN, {"of_id": gone.id})


def _refuse_purging(name: str, purging: bool) -> None:
    if purging:
        raise DirectoryError(
            f"{name} is being removed for good", "a backup is the only way to get it back", "refused"
        )


def _account(row: Row) -> RemovedAccount:
    return RemovedAccount(int(row[0]), int(row[1]), row[2], bool(row[3]), row[4], row[5], bool(row[6]))


def _domain(row: Row) -> RemovedDomain:
    return RemovedDomain(int(row[0]), row[1], bool(row[2]), row[3], row[4], bool(row[5]))
