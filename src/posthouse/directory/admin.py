"""Changes to the directory as units of work, for ``manage``.

Every function is an op (see ``database.contract``): its first argument is the transaction, and it may run
more than once. Each change raises the directory's version in the same unit and tells ``feed`` after the
commit; without a server there is no feed to tell. All raise :class:`DirectoryError`.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Transaction
from posthouse.directory import dkim, forwards, records, roles, sending
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address, target_address
from posthouse.directory.passwords import Credentials
from posthouse.directory.rows import account_of
from posthouse.directory.versions import DIRECTORY, bump

MAX_QUOTA = 2**62


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """A domain with what it holds."""

    id: int
    name: str
    accounts: int
    aliases: int


@dataclass(frozen=True, slots=True)
class Alias:
    """An alias: mail for ``address`` goes to ``target`` (an address, inside or outside)."""

    address: str
    target: str


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made."""

    address: str
    credentials: Credentials
    quota: int = 0


def add_domain(tx: Transaction, name: str, *, feed: Feed | None = None) -> int:
    """Make a domain ours; returns its id."""
    name = domain_name(name)
    known = DirectoryError(f"domain {name} exists already", "list domains to see it", "exists")
    if tx.execute(records.SELECT_DOMAIN, {"name": name}):
        raise known
    try:
        domain_id = tx.insert(records.INSERT_DOMAIN, {"name": name, "created_at": time()})
    except DuplicateKey:
        raise known from None  # someone else added it at this very moment
    bump(tx, DIRECTORY, feed)
    return domain_id


def remove_domain(
    tx: Transaction, name: str, *, force: bool = False, feed: Feed | None = None
) -> list[Account]:
    """Give a domain up. With content it is refused unless ``force``; then its aliases and accounts go too,
    and the accounts are returned, so that the caller can remove their mailboxes."""
    name = domain_name(name)
    domain_id = _domain_id(tx, name)
    owned = {"domain_id": domain_id}
    accounts = [account_of(row) for row in tx.execute(records.SELECT_DOMAIN_ACCOUNTS, owned)]
    aliases = tx.execute(records.SELECT_DOMAIN_ALIASES, owned)
    if (accounts or aliases) and not force:
        raise DirectoryError(
            f"domain {name} still has {_count(len(accounts), 'account', 's')} "
            f"and {_count(len(aliases), 'alias', 'es')}",
            "remove them first",
            "refused",
        )
    roles.forget_domain(tx, domain_id)
    dkim.forget_domain(tx, domain_id)
    forwards.forget_domain(tx, domain_id)
    sending.forget_domain(tx, domain_id)
    for account in accounts:
        sending.forget_account(tx, account.id)
    tx.change(records.DELETE_DOMAIN_ALIASES, owned)
    tx.change(records.DELETE_DOMAIN_ACCOUNTS, owned)
    tx.change(records.DELETE_DOMAIN, {"of_id": domain_id})
    bump(tx, DIRECTORY, feed)
    return accounts


def _count(number: int, thing: str, plural: str) -> str:
    return f"{number} {thing}{'' if number == 1 else plural}"


def find_domain(tx: Transaction, name: str) -> DomainInfo:
    """The domain of this name with what it holds."""
    name = domain_name(name)
    rows = tx.execute(records.SELECT_DOMAIN, {"name": name})
    if not rows:
        raise DirectoryError(f"domain {name} is not ours", "list domains to see those that are", "missing")
    owned = {"domain_id": rows[0][0]}
    held = int(tx.execute(records.COUNT_DOMAIN_ACCOUNTS, owned)[0][0])
    return DomainInfo(int(rows[0][0]), name, held, int(tx.execute(records.COUNT_DOMAIN_ALIASES, owned)[0][0]))


def list_domains(tx: Transaction) -> list[DomainInfo]:
    """All domains by name."""
    accounts: dict[int, int] = dict(tx.execute(records.COUNT_ACCOUNTS))
    aliases: dict[int, int] = dict(tx.execute(records.COUNT_ALIASES))
    return [
        DomainInfo(domain_id, name, int(accounts.get(domain_id, 0)), int(aliases.get(domain_id, 0)))
        for domain_id, name in tx.execute(records.SELECT_DOMAINS)
    ]


def add_account(
    tx: Transaction, address: str, credentials: Credentials, quota: int = 0, *, feed: Feed | None = None
) -> Account:
    """Make an account in one of our domains. ``quota`` in bytes, 0 = none. The caller provisions its
    mailboxes."""
    wanted = own_address(address)
    domain_id = _domain_of(tx, wanted.domain, address)
    _check_free(tx, wanted.key, address)
    values = {
        "domain_id": domain_id,
        "address": wanted.key,
        "quota": _quota(quota),
        "active": 1,
        "created_at": time(),
        **_secret(credentials),
    }
    account = Account(tx.insert(records.INSERT_ACCOUNT, values), domain_id, wanted.key, quota)
    bump(tx, DIRECTORY, feed)
    return account


def remove_account(tx: Transaction, address: str, *, feed: Feed | None = None) -> Account:
    """Remove an account; returns what it was. Its mailboxes are the caller's to remove."""
    account = find_account(tx, address)
    roles.forget_account(tx, account.id)
    forwards.forget_account(tx, account.id)
    sending.forget_account(tx, account.id)
    tx.change(records.DELETE_ACCOUNT, {"of_id": account.id})
    bump(tx, DIRECTORY, feed)
    return account


def find_account(tx: Transaction, address: str) -> Account:
    """The account of this address, active or not."""
    rows = tx.execute(records.SELECT_ACCOUNT, {"address": own_address(address).key})
    if not rows:
        raise DirectoryError(
            f"there is no account {address}", "list accounts to see those there are", "missing"
        )
    return account_of(rows[0])


def has_domain(tx: Transaction, name: str) -> bool:
    """Whether a domain (in its normal form) is ours."""
    return bool(tx.execute(records.SELECT_DOMAIN, {"name": name}))


def taken_by(tx: Transaction, key: str) -> str:
    """Whether an address (in its key form) is an ``account`` or an ``alias`` already; "" when it is free."""
    if tx.execute(records.SELECT_ACCOUNT, {"address": key}):
        return "account"
    return "alias" if tx.execute(records.SELECT_ALIAS, {"address": key}) else ""


def list_accounts(tx: Transaction, domain: str | None = None) -> list[Account]:
    """All accounts by address, or those of one domain."""
    if domain is None:
        return [account_of(row) for row in tx.execute(records.SELECT_ACCOUNTS)]
    owned = {"domain_id": _domain_id(tx, domain_name(domain))}
    return [account_of(row) for row in tx.execute(records.SELECT_DOMAIN_ACCOUNTS, owned)]


def set_password(
    tx: Transaction, address: str, credentials: Credentials, *, feed: Feed | None = None
) -> Account:
    """Replace the password of an account."""
    account = find_account(tx, address)
    secret = {f"new_{name}": value for name, value in _secret(credentials).items()}
    tx.change(records.UPDATE_PASSWORD, {"of_id": account.id, **secret})
    bump(tx, DIRECTORY, feed)
    return account


def set_quota(tx: Transaction, address: str, quota: int, *, feed: Feed | None = None) -> Account:
    """Set the storage limit of an account in bytes, 0 = none. Mail over a lowered limit is kept."""
    account = find_account(tx, address)
    tx.change(records.UPDATE_QUOTA, {"of_id": account.id, "new_quota": _quota(quota)})
    bump(tx, DIRECTORY, feed)
    return account


def set_active(tx: Transaction, address: str, active: bool, *, feed: Feed | None = None) -> Account:
    """Let an account be used, or not: an inactive one receives no mail and nobody signs in to it."""
    account = find_account(tx, address)
    tx.change(records.UPDATE_ACTIVE, {"of_id": account.id, "new_active": int(active)})
    bump(tx, DIRECTORY, feed)
    return account


def add_alias(tx: Transaction, address: str, target: str, *, feed: Feed | None = None) -> Alias:
    """Let mail for ``address`` (in a domain of ours) go to ``target``."""
    source, goal = own_address(address), target_address(target)
    if source.key == goal.key:
        raise DirectoryError(f"alias {address} leads to itself", "give another target")
    domain_id = _domain_of(tx, source.domain, address)
    _check_free(tx, source.key, address)
    tx.insert(
        records.INSERT_ALIAS,
        {"domain_id": domain_id, "address": source.key, "target": str(goal), "created_at": time()},
    )
    bump(tx, DIRECTORY, feed)
    return Alias(source.key, str(goal))


def find_alias(tx: Transaction, address: str) -> Alias:
    """The alias of this address."""
    key = own_address(address).key
    rows = tx.execute(records.SELECT_ALIAS, {"address": key})
    if not rows:
        raise DirectoryError(f"there is no alias {address}", "list aliases to see those there are", "missing")
    return Alias(key, rows[0][1])


def remove_alias(tx: Transaction, address: str, *, feed: Feed | None = None) -> Alias:
    """Remove an alias; returns what it was."""
    key = own_address(address).key
    rows = tx.execute(records.SELECT_ALIAS, {"address": key})
    if not rows:
        raise DirectoryError(f"there is no alias {address}", "list aliases to see those there are", "missing")
    tx.change(records.DELETE_ALIAS, {"of_id": rows[0][0]})
    bump(tx, DIRECTORY, feed)
    return Alias(key, rows[0][1])


def list_aliases(tx: Transaction, domain: str | None = None) -> list[Alias]:
    """All aliases by address, or those of one domain."""
    if domain is None:
        return [Alias(*row) for row in tx.execute(records.SELECT_ALIASES)]
    owned = {"domain_id": _domain_id(tx, domain_name(domain))}
    return [Alias(*row) for row in tx.execute(records.SELECT_DOMAIN_ALIASES, owned)]


def _secret(credentials: Credentials) -> dict[str, str | int]:
    keys = credentials.scram
    return {
        "password_hash": credentials.password_hash,
        "scram_salt": keys.salt.hex(),
        "scram_iterations": keys.iterations,
        "scram_stored_key": keys.stored_key.hex(),
        "scram_server_key": keys.server_key.hex(),
    }


def _quota(quota: int) -> int:
    if not 0 <= quota <= MAX_QUOTA:
        raise DirectoryError(
            f"a quota of {quota} bytes is not possible", "give a positive size, or 0 for none"
        )
    return quota


def _domain_id(tx: Transaction, name: str) -> int:
    # The lock makes changes within one domain take turns: an address cannot become account and alias at once.
    rows = tx.lock(records.SELECT_DOMAIN, {"name": name})
    if not rows:
        raise DirectoryError(f"domain {name} is not ours", "list domains to see those that are", "missing")
    return int(rows[0][0])


def _domain_of(tx: Transaction, domain: str, address: str) -> int:
    rows = tx.lock(records.SELECT_DOMAIN, {"name": domain})
    if not rows:
        raise DirectoryError(
            f"{address} is not in a domain of ours", f"add the domain {domain} first", "missing"
        )
    return int(rows[0][0])


def _check_free(tx: Transaction, key: str, address: str) -> None:
    taken = taken_by(tx, key)
    if taken:
        mend = "choose another address" if taken == "account" else "remove the alias first"
        raise DirectoryError(f"{address} is an {taken} already", mend, "exists")
