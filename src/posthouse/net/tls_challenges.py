"""Answering authorities that check a name by TLS-ALPN-01 (RFC 8737) on the listeners where TLS comes first.

The certificate with the proof is for nobody but the authority, whose ClientHello offers ``acme-tls/1`` alone. The
standard library tells its SNI callback the name that is asked for, not the protocols that are offered: these are
taken from the ClientHello itself, which a context's message callback sees first. That callback is a private
attribute of ``ssl.SSLContext`` (``_msg_callback``, there since 3.8), and it costs something at every record: it is
set only while a proof is shown. Where it is missing, TLS-ALPN-01 is not available, and nothing else is.
"""

from __future__ import annotations

import os
import ssl
import tempfile
import weakref
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from posthouse.net.acme.tls_alpn import PROTOCOL, offered_protocols

AVAILABLE = hasattr(ssl.SSLContext, "_msg_callback")

_HANDSHAKE, _CLIENT_HELLO = 22, 1


class TlsChallenges:
    """The proofs that are shown now, by host name. ``folder`` is where they are written for the moment that it
    takes OpenSSL to read them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._contexts: dict[str, ssl.SSLContext] = {}
        self._authorities: weakref.WeakSet[Any] = weakref.WeakSet()

    def show(self, proofs: Mapping[str, bytes]) -> None:
        """Show exactly these proofs (key and certificate in PEM, by host name). Raises OSError."""
        self._contexts = {host: self._context(pem) for host, pem in proofs.items()}

    def watch(self, contexts: Iterable[ssl.SSLContext]) -> None:
        """Look out for authorities in the handshakes of these contexts as long as proofs are shown."""
        if AVAILABLE:
            for context in contexts:
                context._msg_callback = self._message if self._contexts else None  # type: ignore[attr-defined]

    def context_for(self, connection: Any, host: str) -> ssl.SSLContext | None:
        """What to answer with to this handshake, if it is an authority's."""
        if not self._contexts or connection not in self._authorities:
            return None
        return self._contexts.get(host.lower().rstrip("."))

    def _message(
        self, connection: Any, direction: str, version: Any, content: Any, kind: Any, data: bytes
    ) -> None:
        hello = direction == "read" and content == _HANDSHAKE and kind == _CLIENT_HELLO
        if hello and PROTOCOL.encode() in offered_protocols(data):
            self._authorities.add(connection)

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
