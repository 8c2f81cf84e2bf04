"""Who may administer what: the roles of accounts as units of work.

An account without a role is an ordinary user. A domain administrator's role says nothing by itself: what they
look after stands in ``administered_domains``.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal, cast

from sqlalchemy import bindparam, delete, func, insert, select

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name
from posthouse.directory.people_records import account_roles, administered_domains
from posthouse.directory.records import SELECT_DOMAIN, accounts, domains
from posthouse.directory.versions import DIRECTORY, bump

Role = Literal["server", "domain", "user"]

MAX_DOMAINS = 500
"""Most domains one domain administrator looks after."""

_SELECT_ROLE = select(account_roles.c.role).where(account_roles.c.account_id == bindparam("of_id"))
_SELECT_DOMAINS = (
    select(domains.c.name)
    .join(administered_domains, administered_domains.c.domain_id == domains.c.id)
    .where(administered_domains.c.account_id == bindparam("of_id"))
    .order_by(domains.c.name)
)
_SELECT_ROLES = select(account_roles.c.account_id, account_roles.c.role).where(
    account_roles.c.account_id.in_(bindparam("ids", expanding=True))
)
_SELECT_DOMAINS_OF = (
    select(administered_domains.c.account_id, domains.c.name)
    .join(domains, administered_domains.c.domain_id == domains.c.id)
    .where(administered_domains.c.account_id.in_(bindparam("ids", expanding=True)))
    .order_by(domains.c.name)
)
_LOCK_SERVERS = (
    select(account_roles.c.account_id)
    .where(account_roles.c.role == "server")
    .order_by(account_roles.c.account_id)
)
_COUNT_OTHER_SERVERS = (
    select(func.count())
    .select_from(account_roles.join(accounts, accounts.c.id == account_roles.c.account_id))
    .where(
        account_roles.c.role == "server",
        accounts.c.active == 1,
        accounts.c.password_hash != "",
        accounts.c.id != bindparam("of_id"),
    )
)
_DELETE_ROLE = delete(account_roles).where(account_roles.c.account_id == bindparam("of_id"))
_DELETE_DOMAINS = delete(administered_domains).where(administered_domains.c.account_id == bindparam("of_id"))
_INSERT_DOMAIN = insert(administered_domains).values(
    account_id=bindparam("account_id"), domain_id=bindparam("domain_id")
)
_DELETE_OF_DOMAIN = delete(administered_domains).where(
    administered_domains.c.domain_id == bindparam("domain_id")
)
_DELETE_ROLES_IN_DOMAIN = delete(account_roles).where(
    account_roles.c.account_id.in_(
        select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))
    )
)
_DELETE_DOMAINS_IN_DOMAIN = delete(administered_domains).where(
    administered_domains.c.account_id.in_(
        select(accounts.c.id).where(accounts.c.domain_id == bindparam("domain_id"))
    )
)


def actor_of(tx: Transaction, account: Account) -> tuple[Role, frozenset[str]]:
    """The role of an account now, and the domains it administers (empty but for a domain administrator)."""
    role = role_of(tx, account.id)
    return role, frozenset(domains_of(tx, account.id)) if role == "domain" else frozenset()


def role_of(tx: Transaction, account_id: int) -> Role:
    """The role of an account; ``user`` where nobody gave one."""
    rows = tx.execute(_SELECT_ROLE, {"of_id": account_id})
    return cast(Role, rows[0][0]) if rows else "user"


def roles_of(tx: Transaction, account_ids: Sequence[int]) -> dict[int, Role]:
    """The roles of up to some hundred accounts; ordinary users are left out."""
    if not account_ids:
        return {}
    return {int(row[0]): row[1] for row in tx.execute(_SELECT_ROLES, {"ids": account_ids})}


def domains_of(tx: Transaction, account_id: int) -> list[str]:
    """The domains an account administers, by name."""
    return [row[0] for row in tx.execute(_SELECT_DOMAINS, {"of_id": account_id})]


def administered_by(tx: Transaction, account_ids: Sequence[int]) -> dict[int, list[str]]:
    """The domains that each of these accounts administers; those without any are left out."""
    found: dict[int, list[str]] = {}
    if account_ids:
        for account_id, name in tx.execute(_SELECT_DOMAINS_OF, {"ids": account_ids}):
            found.setdefault(int(account_id), []).append(name)
    return found


def set_role(
    tx: Transaction, account: Account, role: Role, names: Collection[str] = (), *, feed: Feed | None = None
) -> tuple[Role, frozenset[str]]:
    """Give an account a role; returns role and domains as kept. Raises DirectoryError: a domain administrator
    needs domains of ours, the other roles take none."""
    wanted = sorted({domain_name(name) for name in names})
    if (role == "domain") != bool(wanted):
        raise DirectoryError(
            "a domain administrator needs at least one domain"
            if role == "domain"
            else f"the role {role} takes no domains",
            "name the domains to look after" if role == "domain" else "leave the domains out",
        )
    if len(wanted) > MAX_DOMAINS:
        raise DirectoryError(
            f"{len(wanted)} domains are too many for one administrator", f"name at most {MAX_DOMAINS}"
        )
    ids = [_domain_id(tx, name) for name in wanted]
    forget_account(tx, account.id)
    if role != "user":
        tx.upsert(account_roles, {"account_id": account.id}, {"role": role})
    for domain_id in ids:
        tx.execute(_INSERT_DOMAIN, {"account_id": account.id, "domain_id": domain_id})
    bump(tx, DIRECTORY, feed)
    return role, frozenset(wanted)


def is_last_server(tx: Transaction, account: Account) -> bool:
    """Whether without this account no active server administrator with a password would be left. Two changes
    at once take turns on the rows of the administrators."""
    tx.lock(_LOCK_SERVERS)
    if not account.active or role_of(tx, account.id) != "server":
        return False
    return int(tx.execute(_COUNT_OTHER_SERVERS, {"of_id": account.id})[0][0]) == 0


def forget_account(tx: Transaction, account_id: int) -> None:
    """Take role and domains from an account that goes."""
    tx.change(_DELETE_DOMAINS, {"of_id": account_id})
    tx.change(_DELETE_ROLE, {"of_id": account_id})


def forget_domain(tx: Transaction, domain_id: int) -> None:
    """Nobody administers a domain that goes, and the roles of those in it go with them. Before its accounts
    are removed."""
    tx.change(_DELETE_OF_DOMAIN, {"domain_id": domain_id})
    tx.change(_DELETE_DOMAINS_IN_DOMAIN, {"domain_id": domain_id})
    tx.change(_DELETE_ROLES_IN_DOMAIN, {"domain_id": domain_id})


def _domain_id(tx: Transaction, name: str) -> int:
    rows = tx.lock(SELECT_DOMAIN, {"name": name})
    if not rows:
        raise DirectoryError(f"domain {name} is not ours", "list domains to see those that are", "missing")
    return int(rows[0][0])
