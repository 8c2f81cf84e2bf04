"""Rows of the directory's tables as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.database.contract import Row, Transaction
from posthouse.directory import records
from posthouse.directory.contract import Account, ScramKeys


@dataclass(frozen=True, slots=True)
class Login:
    """An account with what proves its password."""

    account: Account
    password_hash: str = field(repr=False)
    scram: ScramKeys


def account_of(row: Row) -> Account:
    """The account in the first five columns of a row."""
    return Account(int(row[0]), int(row[1]), row[2], int(row[3]), bool(row[4]))


def read_login(tx: Transaction, key: str) -> Login | None:
    """The account of an address key and its secrets."""
    rows = tx.execute(records.SELECT_LOGIN, {"address": key})
    if not rows:
        return None
    row = rows[0]
    scram = ScramKeys(bytes.fromhex(row[6]), int(row[7]), bytes.fromhex(row[8]), bytes.fromhex(row[9]))
    return Login(account_of(row), row[5], scram)
