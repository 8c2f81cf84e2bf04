"""Client certificates. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

import msgspec

from posthouse.client.topic import Topic, given, path_of


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """A registered certificate. `fingerprint` is its SHA-256 in hexadecimal."""

    id: int
    address: str
    name: str
    fingerprint: str
    created_at: float


class ClientCertificates(msgspec.Struct, frozen=True, kw_only=True):
    """Oldest first."""

    certificates: list[ClientCertificate]


class ClientCertificatesCalls(Topic):
    """Calls of the topic Client certificates."""

    def client_certificate_list(self, *, address: str | None = None) -> ClientCertificates:
        """List the client certificates registered with your account, or with another. Right: view."""
        return self._link.ask(
            "GET", "/client-certificates", ClientCertificates, query=given({}, ("address", address, None))
        )

    def client_certificate_add(
        self, *, certificate: str, name: str, address: str | None = None, idempotency_key: str = ""
    ) -> ClientCertificate:
        """Register a TLS client certificate: whoever holds its key signs in to the account (see
        `signin.client_ca`). Right: change."""
        return self._link.ask(
            "POST",
            "/client-certificates",
            ClientCertificate,
            body=given({"certificate": certificate, "name": name}, ("address", address, None)),
            key=idempotency_key,
        )

    def client_certificate_remove(self, id: int) -> ClientCertificate:
        """Remove a client certificate; nobody signs in with it from then on. Right: change."""
        return self._link.ask("DELETE", path_of("/client-certificates/{}", id), ClientCertificate)
