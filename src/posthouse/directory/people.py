"""Whose an address is besides being an account's own: an alias, a further address, a masked one.

The one place that ``lookup`` and the sign-in ask. All functions are ops that read.
"""

from __future__ import annotations

from posthouse.database.contract import Row, Transaction
from posthouse.directory import address_records, records
from posthouse.directory.contract import Account, Target
from posthouse.directory.rows import WIDTH, account_of


def find(tx: Transaction, key: str) -> Target | None:
    """Where an address (in its key form) leads that is no account's own; None when nobody has it. An alias or masked
    address that is switched off is there and leads nowhere (``unknown``): it is not up for a catch-all."""
    values = {"address": key}
    if rows := tx.execute(records.SELECT_ALIAS, values):
        if not rows[0][3]:
            return Target("unknown")
        return Target("alias", forwards=targets_of(rows[0][1], rows[0][2]))
    if rows := tx.execute(address_records.SELECT_OWNER, values):
        return Target("account", account_of(rows[0]))
    if rows := tx.execute(address_records.SELECT_MASKED_OWNER, values):
        return _masked(rows[0])
    return None


def further_owner(tx: Transaction, key: str) -> Account | None:
    """The account that has this as a further address."""
    rows = tx.execute(address_records.SELECT_OWNER, {"address": key})
    return account_of(rows[0]) if rows else None


def login_name(tx: Transaction, key: str) -> str:
    """The address of the account that may be signed in to with this further address; "" when there is none."""
    rows = tx.execute(address_records.SELECT_LOGIN_NAME, {"address": key})
    return str(rows[0][0]) if rows else ""


def masked_owner(tx: Transaction, key: str) -> Account | None:
    """The account that has this masked address, used up or not: what was accepted for it is still delivered."""
    rows = tx.execute(address_records.SELECT_MASKED_OWNER, {"address": key})
    return account_of(rows[0]) if rows else None


def targets_of(first: str, more: str | None) -> tuple[str, ...]:
    """The targets of an alias as its row has them."""
    return (first, *(each for each in (more or "").split("\n") if each))


def _masked(row: Row) -> Target:
    _, address, _, active, expires_at, most, used, *_ = row[WIDTH:]
    if not active or (most and used >= most):
        return Target("unknown")
    return Target("account", account_of(row), masked=address, until=float(expires_at))
