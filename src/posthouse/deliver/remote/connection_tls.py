"""TLS outwards: one client context per level, and the look at what a handshake gave."""

from __future__ import annotations

import os
import ssl
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posthouse.deliver.remote.connection_dane import LONGEST_CHAIN, usable, who_is_wrong
from posthouse.deliver.remote.connection_names import names_one
from posthouse.deliver.remote.contract import Call, Level
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.remote import AUTHORITIES

if TYPE_CHECKING:
    from cryptography.x509.verification import Store

FRESH_SECONDS = 3600.0
"""How long a context is used: authorities and certificates of ours change on disk."""

# Where TLS is required: TLS 1.2 with forward secrecy, and TLS 1.3. Where it is only better than clear text: all there
# is (RFC 7435), but nothing without encryption or without any certificate.
_GOOD = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20"
_TOLERANT = "ALL:!aNULL:!eNULL:@SECLEVEL=0"

_EXPIRED = 10
"""OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED."""
_UNTRUSTED = frozenset({2, 9, 18, 19, 20, 21, 24, 25, 26, 27})
"""No issuer, not yet valid, self-signed, no authority, not for this."""

Files = Callable[[str], "tuple[Path, Path] | None"]
"""Chain and key of the certificate of ours with this host name."""


class TlsTrouble(Exception):
    """TLS as it is wanted cannot be had. ``kind`` is a result type of RFC 8460 4.3."""

    def __init__(self, kind: str, why: str) -> None:
        super().__init__(why)
        self.kind = kind


class ClientContexts:
    """Client contexts, made once per level and certificate of ours."""

    def __init__(
        self, settings: CurrentSettings, files: Files, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._settings = settings
        self._files = files
        self._clock = clock
        self._made: dict[tuple[object, ...], tuple[float, ssl.SSLContext]] = {}
        self._known_store: tuple[ssl.SSLContext, Store] | None = None

    def context(self, level: Level, certificate: str) -> ssl.SSLContext:
        """The context for a level. Raises OSError (ssl.SSLError is one) when a file of ours cannot be read."""
        kind = "verify" if level == "verify" else "may" if level == "may" else "encrypt"
        files = self._files(certificate) if certificate else None
        authorities = self._settings.now[AUTHORITIES] if kind == "verify" else ""
        key = (kind, files, _stamp(files), authorities)
        known = self._made.get(key)
        now = self._clock()
        if known is not None and now - known[0] < FRESH_SECONDS:
            return known[1]
        if len(self._made) > 50:
            self._made.clear()
        context = _new(kind, authorities)
        if files is not None:
            context.load_cert_chain(*files, password=lambda: b"")
        self._made[key] = now, context
        return context

    def good_anyhow(self, layer: ssl.SSLObject, name: str) -> bool:
        """Whether a certificate that nobody asked about is good by the public authorities and names the host."""
        from cryptography import x509
        from cryptography.x509 import verification

        try:
            chain = [x509.load_der_x509_certificate(der) for der in presented(layer)[:LONGEST_CHAIN]]
            verifier = (
                verification.PolicyBuilder()
                .store(self._store())
                .build_server_verifier(x509.DNSName(name.lower().rstrip(".")))
            )
            verifier.verify(chain[0], chain[1:])
        except Exception:  # whatever is odd about a stranger's certificate, it is not good
            return False
        return True

    def _store(self) -> Store:
        """The authorities, read once per context."""
        from cryptography import x509
        from cryptography.x509 import verification

        context = self.context("verify", "")
        if self._known_store is None or self._known_store[0] is not context:
            found = []
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of serial numbers that old authorities gave themselves
                for der in context.get_ca_certs(binary_form=True):
                    try:
                        found.append(x509.load_der_x509_certificate(der))
                    except ValueError:
                        pass
            self._known_store = context, verification.Store(found)
        return self._known_store[1]


def _stamp(files: tuple[Path, Path] | None) -> tuple[int, ...]:
    return tuple(os.stat(path).st_mtime_ns for path in files or ())


def _new(kind: str, authorities: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False  # names are those of the policy, not the one we ask for: see ``check``
    context.verify_mode = ssl.CERT_NONE
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    if kind == "may":
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.set_ciphers(_TOLERANT)
        return context
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_GOOD)
    if kind == "verify":
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context)
        if authorities:
            context.load_verify_locations(authorities)
    return context


def _trust(context: ssl.SSLContext) -> None:
    """The system's authorities, or certifi's where the system has none."""
    context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    paths = ssl.get_default_verify_paths()
    if not paths.cafile and not paths.capath and not context.cert_store_stats()["x509_ca"]:
        try:
            import certifi
        except ImportError:
            return
        context.load_verify_locations(certifi.where())


def server_name(name: str) -> str | None:
    """What is asked for by SNI: a host name, never an address (RFC 6066 3)."""
    good = name and len(name) < 254 and not name.startswith((".", "/")) and ".." not in name
    return name.rstrip(".") if good and name.isascii() and ":" not in name else None


def trouble_of(error: Exception) -> TlsTrouble:
    """What a failed handshake means."""
    if isinstance(error, ssl.SSLCertVerificationError):
        words = error.verify_message or "the certificate is no good"
        if error.verify_code == _EXPIRED:
            return TlsTrouble("certificate-expired", words)
        if error.verify_code in _UNTRUSTED:
            return TlsTrouble("certificate-not-trusted", words)
        return TlsTrouble("validation-failure", words)
    if isinstance(error, ssl.SSLError):
        return TlsTrouble(
            "validation-failure", f"the handshake failed ({(error.reason or 'TLS error').lower()})"
        )
    if isinstance(error, TimeoutError):
        return TlsTrouble("validation-failure", "the handshake took too long")
    return TlsTrouble("validation-failure", f"the handshake failed ({str(error) or 'connection lost'})")


def check(call: Call, level: Level, layer: ssl.SSLObject) -> str:
    """Whether the certificate is the one the policy wants; how it was checked, in words ("" = not at all). Raises
    TlsTrouble."""
    if level == "verify":
        leaf = layer.getpeercert(binary_form=True) or b""
        names = call.policy.names or (call.host.name,)
        if not names_one(leaf, names):
            raise TlsTrouble(
                "certificate-host-mismatch", f"the certificate does not name {' or '.join(names)}"
            )
        return "verified"
    records = usable(call.policy.tlsa) if level == "dane" else ()
    if not records:  # RFC 7672 2.2: then TLS is required, and no certificate is better than another
        return ""
    wrong = who_is_wrong(presented(layer), records, (call.host.name, *call.policy.names))
    if wrong is not None:
        raise TlsTrouble(*wrong)
    return "DANE"


def presented(layer: ssl.SSLObject) -> list[bytes]:
    """The certificates the remote showed, in DER, its own first."""
    if hasattr(layer, "get_unverified_chain"):  # from Python 3.13 on
        return list(layer.get_unverified_chain())
    inner: Any = getattr(layer, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):  # the same, before it was public
        return [ssl.PEM_cert_to_DER_cert(each.public_bytes()) for each in inner.get_unverified_chain() or ()]
    leaf = layer.getpeercert(binary_form=True)
    return [leaf] if leaf else []


def described(layer: ssl.SSLObject, checked: str) -> str:
    """``TLSv1.3 TLS_AES_256_GCM_SHA384, verified``: for the trace."""
    cipher = layer.cipher()
    words = f"{layer.version() or 'TLS'} {cipher[0] if cipher else ''}".strip()
    return f"{words}, {checked}" if checked else words
