"""What one connection offers: the mechanisms as its TLS and the server's settings have them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from posthouse.wire import sasl
from posthouse.wire.sasl.contract import Mechanism
from posthouse.wire.sasl.gssapi import Context


@dataclass(frozen=True, slots=True)
class Offer:
    """``binding`` is the tls-unique value, ``certificate`` the client's (DER), None where there is none; ``tokens``:
    whether access tokens are taken; ``tickets`` makes the context of a Kerberos exchange; ``cram_md5``: our name in
    the challenges of CRAM-MD5, "" where it is not offered."""

    binding: bytes | None = field(repr=False)
    scram: bool = True
    certificate: bytes | None = field(default=None, repr=False)
    tokens: bool = False
    tickets: Callable[[], Context] | None = field(default=None, repr=False)
    cram_md5: str = ""

    @property
    def names(self) -> list[str]:
        """What to announce, strongest first."""
        external = self.certificate is not None
        return sasl.available(
            channel_binding=self.binding,
            scram=self.scram,
            external=external,
            tokens=self.tokens,
            tickets=self.tickets is not None,
            cram_md5=bool(self.cram_md5),
        )

    def begin(self, name: str) -> Mechanism | None:
        """A new exchange, None for a mechanism that is not offered."""
        external = self.certificate is not None
        return sasl.mechanism(
            name,
            channel_binding=self.binding,
            scram=self.scram,
            external=external,
            tokens=self.tokens,
            tickets=self.tickets,
            cram_md5=self.cram_md5,
        )
