"""TLS client certificates that sign in: registered with an account by fingerprint, or by the address in them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from cryptography import x509
from sqlalchemy import Column, Index, bindparam, delete, insert, select

from posthouse.cluster.contract import Feed
from posthouse.database import schema
from posthouse.database.contract import Transaction
from posthouse.directory import lookup, records
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.masters import login_key
from posthouse.directory.rows import account_of

MOST_OF_ACCOUNT = 20

client_certificates = schema.table(
    "client_certificates",
    Column("id", schema.ident(), primary_key=True),
    Column("account_id", schema.big(), nullable=False),
    Column("fingerprint", schema.digest(), nullable=False, unique=True),
    Column("name", schema.text(), nullable=False),
    Column("created_at", schema.real(), nullable=False),
    Index(None, "account_id"),
    sqlite_autoincrement=True,
)
"""``fingerprint`` is the SHA-256 of the certificate (DER)."""

_OF_ACCOUNT = (
    select(*client_certificates.c)
    .where(client_certificates.c.account_id == bindparam("account_id"))
    .order_by(client_certificates.c.id)
)
_OWNER = select(client_certificates.c.account_id).where(
    client_certificates.c.fingerprint == bindparam("fingerprint")
)
_INSERT = insert(client_certificates).values(
    {column.name: bindparam(column.name) for column in client_certificates.c if column.name != "id"}
)
_REMOVE = delete(client_certificates).where(client_certificates.c.id == bindparam("of_id"))
_FORGET = delete(client_certificates).where(client_certificates.c.account_id == bindparam("account_id"))


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
    rows = tx.execute(_OWNER, {"fingerprint": fingerprint(certificate)})
    if rows:
        return lookup.find_account(tx, int(rows[0][0]))
    if not by_address:
        return None
    found = [tx.execute(records.SELECT_ACCOUNT, {"address": each}) for each in addresses(certificate)[:10]]
    accounts = {account_of(rows[0]) for rows in found if rows}
    return accounts.pop() if len(accounts) == 1 else None


def of_account(tx: Transaction, account_id: int) -> list[Certificate]:
    """The certificates of an account, oldest first."""
    rows = tx.execute(_OF_ACCOUNT, {"account_id": account_id})
    return [Certificate(int(row[0]), int(row[1]), bytes(row[2]), row[3], row[4]) for row in rows]


def add(tx: Transaction, account_id: int, certificate: bytes, name: str, now: float) -> int:
    """Register a certificate (DER); its id. Raises DirectoryError."""
    mark = fingerprint(certificate)
    if tx.execute(_OWNER, {"fingerprint": mark}):
        raise DirectoryError("this certificate is registered already", "make another one", "exists")
    if len(of_account(tx, account_id)) >= MOST_OF_ACCOUNT:
        raise DirectoryError(f"there are {MOST_OF_ACCOUNT} certificates", "remove one first", "refused")
    values = {"account_id": account_id, "fingerprint": mark, "name": name, "created_at": now}
    return tx.insert(_INSERT, values)


def remove(tx: Transaction, of_id: int) -> None:
    """Remove a certificate: nobody signs in with it any more."""
    tx.change(_REMOVE, {"of_id": of_id})


def forget_account(tx: Transaction, account_id: int, *, feed: Feed | None = None) -> None:
    """The account goes, in the caller's unit."""
    tx.change(_FORGET, {"account_id": account_id})
