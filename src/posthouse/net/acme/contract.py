"""Proofs of control over a name: what an order needs of whoever shows them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from posthouse.net.acme.keys import b64url, digest

HTTP, TLS_ALPN, DNS = "http-01", "tls-alpn-01", "dns-01"

KINDS = (HTTP, TLS_ALPN, DNS)
"""The kinds of proofs, in the order in which they are tried."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What to show for one name. ``host`` is without the ``*.`` of a wildcard."""

    host: str
    token: str
    key_authorization: str

    @property
    def dns_name(self) -> str:
        """Where the TXT record of DNS-01 goes (RFC 8555 8.4)."""
        return f"_acme-challenge.{self.host}"

    @property
    def dns_value(self) -> str:
        """What that record says."""
        return b64url(digest(self.key_authorization))


class Shower(Protocol):
    """Shows proofs of one kind. ``hide`` is called after every ``show``, also after one that failed half-way,
    and may be called for what is not shown."""

    @property
    def kind(self) -> str:
        """One of KINDS."""

    async def show(self, proofs: Sequence[Proof]) -> None:
        """Show them; returns when the authority can see them. Raises AcmeError."""

    async def hide(self, proofs: Sequence[Proof]) -> None:
        """Take them away again. Raises nothing: what stays behind is logged."""
