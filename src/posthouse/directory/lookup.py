"""Where an address leads, as reading ops on the tables."""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.directory import records
from posthouse.directory.contract import Account, Target
from posthouse.directory.rows import account_of
from posthouse.mail.address import Address

POSTMASTER = "postmaster"


def find_target(tx: Transaction, address: Address) -> Target:
    """Where this address leads: an exact account or alias first, then the part before a plus sign."""
    if not address.domain:
        return _bare_postmaster(tx) if address.local.lower() == POSTMASTER else Target("foreign")
    if not tx.execute(records.SELECT_DOMAIN, {"name": address.domain}):
        return Target("foreign")
    return _find_inside(tx, address)


def find_postmaster(tx: Transaction, domain: str) -> Account | None:
    """The first active account of the domain, else of the server."""
    domains = tx.execute(records.SELECT_DOMAIN, {"name": domain})
    rows = tx.execute(records.SELECT_FIRST_OF_DOMAIN, {"domain_id": domains[0][0]}) if domains else []
    rows = rows or tx.execute(records.SELECT_FIRST_ACCOUNT)
    return account_of(rows[0]) if rows else None


def find_account(tx: Transaction, account_id: int) -> Account | None:
    """The account of an id, active or not."""
    rows = tx.execute(records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    return account_of(rows[0]) if rows else None


def account_exists(tx: Transaction, account_id: int) -> bool:
    """Whether an account is there and stays until this unit of work is over. Lock accounts in id order."""
    return bool(tx.lock(records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id}))


def is_domain(tx: Transaction, domain: str) -> bool:
    """Whether a domain is ours."""
    return bool(tx.execute(records.SELECT_DOMAIN, {"name": domain}))


def _find_inside(tx: Transaction, address: Address) -> Target:
    found = _exact(tx, address, "")
    if found is not None:
        return found
    base, plus, detail = address.local.partition("+")
    if plus and base:
        found = _exact(tx, Address(base, address.domain), detail)
        if found is not None:
            return found
    if (base or address.local).lower() == POSTMASTER:
        account = find_postmaster(tx, address.domain)
        if account is not None:
            return Target("account", account)
    return Target("unknown")


def _exact(tx: Transaction, address: Address, detail: str) -> Target | None:
    key = {"address": address.key}
    rows = tx.execute(records.SELECT_ACCOUNT, key)
    if rows:
        return Target("account", account_of(rows[0]), detail=detail)
    rows = tx.execute(records.SELECT_ALIAS, key)
    if rows:
        return Target("alias", forwards=(rows[0][1],), detail=detail)
    return None


def _bare_postmaster(tx: Transaction) -> Target:
    """RFC 5321 4.5.1: without a domain it is the postmaster of our first domain."""
    first = tx.execute(records.SELECT_FIRST_DOMAIN)
    if not first:
        return Target("unknown")
    return _find_inside(tx, Address(POSTMASTER, first[0][0]))
