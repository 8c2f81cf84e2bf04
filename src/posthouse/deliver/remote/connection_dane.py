"""Certificates and TLSA records (RFC 6698, RFC 7671, RFC 7672 for SMTP): usages DANE-TA(2) and DANE-EE(3)."""

from __future__ import annotations

import datetime
import hashlib
import hmac
from collections.abc import Sequence
from typing import TYPE_CHECKING

from posthouse.deliver.remote.connection_names import names_one

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

Tlsa = tuple[int, int, int, bytes]

TA, EE = 2, 3
LONGEST_CHAIN = 10

Wrong = tuple[str, str]
"""A result type of RFC 8460 and why, in words."""

_LENGTHS = {1: 32, 2: 64}


def usable(records: Sequence[Tlsa]) -> tuple[Tlsa, ...]:
    """Those we know what to make of (RFC 7672 3.1: usages 0 and 1 are not for SMTP)."""
    return tuple(
        record
        for record in records
        if record[0] in (TA, EE)
        and record[1] in (0, 1)
        and ((record[2] == 0 and record[3]) or len(record[3]) == _LENGTHS.get(record[2], -1))
    )


def who_is_wrong(
    chain: Sequence[bytes],
    records: Sequence[Tlsa],
    names: Sequence[str],
    now: datetime.datetime | None = None,
) -> Wrong | None:
    """None when one of the records is for this chain (DER, the server's own first). For DANE-EE neither names nor dates
    count (RFC 7672 3.1.1); for DANE-TA both do (3.1.2)."""
    from cryptography import x509

    try:
        certificates = [x509.load_der_x509_certificate(der) for der in chain[:LONGEST_CHAIN]]
    except ValueError:
        return "validation-failure", "the certificates cannot be read"
    if not certificates:
        return "validation-failure", "no certificate was shown"
    if any(record[0] == EE and _is(certificates[0], record) for record in records):
        return None
    anchors = [record for record in records if record[0] == TA]
    if not anchors:
        return "tlsa-invalid", "the certificate is not one of those that TLSA records name"
    return _by_anchor(certificates, anchors, names, now or datetime.datetime.now(datetime.UTC))


def _is(certificate: Certificate, record: Tlsa) -> bool:
    """Whether a record is for this certificate."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    _, selector, matching, data = record
    try:
        if selector == 0:
            what = certificate.public_bytes(Encoding.DER)
        else:
            what = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    except Exception:  # a key of a kind that is not known
        return False
    if matching:
        what = hashlib.new("sha256" if matching == 1 else "sha512", what).digest()
    return hmac.compare_digest(what, data)


def _by_anchor(
    shown: list[Certificate], records: Sequence[Tlsa], names: Sequence[str], now: datetime.datetime
) -> Wrong | None:
    """Walk from the server's certificate from issuer to issuer until one is named by a record."""
    from cryptography.hazmat.primitives.serialization import Encoding

    others = shown[1:] + _anchors_in(records)
    path = [shown[0]]
    expired = False
    while True:
        last = path[-1]
        if not last.not_valid_before_utc <= now <= last.not_valid_after_utc:
            expired = True
        if len(path) > 1 and any(_is(last, record) for record in records):  # a server's own one is no anchor
            break
        issuer = next(
            (each for each in others if each not in path and _issued(last, each, len(path) - 1)), None
        )
        if issuer is None:
            return "tlsa-invalid", "no authority that TLSA records name issued the certificate"
        path.append(issuer)
    if expired:
        return "certificate-expired", "a certificate of the chain has expired or is not valid yet"
    if not names_one(shown[0].public_bytes(Encoding.DER), names):
        return (
            "certificate-host-mismatch",
            f"the certificate does not name {' or '.join(dict.fromkeys(names))}",
        )
    return None


def _anchors_in(records: Sequence[Tlsa]) -> list[Certificate]:
    """Authorities that stand in the records whole (2 0 0): the server need not show them."""
    from cryptography import x509

    found = []
    for _, selector, matching, data in records:
        if (selector, matching) == (0, 0):
            try:
                found.append(x509.load_der_x509_certificate(data))
            except ValueError:
                pass
    return found


def _issued(certificate: Certificate, issuer: Certificate, below: int) -> bool:
    """Whether ``issuer`` is an authority, may have ``below`` authorities under it, and signed this certificate."""
    from cryptography import x509

    try:
        basic = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not basic.ca or (basic.path_length is not None and basic.path_length < below):
            return False
        if not _may_sign(issuer):
            return False
        certificate.verify_directly_issued_by(issuer)
    except Exception:  # no such extension, another name, another key, a signature of a kind that is not known
        return False
    return True


def _may_sign(issuer: Certificate) -> bool:
    from cryptography import x509

    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True
