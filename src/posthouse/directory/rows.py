"""Rows of the directory's tables as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.database.contract import Row, Transaction
from posthouse.directory import records
from posthouse.directory.contract import Account, ScramKeys

WIDTH = len(records.ACCOUNT)
"""Columns of an account before what else a statement selects."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account with what proves its password."""

    account: Account
    password_hash: str = field(repr=False)
    scram: ScramKeys


def account_of(row: Row) -> Account:
    """The account in the first :data:`WIDTH` columns of a row."""
    return Account(
        int(row[0]), int(row[1]), row[2], int(row[3]), bool(row[4]), row[5], row[6], int(row[7]), row[8]
    )


def read_login(tx: Transaction, key: str) -> Login | None:
    """The account of an address key and its secrets."""
    rows = tx.execute(records.SELECT_LOGIN, {"address": key})
    if not rows:
        return None
    row = rows[0]
    password_hash, salt, iterations, stored_key, server_key = row[WIDTH : WIDTH + 5]
    scram = ScramKeys(
        bytes.fromhex(salt), int(iterations), bytes.fromhex(stored_key), bytes.fromhex(server_key)
    )
    return Login(account_of(row), password_hash, scram)
