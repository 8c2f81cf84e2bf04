"""The limits of a domain, held to when something is made in it. Ops; all raise :class:`DirectoryError`.

What accounts hold together is not among them: mail is measured where it arrives (``quotas``, ``route.quota``).
"""

from __future__ import annotations

from typing import Literal

from posthouse.database.contract import Transaction
from posthouse.directory import domain_records, records
from posthouse.directory.errors import DirectoryError

Counted = Literal["accounts", "aliases", "lists"]


def check_count(tx: Transaction, domain_id: int, what: Counted, held: int | None = None) -> None:
    """Refuse one more account, alias or list where the domain has as many as it may. The domain is locked by the caller
    (``naming.domain_of``), so that two that are made at once are counted one after the other. ``held``: how many there
    are, asked here for accounts and aliases."""
    rows = tx.execute(domain_records.SELECT_COUNTS, {"of_id": domain_id})
    name, accounts, aliases, lists = rows[0]
    most = int({"accounts": accounts, "aliases": aliases, "lists": lists}[what])
    if not most:
        return
    if held is None:
        statement = records.COUNT_DOMAIN_ACCOUNTS if what == "accounts" else records.COUNT_DOMAIN_ALIASES
        held = int(tx.execute(statement, {"domain_id": domain_id})[0][0])
    if held >= most:
        raise DirectoryError(
            f"domain {name} has {held} {what} and may have {most}",
            "remove some, or have the limit of the domain raised",
            "refused",
        )


def largest_sent(tx: Transaction, account_id: int) -> int:
    """Bytes of the largest message that an account may send, by its domain; 0 = no limit."""
    rows = tx.execute(domain_records.SELECT_LARGEST_SENT, {"of_account": account_id})
    return int(rows[0][0]) if rows else 0


def check_quota(tx: Transaction, domain_id: int, quota: int) -> None:
    """Refuse a quota larger than an account of the domain may have; 0 is none at all."""
    name, most = tx.execute(domain_records.SELECT_MAX_ACCOUNT, {"of_id": domain_id})[0]
    if most and (not quota or quota > most):
        raise DirectoryError(
            f"an account of domain {name} may hold {most} bytes at most",
            "give a quota that is not larger, or have the limit of the domain raised",
            "refused",
        )
