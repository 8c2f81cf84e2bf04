"""What was negotiated in a TLS handshake."""

from __future__ import annotations

import asyncio
import ssl
import weakref

from posthouse.net.contract import TlsInfo

_asked_for: weakref.WeakKeyDictionary[object, str] = weakref.WeakKeyDictionary()


def remember_server_name(connection: ssl.SSLObject | ssl.SSLSocket, name: str) -> None:
    """Note the SNI name a client asked for (called by the context's SNI callback)."""
    _asked_for[connection] = name


def tls_info(transport: asyncio.BaseTransport) -> TlsInfo:
    """Describe the TLS layer of a transport whose handshake is done. Raises ConnectionError when it is gone
    again."""
    connection = transport.get_extra_info("ssl_object")
    if connection is None:
        raise ConnectionResetError("the peer left right after the handshake")
    version = connection.version() or ""
    cipher = connection.cipher()
    unique: bytes | None = None
    # RFC 5929's tls-unique is not defined for TLS 1.3 (RFC 8446 C.5), whose tls-exporter Python does not
    # offer.
    if version in ("TLSv1", "TLSv1.1", "TLSv1.2"):
        unique = connection.get_channel_binding("tls-unique")
    # Without CERT_OPTIONAL none was asked for; with it none is let through that was not verified.
    shown = connection.getpeercert(binary_form=True) if connection.context.verify_mode else None
    return TlsInfo(version, cipher[0] if cipher else "", _asked_for.get(connection, ""), unique, shown)
