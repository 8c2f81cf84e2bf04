"""Certificates. Made from the routes of the API by `make docs`; do not edit."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.client.generated.shared import Progress
from posthouse.client.link import Stream
from posthouse.client.topic import Topic, given, path_of


class AuthorityAccount(msgspec.Struct, frozen=True, kw_only=True):
    """`terms` is where the terms of service stand ("" when the authority cannot be asked now, see
    `complaint`). `account` is the account's URL, "" before the first order. `tells_renewal`: the authority
    says when to renew. `needs_binding`: it takes orders from registered customers only (External Account
    Binding)."""

    directory: str
    terms: str
    agreed: bool
    contact: list[str]
    account: str
    made_at: float
    tells_renewal: bool = False
    needs_binding: bool = False
    complaint: str = ""


class CertificateChanged(msgspec.Struct, frozen=True, kw_only=True):
    """`probation`: the change is taken back unless it is confirmed under this number; 0: it is for good."""

    certificate: CertificateView
    probation: int


class CertificateView(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate. `name` is what it is called by: its number, `file-1` for the first of the configuration
    file, or `self-made`. Times are seconds since 1970, 0 for never. `source`: `acme`, `given`, `file` or
    `self-made`. `state`: `in use`, `not used` (another comes first for all its host names), `expired`,
    `ordering`, `waiting` (no order has been done yet), `damaged` (see `complaint`), or `kept` while the
    server is stopped. `challenge` is the proof that is wanted. `next_renewal` is when an order is due;
    `window_begin` and `window_end` the authority's suggestion, 0 where there is none. `last_error`,
    `failures` and `next_try` tell of orders that failed since the last that did not. `chain` is only there
    in the view of a single one."""

    name: str
    hosts: list[str]
    source: str
    state: str
    complaint: str = ""
    issuer: str = ""
    fingerprint: str = ""
    not_before: float = 0.0
    not_after: float = 0.0
    days_left: int = 0
    challenge: str = ""
    next_renewal: float = 0.0
    window_begin: float = 0.0
    window_end: float = 0.0
    last_error: str = ""
    failures: int = 0
    failed_at: float = 0.0
    next_try: float = 0.0
    chain: str = ""


class Certificates(msgspec.Struct, frozen=True, kw_only=True):
    """The configuration file's first, the self-made one last."""

    certificates: list[CertificateView]


class WayOfProof(msgspec.Struct, frozen=True, kw_only=True):
    """`kind`: `http-01`, `tls-alpn-01` or `dns-01`. `obstacle` says why it cannot be done, "" when it can be
    tried."""

    kind: str
    obstacle: str = ""


class WaysOfProof(msgspec.Struct, frozen=True, kw_only=True):
    """In the order in which `automatic` tries them."""

    ways: list[WayOfProof]


class CertificatesCalls(Topic):
    """Calls of the topic Certificates."""

    def certificate_account_close(self) -> AuthorityAccount:
        """Close the account with the authority for good. Certificates stay valid; the next order makes a new
        account. Right: change."""
        return self._link.ask("DELETE", "/certificate-authority", AuthorityAccount)

    def certificate_account(self) -> AuthorityAccount:
        """Show the account with the authority, and where its terms of service stand. Right: view."""
        return self._link.ask("GET", "/certificate-authority", AuthorityAccount)

    def certificate_agree(self, *, agreed: bool, contact: str | None = None) -> AuthorityAccount:
        """Agree to the authority's terms of service (or take that back), and say where it may write to.
        Right: change."""
        return self._link.ask(
            "PUT",
            "/certificate-authority",
            AuthorityAccount,
            body=given({"agreed": agreed}, ("contact", contact, None)),
        )

    def certificate_account_key(self, *, idempotency_key: str = "") -> AuthorityAccount:
        """Give the account with the authority a new key. The certificates stay as they are. Right: change."""
        return self._link.ask("POST", "/certificate-authority/key", AuthorityAccount, key=idempotency_key)

    def certificate_ways(self, *, hosts: Sequence[str] = ()) -> WaysOfProof:
        """Tell by which proofs a certificate for these host names can be ordered, and what stands in the way
        of others. Right: view."""
        return self._link.ask(
            "GET", "/certificate-authority/ways", WaysOfProof, query=given({}, ("hosts", hosts, ()))
        )

    def certificate_list(self) -> Certificates:
        """List the certificates: host names, issuer, days left, state, next renewal and last error. Right:
        view."""
        return self._link.ask("GET", "/certificates", Certificates)

    def certificate_add(
        self, *, chain: str, key: str = "", now: bool = False, idempotency_key: str = ""
    ) -> CertificateChanged:
        """Add a certificate with its key, as PEM text. It replaces a given one for the same names. Right:
        change."""
        return self._link.ask(
            "POST",
            "/certificates",
            CertificateChanged,
            body=given({"chain": chain}, ("key", key, ""), ("now", now, False)),
            key=idempotency_key,
        )

    def certificate_order(
        self, *, hosts: Sequence[str], challenge: str = "automatic"
    ) -> Stream[Progress, CertificateView]:
        """Order a certificate from the authority (ACME) and take it into use. If it fails, it is tried again
        by itself, with growing pauses, until it is done or removed. Right: change. What is told on the way
        can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "POST",
            "/certificates/order",
            CertificateView,
            (Progress,),
            body=given({"hosts": hosts}, ("challenge", challenge, "automatic")),
        )

    def certificate_self_made(self, *, now: bool = False, idempotency_key: str = "") -> CertificateChanged:
        """Make the server's self-made certificate anew, with a new key. Clients that trusted the old one ask
        again. Right: change."""
        return self._link.ask(
            "POST",
            "/certificates/self-made",
            CertificateChanged,
            body=given({}, ("now", now, False)),
            key=idempotency_key,
        )

    def certificate_remove(self, name: str, *, now: bool = False) -> CertificateChanged:
        """Remove a stored certificate with its key. An ordered one is not renewed any more. Right: change."""
        return self._link.ask(
            "DELETE",
            path_of("/certificates/{}", name),
            CertificateChanged,
            query=given({}, ("now", now, False)),
        )

    def certificate_show(self, name: str) -> CertificateView:
        """Show one certificate with its chain. The key is never shown. Right: view."""
        return self._link.ask("GET", path_of("/certificates/{}", name), CertificateView)

    def certificate_renew(self, name: str) -> Stream[Progress, CertificateView]:
        """Order a certificate anew now, without waiting for its time. The one in use stays until the new one
        is there. Right: change. What is told on the way can be iterated over; `wait()` gives the result."""
        return self._link.stream(
            "POST", path_of("/certificates/{}/renew", name), CertificateView, (Progress,)
        )
