"""One name space for everything that has an address in a domain: accounts, aliases, further and masked addresses,
and whatever else there will be. Whoever gives a name away asks here first, in the unit that gives it.

All functions are ops and raise :class:`DirectoryError`.
"""

from __future__ import annotations

from posthouse.database.contract import Transaction
from posthouse.directory import address_records, domain_records, list_records, records, removed_records
from posthouse.directory.errors import DirectoryError

WORDS = {
    "account": "an account",
    "alias": "an alias",
    "list": "a mailing list",
    "address": "a further address of an account",
    "masked": "a masked address",
    "removed": "the address of a removed account",
}
"""What an address can be, in words."""


def taken_by(tx: Transaction, key: str) -> str:
    """What an address (in its key form) is already, one of :data:`WORDS`; "" when it is free."""
    values = {"address": key}
    if tx.execute(records.SELECT_ACCOUNT, values):
        return "account"
    if tx.execute(records.SELECT_ALIAS, values):
        return "alias"
    if tx.execute(address_records.SELECT_ADDRESS, values):
        return "address"
    if tx.execute(list_records.SELECT_ID, values):
        return "list"
    if tx.execute(address_records.SELECT_MASKED, values):
        return "masked"
    return "removed" if tx.execute(removed_records.SELECT_ACCOUNT, values) else ""


def check_free(tx: Transaction, key: str, address: str) -> None:
    """Refuse an address that is something already."""
    taken = taken_by(tx, key)
    if taken:
        mends = {"alias": "remove the alias first", "removed": "restore that account, or remove it for good"}
        mend = mends.get(taken, "choose another address")
        raise DirectoryError(f"{address} is {WORDS.get(taken, taken)} already", mend, "exists")


def domain_id(tx: Transaction, name: str) -> int:
    """The id of a domain of ours (its name in normal form)."""
    # The lock makes changes within one domain take turns: an address cannot become account and alias at once.
    rows = tx.lock(records.SELECT_DOMAIN, {"name": name})
    if not rows:
        raise DirectoryError(f"domain {name} is not ours", "list domains to see those that are", "missing")
    return int(rows[0][0])


def domain_of(tx: Transaction, domain: str, address: str) -> int:
    """The id of the domain of an address that is about to be made."""
    rows = tx.lock(records.SELECT_DOMAIN, {"name": domain})
    if rows:
        return int(rows[0][0])
    other = tx.execute(domain_records.SELECT_NAME, {"name": domain})
    if other:
        raise DirectoryError(
            f"{domain} is another name of {other[0][1]}", f"make it in {other[0][1]}: it has both names then"
        )
    raise DirectoryError(f"{address} is not in a domain of ours", f"add the domain {domain} first", "missing")
