"""TLS client certificates registered with accounts: their owners sign in with EXTERNAL, without a password."""

from __future__ import annotations

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from posthouse.database.contract import Transaction
from posthouse.directory import admin, client_certificates
from posthouse.directory import records as directory_records
from posthouse.directory.client_certificates import Certificate as Stored
from posthouse.directory.contract import Account
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.me_account import account_in, now
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, narrows, use

LONGEST = 65_536


class NewClientCertificate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A certificate in PEM, and what to call it. ``address``: whose; left out = your own account."""

    certificate: str
    name: str
    address: str | None = None


class ClientCertificatesOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which account; left out: your own."""

    address: str | None = None


class ClientCertificateId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A registered certificate by its number in the list."""

    id: int


class ClientCertificate(msgspec.Struct, frozen=True):
    """A registered certificate. ``fingerprint`` is its SHA-256 in hexadecimal."""

    id: int
    address: str
    name: str
    fingerprint: str
    created_at: float


class ClientCertificates(msgspec.Struct, frozen=True):
    """Oldest first."""

    certificates: list[ClientCertificate]


@use("client_certificate.add", right="change", open_to="user", about=narrows)
async def add(call: Call, wanted: NewClientCertificate) -> ClientCertificate:
    """Register a TLS client certificate: whoever holds its key signs in to the account (see ``signin.client_ca``)."""
    require_fresh(call)
    name, at = wanted.name.strip(), now()
    if not name or len(name) > 100 or not name.isprintable():
        raise ManageError("invalid", "The name must have 1 to 100 characters, all on one line.", "Name it.")
    try:
        if len(wanted.certificate) > LONGEST:
            raise ValueError
        parsed = x509.load_pem_x509_certificate(wanted.certificate.encode())
    except ValueError:
        raise ManageError(
            "invalid",
            "This is no certificate in PEM.",
            "Paste it with its BEGIN and END lines, without the key.",
        ) from None

    def op(tx: Transaction) -> ClientCertificate:
        account = _whose(tx, call, "client_certificate.add", wanted.address)
        made = client_certificates.add(tx, account.id, parsed.public_bytes(Encoding.DER), name, at)
        found = client_certificates.by_id(tx, made)
        assert found is not None
        view = _view(found, account)
        note(
            tx, call.actor, "client_certificate.add", account.address, after={"fingerprint": view.fingerprint}
        )
        return view

    return await call.context.database.run(op)


@use("client_certificate.list", right="view", open_to="user", about=narrows)
async def list_all(call: Call, wanted: ClientCertificatesOf) -> ClientCertificates:
    """List the client certificates registered with your account, or with another."""

    def op(tx: Transaction) -> ClientCertificates:
        account = _whose(tx, call, "client_certificate.list", wanted.address)
        found = client_certificates.of_account(tx, account.id)
        return ClientCertificates([_view(each, account) for each in found])

    return await call.context.database.scan(op)


@use("client_certificate.remove", right="change", open_to="user", about=narrows)
async def remove(call: Call, wanted: ClientCertificateId) -> ClientCertificate:
    """Remove a client certificate; nobody signs in with it from then on."""

    def op(tx: Transaction) -> ClientCertificate:
        found = client_certificates.by_id(tx, wanted.id)
        rows = (
            tx.execute(directory_records.SELECT_ACCOUNT_BY_ID, {"of_id": found.account_id}) if found else []
        )
        missing = ManageError(
            "missing", f"There is no client certificate {wanted.id}.", "List them to see those there are."
        )
        if found is None or not rows:
            raise missing
        try:
            account = _whose(tx, call, "client_certificate.remove", rows[0][2])
        except ManageError:
            raise missing from None  # of others' certificates nothing is told
        client_certificates.remove(tx, found.id)
        view = _view(found, account)
        before = {"fingerprint": view.fingerprint}
        note(tx, call.actor, "client_certificate.remove", account.address, before=before)
        return view

    return await call.context.database.run(op)


def _whose(tx: Transaction, call: Call, name: str, address: str | None) -> Account:
    if address is None:
        if not call.actor.account_id:
            raise ManageError("invalid", f"{name}: whose certificate?", "Name the account's address.")
        return account_in(tx, call)
    if call.actor.account_id:
        mine = account_in(tx, call)
        if mine.address == address.strip().lower():
            return mine
    if call.actor.role == "user":
        raise ManageError("refused", "These are not your certificates.", "Ask your administrator.")
    account = admin.find_account(tx, address)
    guard(tx, call, name, account)
    return account


def _view(found: Stored, account: Account) -> ClientCertificate:
    return ClientCertificate(found.id, account.address, found.name, found.fingerprint.hex(), found.created_at)
