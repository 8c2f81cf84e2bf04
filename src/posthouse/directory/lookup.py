"""Where an address leads, as reading ops on the tables.

The order: an account, an alias, another address of an account, a masked address, a list (:data:`STEPS`); then the
same for what stands before the detail of a plus address; then the domain's postmaster, and last its catch-all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from posthouse.database.contract import Row, Transaction
from posthouse.directory import domain_records, lists, people, records
from posthouse.directory.contract import Account, Target
from posthouse.directory.rows import Login, account_of, read_login
from posthouse.mail.address import Address, parse_address

POSTMASTER = "postmaster"

MAX_SPLITS = 8
"""Places at which a local part is taken apart to find an account before the detail; the longest name wins."""

RETURN_PREFIXES = ("srs0", "srs1")
"""Return addresses of forwarded mail (``origin.srs``) begin so; what is none of them is for nobody, not for the
catch-all."""


@dataclass(frozen=True, slots=True)
class DomainRules:
    """What a domain says of its addresses. ``plus`` "" knows no details; ``folder``: a detail chooses the folder of its
    name."""

    id: int
    name: str
    active: bool
    plus: str
    folder: bool
    catch_all: str
    postmaster: str


def find_target(tx: Transaction, address: Address) -> Target:
    """Where this address leads."""
    if not address.domain:
        return _bare_postmaster(tx) if address.local.lower() == POSTMASTER else Target("foreign")
    rules = find_rules(tx, address.domain)
    return Target("foreign") if rules is None else _find_inside(tx, address.local, rules)


def find_rules(tx: Transaction, domain: str) -> DomainRules | None:
    """The rules of a domain of ours, by its name or another of its names."""
    rows = tx.execute(domain_records.SELECT_RULES, {"name": domain})
    rows = rows or tx.execute(domain_records.SELECT_RULES_BY_NAME, {"name": domain})
    return _rules(rows[0]) if rows else None


def real_domain(tx: Transaction, domain: str) -> str:
    """The domain that a name stands for; itself where it is no other name of a domain of ours."""
    rules = find_rules(tx, domain)
    return domain if rules is None else rules.name


def find_postmaster(tx: Transaction, domain: str) -> Account | None:
    """The first active account of the domain while it is active, else of the server."""
    rules = find_rules(tx, domain) if domain else None
    rows: list[Row] = []
    if rules is not None and rules.active:
        rows = tx.execute(records.SELECT_FIRST_OF_DOMAIN, {"domain_id": rules.id})
    rows = rows or tx.execute(domain_records.SELECT_FIRST_ACCOUNT)
    return account_of(rows[0]) if rows else None


def find_account(tx: Transaction, account_id: int) -> Account | None:
    """The account of an id, active or not; no account of a domain that is switched off is active."""
    rows = tx.execute(records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    return _as_its_domain(tx, account_of(rows[0])) if rows else None


def find_login(tx: Transaction, key: str) -> Login | None:
    """The account that signs in with this address key, by any name of its domain, and what proves its password."""
    found = read_login(tx, key)
    if found is None:
        local, at, domain = key.rpartition("@")
        real = real_domain(tx, domain) if at else domain
        name = f"{local}@{real}" if at else key
        found = read_login(tx, name) if name != key else None
        if found is None and (name := people.login_name(tx, name)):
            found = read_login(tx, name)
    if found is None:
        return None
    return replace(found, account=_as_its_domain(tx, found.account))


def account_exists(tx: Transaction, account_id: int) -> bool:
    """Whether an account is there and stays until this unit of work is over. Lock accounts in id order."""
    return bool(tx.lock(records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id}))


def is_domain(tx: Transaction, domain: str) -> bool:
    """Whether a domain is ours, by any of its names."""
    return find_rules(tx, domain) is not None


def _find_inside(tx: Transaction, local: str, rules: DomainRules) -> Target:
    if not rules.active:
        return Target("disabled")
    for name, detail in _readings(local, rules.plus):
        key = Address(name, rules.name).key
        found = next((found for step in STEPS if (found := step(tx, key)) is not None), None)
        if found is None and name.lower() == POSTMASTER:
            found = _postmaster(tx, rules)
        if found is not None and found.account is not None and found.account.domain_id != rules.id:
            # Another address of an account, whose own domain says whether it may be used.
            found = replace(found, account=_as_its_domain(tx, found.account))
        if found is not None:
            return replace(found, detail=detail, folder=detail if rules.folder else "") if detail else found
    if rules.catch_all and local[:4].lower() not in RETURN_PREFIXES:
        return Target("alias", forwards=(rules.catch_all,), caught=True)
    return Target("unknown")


def _readings(local: str, plus: str) -> Iterator[tuple[str, str]]:
    """The ways to read a local part, as name and detail: the whole of it first, then the longest name."""
    yield local, ""
    end = len(local)
    for _ in range(MAX_SPLITS if plus else 0):
        end = local.rfind(plus, 1, end)
        if end < 1:
            return
        yield local[:end], local[end + 1 :]


def _account(tx: Transaction, key: str) -> Target | None:
    rows = tx.execute(records.SELECT_ACCOUNT, {"address": key})
    return Target("account", account_of(rows[0])) if rows else None


STEPS: tuple[Callable[[Transaction, str], Target | None], ...] = (_account, people.find, lists.leads_to)
"""Who may have an address key (in the real name of its domain), asked in this order."""


def _postmaster(tx: Transaction, rules: DomainRules) -> Target | None:
    """RFC 5321 4.5.1: the postmaster is somebody, even where nobody made one."""
    if rules.postmaster:
        return Target("alias", forwards=(rules.postmaster,))
    account = find_postmaster(tx, rules.name)
    return Target("account", account) if account is not None else None


def _bare_postmaster(tx: Transaction) -> Target:
    """RFC 5321 4.5.1: without a domain it is the postmaster of our first domain."""
    first = tx.execute(records.SELECT_FIRST_DOMAIN)
    if not first:
        return Target("unknown")
    return find_target(tx, parse_address(f"{POSTMASTER}@{first[0][0]}"))


def _as_its_domain(tx: Transaction, account: Account) -> Account:
    rows = tx.execute(domain_records.SELECT_ACTIVE, {"of_id": account.domain_id})
    return account if not account.active or (rows and rows[0][0]) else replace(account, active=False)


def _rules(row: Row) -> DomainRules:
    return DomainRules(int(row[0]), row[1], bool(row[2]), row[3], bool(row[4]), row[5], row[6])
