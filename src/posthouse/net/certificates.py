"""Certificates as files: what is in them, and the one the server makes for itself."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import os
import ssl
import tempfile
from collections.abc import Sequence
from pathlib import Path

VALID_DAYS = 365
RENEW_DAYS = 30
"""A self-made certificate is replaced when fewer days are left."""

KEPT_FORMER = 3
"""Self-made certificates that are kept to come back, besides the one in use."""

_CLOCK_SKEW = datetime.timedelta(hours=1)


def fingerprint(pem: bytes) -> str:
    """The SHA-256 fingerprint of the first certificate in a PEM file, as ``AB:CD:…``. Raises ValueError."""
    text = pem.decode("ascii", "replace")
    begin = text.find("-----BEGIN CERTIFICATE-----")
    end = text.find("-----END CERTIFICATE-----", begin)
    if begin < 0 or end < 0:
        raise ValueError("no certificate in this file")
    der = ssl.PEM_cert_to_DER_cert(text[begin:end] + "-----END CERTIFICATE-----\n")
    return ":".join(f"{byte:02X}" for byte in hashlib.sha256(der).digest())


def end_of(pem: bytes) -> float:
    """When the first certificate of a PEM text ends, in seconds since 1970. Raises ValueError."""
    from cryptography import x509

    return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()


def names_in(pem: bytes) -> list[str]:
    """The DNS names a certificate is for, in lower case (RFC 6125: subjectAltName only)."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(pem)
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]


class SelfMade:
    """The certificate the server makes for itself: P-256, about a year, renewed in time.

    Key and certificate are in one file of mode 0600, so that replacing it is atomic. ``hosts`` are DNS names
    or IP addresses; the first is the subject.
    """

    def __init__(self, folder: Path, hosts: Sequence[str]) -> None:
        self.path = folder / "self-made.pem"
        self._hosts = list(dict.fromkeys(_ascii(host) for host in hosts if host))

    def answer_to(self, host: str) -> bool:
        """Be for this host name, too, from the next :meth:`ensure` on; whether that is new."""
        name = _ascii(host)
        if name in self._hosts:
            return False
        self._hosts.insert(0, name)
        return True

    @classmethod
    def of(cls, data: str, hostname: str) -> SelfMade:
        """The one of the server with this data folder and name."""
        return cls(Path(data) / "tls", [hostname, "localhost", "127.0.0.1", "::1"])

    def ensure(self, now: datetime.datetime | None = None) -> Path:
        """Make or renew it where that is needed; the path of the file. Raises OSError."""
        now = now or datetime.datetime.now(datetime.UTC)
        if not self._good(now):
            self._make(now)
        return self.path

    def renew(self) -> Path:
        """Make a new one in any case; the path of the file. The former is kept beside it, for :meth:`restore`.
        Raises OSError."""
        try:
            former = self._former(fingerprint(self.path.read_bytes()))
            former.unlink(missing_ok=True)
            os.link(self.path, former)
            os.utime(former)
            self._tidy()
        except (FileNotFoundError, ValueError):
            pass
        self._make(datetime.datetime.now(datetime.UTC))
        return self.path

    def restore(self, wanted: str) -> bool:
        """Put the one with this fingerprint back in its place. False when it is not there any more. Raises
        OSError."""
        try:
            if fingerprint(self.path.read_bytes()) == wanted:
                return True
            os.replace(self._former(wanted), self.path)
        except (FileNotFoundError, ValueError):
            return False
        return True

    def _tidy(self) -> None:
        """Keep the newest few of the former ones: each holds a key."""
        former = sorted(self.path.parent.glob("former-*.pem"), key=lambda path: path.stat().st_mtime)
        for path in former[:-KEPT_FORMER]:
            path.unlink(missing_ok=True)

    def _former(self, of: str) -> Path:
        return self.path.with_name(f"former-{of.replace(':', '')[:32].lower()}.pem")

    def _good(self, now: datetime.datetime) -> bool:
        from cryptography import x509

        try:
            pem = self.path.read_bytes()
            certificate = x509.load_pem_x509_certificate(pem)
            extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (OSError, ValueError, x509.ExtensionNotFound):
            return False
        have = {*extension.get_values_for_type(x509.DNSName)}
        have |= {str(address) for address in extension.get_values_for_type(x509.IPAddress)}
        left = certificate.not_valid_after_utc - now
        return have >= set(self._hosts) and left > datetime.timedelta(days=RENEW_DAYS)

    def _make(self, now: datetime.datetime) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.oid.NameOID.COMMON_NAME, self._hosts[0][:64])])
        usage = x509.KeyUsage(True, False, False, False, False, False, False, False, False)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _CLOCK_SKEW)
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
            .add_extension(x509.SubjectAlternativeName([_general_name(host) for host in self._hosts]), False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), True)
            .add_extension(usage, True)
            .add_extension(x509.ExtendedKeyUsage([x509.oid.ExtendedKeyUsageOID.SERVER_AUTH]), False)
            .sign(key, hashes.SHA256())
        )
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        self._write(private + certificate.public_bytes(serialization.Encoding.PEM))

    def _write(self, pem: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor, temporary = tempfile.mkstemp(dir=self.path.parent, prefix=".self-made-")  # mode 0600
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(pem)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, self.path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def _ascii(host: str) -> str:
    """A host name as it stands in a certificate: A-labels, lower case."""
    import idna

    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        pass
    try:
        return idna.encode(host, uts46=True).decode("ascii").lower()
    except idna.IDNAError:
        return host.lower()


def _general_name(host: str):  # type: ignore[no-untyped-def]
    from cryptography import x509

    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
