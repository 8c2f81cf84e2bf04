"""TLS client certificates that sign in: registered with an account by fingerprint, or by the address in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509

from posthouse.database.contract import Row, Transaction
from posthouse.directory import client_certificate_records as table
from posthouse.directory import lookup, records
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.masters import login_key
from posthouse.directory.rows import account_of

MOST_OF_ACCOUNT = 20


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certificate registered with an account."""

    id: int
    account_id: int
    fingerprint: bytes
    name: str
    created_at: float


def fingerprint(certificate: bytes) -> bytes:
    """What a certificate (DER) is known by."""
    return hashlib.sha256(certificate).digest()


def addresses(certificate: bytes) -> list[str]:
    """The addresses that a certificate (DER) is for: its rfc822Names (RFC 5280 4.2.1.6). None for what is none."""
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [login_key(name) for name in names.get_values_for_type(x509.RFC822Name)]
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []


def owner(tx: Transaction, certificate: bytes, by_address: bool) -> Account | None:
    """Whose a certificate is, verified as TLS has it. One that names several accounts by address is nobody's."""
    rows = tx.execute(table.OWNER, {"fingerprint": fingerprint(certificate)})
    if rows:
        return lookup.find_account(tx, int(rows[0][0]))
    if not by_address:
        return None
    found = [tx.execute(records.SELECT_ACCOUNT, {"address": each}) for each in addresses(certificate)[:10]]
    accounts = {account_of(rows[0]) for rows in found if rows}
    return accounts.pop() if len(accounts) == 1 else None


def of_account(tx: Transaction, account_id: int) -> list[Certificate]:
    """The certificates of an account, oldest first."""
    rows = tx.execute(table.OF_ACCOUNT, {"account_id": account_id})
    return [_from(row) for row in rows]


def add(tx: Transaction, account_id: int, certificate: bytes, name: str, now: float) -> int:
    """Register a certificate (DER); its id. Raises DirectoryError."""
    mark = fingerprint(certificate)
    if tx.execute(table.OWNER, {"fingerprint": mark}):
        raise DirectoryError("this certificate is registered already", "make another one", "exists")
    if len(of_account(tx, account_id)) >= MOST_OF_ACCOUNT:
        raise DirectoryError(f"there are {MOST_OF_ACCOUNT} certificates", "remove one first", "refused")
    values = {"account_id": account_id, "fingerprint": mark, "name": name, "created_at": now}
    return tx.insert(table.INSERT, values)


def remove(tx: Transaction, of_id: int) -> None:
    """Remove a certificate: nobody signs in with it any more."""
    tx.change(table.REMOVE, {"of_id": of_id})


def by_id(tx: Transaction, of_id: int) -> Certificate | None:
    """The certificate of an id."""
    rows = tx.execute(table.BY_ID, {"of_id": of_id})
    return _from(rows[0]) if rows else None


def sweep(tx: Transaction) -> None:
    """Remove what belonged to accounts that are gone."""
    tx.change(table.SWEEP)


def forget_account(tx: Transaction, account_id: int) -> None:
    """The account goes, in the caller's unit."""
    tx.change(table.FORGET, {"account_id": account_id})


def _from(row: Row) -> Certificate:
    return Certificate(int(row[0]), int(row[1]), bytes(row[2]), row[3], row[4])
