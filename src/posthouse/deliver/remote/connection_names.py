"""Whether a certificate names a host (RFC 9525), and names of policies that stand for several (RFC 8461 4.1)."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence


def names_one(der: bytes, wanted: Sequence[str]) -> bool:
    """Whether the certificate is for one of these names or addresses. Only subjectAltName counts. A leading ``*.`` on
    either side is exactly one label."""
    from cryptography import x509

    try:
        certificate = x509.load_der_x509_certificate(der)
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        names = [_plain(name) for name in found.get_values_for_type(x509.DNSName)]
        addresses = {str(address) for address in found.get_values_for_type(x509.IPAddress)}
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return False
    for each in wanted:
        address = _address(each)
        if address:
            if address in addresses:
                return True
        elif any(_match(name, _plain(each)) for name in names):
            return True
    return False


def _plain(name: str) -> str:
    return name.lower().rstrip(".")


def _address(name: str) -> str:
    try:
        return str(ipaddress.ip_address(name.strip("[]")))
    except ValueError:
        return ""


def _match(name: str, wanted: str) -> bool:
    if not name or "*" in name[1:] or "*" in wanted[1:]:
        return False
    if name == wanted:
        return True
    if name.startswith("*.") and wanted.startswith("*."):
        return False
    for pattern, host in ((name, wanted), (wanted, name)):
        if pattern.startswith("*."):
            first, _, parent = host.partition(".")
            return bool(first) and parent == pattern[2:]
    return False
