"""Rows of the directory's tables as values."""

from __future__ import annotations

from dataclasses import dataclass, field

from posthouse.database.contract import Row, Transaction
from posthouse.directory import app_passwords, records
from posthouse.directory.app_passwords import AppPassword
from posthouse.directory.contract import Account, ScramKeys

WIDTH = len(records.ACCOUNT)
"""Columns of an account before what else a statement selects."""


@dataclass(frozen=True, slots=True)
class Login:
    """An account with what proves its owner. ``scram`` and ``scram_sha1`` are None where no keys could be made yet (an
    imported hash). ``source`` judges the password, "" stands for ``password_hash``. ``changed_at``: when the password
    was set."""

    account: Account
    password_hash: str = field(repr=False)
    scram: ScramKeys | None
    scram_sha1: ScramKeys | None = None
    source: str = ""
    changed_at: float = 0.0
    app_passwords_only: bool = False
    second_factors: int = 0
    apps: tuple[AppPassword, ...] = ()


def account_of(row: Row) -> Account:
    """The account in the first :data:`WIDTH` columns of a row."""
    return Account(
        int(row[0]), int(row[1]), row[2], int(row[3]), bool(row[4]), row[5], row[6], int(row[7]), row[8]
    )


def read_login(tx: Transaction, key: str) -> Login | None:
    """The account of an address key and its secrets."""
    rows = tx.execute(records.SELECT_LOGIN, {"address": key})
    apps = app_passwords.of_login(tx, key)  # asked for whoever it is: the time tells nothing
    if not rows:
        return None
    row = rows[0]
    password_hash, salt, iterations, stored_key, server_key, sha1, *policy = row[WIDTH:]
    source, changed_at, created_at, only, factors = policy
    scram = None
    if stored_key:
        scram = ScramKeys(
            bytes.fromhex(salt), int(iterations), bytes.fromhex(stored_key), bytes.fromhex(server_key)
        )
    changed_at = float(changed_at) or float(created_at)
    return Login(
        account_of(row),
        password_hash,
        scram,
        sha1_keys(sha1),
        source,
        changed_at,
        bool(only),
        int(factors),
        apps,
    )


def sha1_keys(text: str) -> ScramKeys | None:
    """The keys for SCRAM-SHA-1 as they are stored, None where there are none."""
    if not text:
        return None
    iterations, *keys = text.split()
    salt, stored_key, server_key = (bytes.fromhex(each) for each in keys)
    return ScramKeys(salt, int(iterations), stored_key, server_key)


def sha1_text(keys: ScramKeys | None) -> str:
    """The keys for SCRAM-SHA-1 as they are stored."""
    if keys is None:
        return ""
    return " ".join((str(keys.iterations), keys.salt.hex(), keys.stored_key.hex(), keys.server_key.hex()))
