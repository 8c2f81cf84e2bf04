"""Changes to the directory as units of work, for ``manage``.

Every function is an op (see ``database.contract``): its first argument is the transaction, and it may run
more than once. Each change raises the directory's version in the same unit and tells ``feed`` after the
commit; without a server there is no feed to tell. All raise :class:`DirectoryError`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import DuplicateKey, Transaction
from posthouse.directory import (
    addresses,
    app_passwords,
    archives,
    autoreply,
    browser_sessions,
    client_certificates,
    cram_md5,
    dkim,
    domain_limits,
    domains,
    expiry,
    forwards,
    groups,
    journals,
    lists,
    masked,
    naming,
    oauth,
    records,
    roles,
    sending,
    signatures,
    sources_kept,
)
from posthouse.directory.aliases import Alias, add_alias, find_alias, list_aliases, remove_alias
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, own_address
from posthouse.directory.naming import taken_by
from posthouse.directory.passwords import Credentials
from posthouse.directory.rows import account_of, sha1_text
from posthouse.directory.versions import DIRECTORY, bump

MAX_QUOTA = 2**62

__all__ = [
    "Alias",
    "DomainInfo",
    "NewAccount",
    "add_account",
    "add_alias",
    "add_domain",
    "find_account",
    "find_alias",
    "find_domain",
    "has_domain",
    "list_accounts",
    "list_aliases",
    "list_domains",
    "remove_account",
    "remove_alias",
    "remove_domain",
    "rename_account",
    "set_active",
    "set_password",
    "set_quota",
    "taken_by",
    "upgrade_password",
]


@dataclass(frozen=True, slots=True)
class DomainInfo:
    """A domain with what it holds."""

    id: int
    name: str
    accounts: int
    aliases: int
    active: bool = True


@dataclass(frozen=True, slots=True)
class NewAccount:
    """An account to be made. ``quota`` in bytes, 0 = none, None = what new accounts get."""

    address: str
    credentials: Credentials
    quota: int | None = None


def add_domain(tx: Transaction, name: str, *, template: str = "", feed: Feed | None = None) -> int:
    """Make a domain ours, from a template where one is named; returns its id."""
    name = domain_name(name)
    known = DirectoryError(f"domain {name} exists already", "list domains to see it", "exists")
    domains.check_free(tx, name)
    try:
        domain_id = tx.insert(records.INSERT_DOMAIN, {"name": name, "created_at": time()})
    except DuplicateKey:
        raise known from None  # someone else added it at this very moment
    if template:
        domains.start_with(tx, domain_id, template)
    bump(tx, DIRECTORY, feed)
    return domain_id


def remove_domain(
    tx: Transaction, name: str, *, force: bool = False, feed: Feed | None = None
) -> list[Account]:
    """Give a domain up. With content it is refused unless ``force``; then its aliases and accounts go too,
    and the accounts are returned, so that the caller can remove their mailboxes."""
    name = domain_name(name)
    domain_id = naming.domain_id(tx, name)
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
    domains.forget_domain(tx, domain_id)
    roles.forget_domain(tx, domain_id)
    dkim.forget_domain(tx, domain_id)
    forwards.forget_domain(tx, domain_id)
    signatures.forget_domain(tx, domain_id)
    autoreply.forget_domain(tx, domain_id)
    journals.forget_domain(tx, domain_id)
    archives.forget_domain(tx, domain_id)
    groups.forget_domain(tx, domain_id)
    lists.forget_domain(tx, domain_id)
    addresses.forget_domain(tx, domain_id)
    masked.forget_domain(tx, domain_id)
    sending.forget_domain(tx, domain_id)
    sources_kept.forget_domain(tx, domain_id)
    for account in accounts:
        sending.forget_account(tx, account.id)
        app_passwords.forget_account(tx, account.id)
        cram_md5.forget_account(tx, account.id)
        client_certificates.forget_account(tx, account.id)
        oauth.forget_account(tx, account.id)
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
    tx: Transaction,
    address: str,
    credentials: Credentials,
    quota: int | None = 0,
    *,
    feed: Feed | None = None,
) -> Account:
    """Make an account in one of our domains. ``quota`` in bytes, 0 = none, None = as the domain has it for new
    accounts. The caller provisions its mailboxes."""
    wanted = own_address(address)
    domain_id = naming.domain_of(tx, wanted.domain, address)
    naming.check_free(tx, wanted.key, address)
    domain_limits.check_count(tx, domain_id, "accounts")
    if quota is None:
        quota = domains.quota_for_new(tx, domain_id)
    domain_limits.check_quota(tx, domain_id, quota)
    values = {
        "domain_id": domain_id,
        "address": wanted.key,
        "quota": _quota(quota),
        "active": 1,
        "created_at": time(),
        "password_changed_at": time(),
        **_secret(credentials),
    }
    account = Account(tx.insert(records.INSERT_ACCOUNT, values), domain_id, wanted.key, quota)
    domains.give_defaults(tx, domain_id, account.id)
    cram_md5.replace(tx, account.id, credentials.password_hash, credentials.cram_md5)
    bump(tx, DIRECTORY, feed)
    return account


def remove_account(tx: Transaction, address: str, *, feed: Feed | None = None) -> Account:
    """Remove an account; returns what it was. Its mailboxes are the caller's to remove."""
    account = find_account(tx, address)
    roles.forget_account(tx, account.id)
    forwards.forget_account(tx, account.id)
    signatures.forget(tx, "account", account.id)
    autoreply.forget_account(tx, account.id)
    archives.forget(tx, "account", account.id)
    groups.forget_account(tx, account.id)
    for key in (account.address, *addresses.names_of(tx, account.id)):
        lists.forget_address(tx, key)
    addresses.forget_account(tx, account.id)
    masked.forget_account(tx, account.id)
    sending.forget_account(tx, account.id)
    app_passwords.forget_account(tx, account.id)
    cram_md5.forget_account(tx, account.id)
    client_certificates.forget_account(tx, account.id)
    oauth.forget_account(tx, account.id)
    sources_kept.forget_account(tx, account.id)
    expiry.forget_account(tx, account.id)
    tx.change(records.DELETE_ACCOUNT, {"of_id": account.id})
    bump(tx, DIRECTORY, feed)
    return account


def rename_account(
    tx: Transaction, address: str, new: str, *, keep: bool = True, feed: Feed | None = None
) -> Account:
    """Give an account another address, in the same domain or another of ours; all that belongs to it stays. ``keep``:
    the old one stays a further address. A further address of its own may become its address."""
    account = find_account(tx, address)
    wanted = own_address(new)
    if wanted.key == account.address:
        raise DirectoryError(f"{address} has this address already", "give another one", "exists")
    # Both domains, always in the same order: two that rename the other way round must not wait for each other.
    both = sorted({wanted.domain, account.address.rpartition("@")[2]})
    found = {name: naming.domain_of(tx, name, new) for name in both}
    if wanted.key in addresses.names_of(tx, account.id):
        addresses.remove(tx, account, wanted.key)
    naming.check_free(tx, wanted.key, new)
    if found[wanted.domain] != account.domain_id:
        domain_limits.check_count(tx, found[wanted.domain], "accounts")
        domain_limits.check_quota(tx, found[wanted.domain], account.quota)
    moved = {"new_address": wanted.key, "new_domain": found[wanted.domain]}
    tx.change(records.RENAME_ACCOUNT, {"of_id": account.id, **moved})
    renamed = replace(account, address=wanted.key, domain_id=found[wanted.domain])
    if keep:
        addresses.add(tx, renamed, account.address, feed=feed)
    bump(tx, DIRECTORY, feed)
    return renamed


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


def list_accounts(tx: Transaction, domain: str | None = None) -> list[Account]:
    """All accounts by address, or those of one domain."""
    if domain is None:
        return [account_of(row) for row in tx.execute(records.SELECT_ACCOUNTS)]
    owned = {"domain_id": naming.domain_id(tx, domain_name(domain))}
    return [account_of(row) for row in tx.execute(records.SELECT_DOMAIN_ACCOUNTS, owned)]


def set_password(
    tx: Transaction, address: str, credentials: Credentials, *, feed: Feed | None = None
) -> Account:
    """Replace the password of an account."""
    account = find_account(tx, address)
    secret = {f"new_{name}": value for name, value in _secret(credentials).items()}
    tx.change(records.UPDATE_PASSWORD, {"of_id": account.id, "now": time(), **secret})
    cram_md5.replace(tx, account.id, credentials.password_hash, credentials.cram_md5)
    bump(tx, DIRECTORY, feed)
    return account


def set_quota(tx: Transaction, address: str, quota: int, *, feed: Feed | None = None) -> Account:
    """Set the storage limit of an account in bytes, 0 = none. Mail over a lowered limit is kept."""
    account = find_account(tx, address)
    domain_limits.check_quota(tx, account.domain_id, quota)
    tx.change(records.UPDATE_QUOTA, {"of_id": account.id, "new_quota": _quota(quota)})
    bump(tx, DIRECTORY, feed)
    return account


def set_active(tx: Transaction, address: str, active: bool, *, feed: Feed | None = None) -> Account:
    """Let an account be used, or not: an inactive one receives no mail and nobody signs in to it."""
    account = find_account(tx, address)
    tx.change(records.UPDATE_ACTIVE, {"of_id": account.id, "new_active": int(active)})
    bump(tx, DIRECTORY, feed)
    return account


def upgrade_password(
    tx: Transaction, account_id: int, old_hash: str, credentials: Credentials, *, feed: Feed | None = None
) -> bool:
    """Keep the same password in another form, unless it was changed meanwhile; sessions in browsers go on."""
    secret = {f"new_{name}": value for name, value in _secret(credentials).items()}
    if not tx.change(records.UPGRADE_PASSWORD, {"of_id": account_id, "old_hash": old_hash, **secret}):
        return False
    cram_md5.replace(tx, account_id, credentials.password_hash, credentials.cram_md5)
    browser_sessions.follow_upgrade(tx, account_id, old_hash, credentials.password_hash)
    bump(tx, DIRECTORY, feed)
    return True


def _secret(credentials: Credentials) -> dict[str, str | int]:
    keys = credentials.scram
    return {
        "password_hash": credentials.password_hash,
        "scram_salt": keys.salt.hex() if keys else "",
        "scram_iterations": keys.iterations if keys else 0,
        "scram_stored_key": keys.stored_key.hex() if keys else "",
        "scram_server_key": keys.server_key.hex() if keys else "",
        "scram_sha1": sha1_text(credentials.scram_sha1),
    }


def _quota(quota: int) -> int:
    if not 0 <= quota <= MAX_QUOTA:
        raise DirectoryError(
            f"a quota of {quota} bytes is not possible", "give a positive size, or 0 for none"
        )
    return quota
