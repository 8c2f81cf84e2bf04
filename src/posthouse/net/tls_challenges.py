"""The certificates that prove a name to an authority by TLS-ALPN-01 (RFC 8737), as TLS contexts.

They are for nobody but the authority, whose ClientHello offers ``acme-tls/1`` alone; the https listeners look at
that before the handshake begins, and ask here.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from collections.abc import Mapping
from pathlib import Path

from posthouse.net.acme.tls_alpn import PROTOCOL


class TlsChallenges:
    """The proofs that are shown now, by host name. ``folder`` is where they are written for the moment that it
    takes OpenSSL to read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contexts: dict[str, ssl.SSLContext] = {}

    def show(self, proofs: Mapping[str, bytes]) -> None:
        """Show exactly these proofs (key and certificate in PEM, by host name). Raises OSError."""
        self._contexts = {host: self._context(pem) for host, pem in proofs.items()}

    def context_for(self, host: str) -> ssl.SSLContext | None:
        """What to answer an authority with that asks for this host."""
        return self._contexts.get(host.lower().rstrip("."))

    def _context(self, pem: bytes) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, name = tempfile.mkstemp(dir=self._folder, prefix=".challenge-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
            context.load_cert_chain(name)
        finally:
            Path(name).unlink(missing_ok=True)
        context.set_alpn_protocols([PROTOCOL])
        return context
