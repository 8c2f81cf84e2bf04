"""Looking at certificates in PEM: what they say, and whether a given one can be used. cryptography is imported only
when that is needed."""

from __future__ import annotations

import datetime
import ipaddress
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from posthouse.manage.errors import ManageError
from posthouse.net.certificates import fingerprint, names_in

LARGEST_PEM = 256 * 1024
MOST_HOSTS = 100

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_KEY = re.compile(r"-----BEGIN ((?:RSA |EC |ENCRYPTED )?PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Facts:
    """What a certificate says. Times are seconds since 1970."""

    hosts: tuple[str, ...]
    issuer: str
    fingerprint: str
    not_before: float
    not_after: float


@dataclass(frozen=True, slots=True)
class Usable:
    """A certificate that was given and found good: the chain with the leaf first, and the key alone."""

    chain: str
    key: str
    facts: Facts


def facts_of(pem: str) -> Facts:
    """What the first certificate in ``pem`` says. Raises ValueError."""
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(pem.encode())
    return Facts(
        hosts=tuple(names_in(pem.encode())),
        issuer=_issuer(certificate),
        fingerprint=fingerprint(pem.encode()),
        not_before=certificate.not_valid_before_utc.timestamp(),
        not_after=certificate.not_valid_after_utc.timestamp(),
    )


def _issuer(certificate: Any) -> str:
    from cryptography.x509.oid import NameOID

    for kind in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME):
        found = [str(each.value) for each in certificate.issuer.get_attributes_for_oid(kind)]
        common = certificate.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
        if found:
            name = f"{found[0]} ({common[0].value})" if kind != NameOID.COMMON_NAME and common else found[0]
            return "".join(char if char.isprintable() else " " for char in name)[:300]
    return "nobody named"


def host_names(texts: Sequence[str]) -> tuple[str, ...]:
    """Host names as they stand in certificates (A-labels, lower case), each once; ``*.`` may lead. Raises
    ManageError."""
    found = list(dict.fromkeys(_host_name(text) for text in texts if text.strip()))
    if not found:
        raise ManageError("invalid", "No host name is given.", "Name at least one, such as mail.example.org.")
    if len(found) > MOST_HOSTS:
        raise ManageError(
            "invalid",
            f"{len(found)} host names are more than one certificate may have.",
            f"Give at most {MOST_HOSTS}.",
        )
    return tuple(found)


def _host_name(text: str) -> str:
    import idna

    plain = text.strip().rstrip(".").lower()
    star, name = ("*.", plain[2:]) if plain.startswith("*.") else ("", plain)
    try:
        ipaddress.ip_address(name)
    except ValueError:
        pass
    else:
        raise ManageError("invalid", f"{text.strip()[:100]} is an IP address.", "Give a host name.")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii").lower()
        except idna.IDNAError:
            name = ""
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):
        shown = text.strip()[:100]
        raise ManageError("invalid", f"{shown!r} is no host name.", "Give one such as mail.example.org.")
    return star + name


def check_given(chain: str, key: str, now: float | None = None) -> Usable:
    """Whether this chain and key can be used, and what of them. ``key`` "" looks for the key among ``chain``, too.
    Raises ManageError in words about the very thing that is wrong."""
    if len(chain) > LARGEST_PEM or len(key) > LARGEST_PEM:
        raise _bad("This is far too large for a certificate.", "Give the PEM file of one certificate.")
    certificates = _load_certificates(chain)
    private, private_pem = _load_key(key or chain)
    public = _public_bytes(private.public_key())
    leaves = [each for each in certificates if _public_bytes(each.public_key()) == public]
    if not leaves:
        raise _bad(
            "The key belongs to none of these certificates.", "Give the key the certificate was made with."
        )
    ordered = _in_order(leaves[0], certificates)
    pem = "".join(_pem(each) for each in ordered)
    facts = facts_of(pem)
    if not facts.hosts:
        raise _bad(
            "The certificate names no host (subjectAltName): no client accepts it.",
            "Have it issued for host names.",
        )
    moment = time.time() if now is None else now
    if facts.not_after <= moment:
        raise _bad(f"The certificate expired on {_day(facts.not_after)}.", "Give one that is valid.")
    if facts.not_before > moment + 86400:
        raise _bad(f"The certificate is valid from {_day(facts.not_before)} on only.", "Add it then.")
    return Usable(pem, private_pem, facts)


def _load_certificates(text: str) -> list[Any]:
    from cryptography import x509

    found = _CERTIFICATE.findall(text)
    if not found:
        raise _bad("There is no certificate in it.", "Give PEM text: it has lines BEGIN CERTIFICATE.")
    if len(found) > 20:
        raise _bad(
            f"{len(found)} certificates are too many for a chain.", "Give the chain of one certificate."
        )
    try:
        return [x509.load_pem_x509_certificate(each.encode()) for each in found]
    except (ValueError, UnicodeEncodeError):
        raise _bad("A certificate in it is damaged.", "Copy the whole file, unchanged.") from None


def _load_key(text: str) -> tuple[Any, str]:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, rsa

    match = _KEY.search(text)
    if match is None:
        raise _bad("There is no private key in it.", "Give PEM text: it has a line BEGIN PRIVATE KEY.")
    try:
        key = serialization.load_pem_private_key(match[0].encode(), password=None)
    except TypeError:
        mend = "Take the passphrase off first: openssl pkey -in KEY -out PLAIN-KEY."
        raise _bad("The key is encrypted with a passphrase.", mend) from None
    except (ValueError, UnicodeEncodeError, UnsupportedAlgorithm):
        raise _bad("The private key is damaged.", "Copy the whole file, unchanged.") from None
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 2048:
            raise _bad(
                f"An RSA key of {key.key_size} bits is too weak.", "Have one made of 2048 bits or more."
            )
    elif not isinstance(key, ec.EllipticCurvePrivateKey):
        raise _bad("Clients do not know this kind of key.", "Use an RSA or an ECDSA key.")
    plain = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key, plain.decode()


def _in_order(leaf: Any, certificates: Sequence[Any]) -> list[Any]:
    """Leaf first, then whoever issued the one before. Raises ManageError when the issuer is not named and what is
    left over does not belong."""
    ordered = [leaf]
    rest = [each for each in certificates if each != leaf]
    while rest:
        last = ordered[-1]
        above = next((each for each in rest if _issued(each, last)), None)
        if above is None:
            stray = rest[0].subject.rfc4514_string()[:200]
            raise _bad(
                f"The certificate of {stray!r} has no place in the chain.",
                "Give the certificate and the intermediate certificates that lead to its authority, nothing else.",
            )
        ordered.append(above)
        rest = [each for each in rest if each != above]
    return ordered


def _issued(authority: Any, certificate: Any) -> bool:
    from cryptography.exceptions import InvalidSignature

    try:
        certificate.verify_directly_issued_by(authority)
    except (InvalidSignature, TypeError, ValueError):
        return False
    return True


def _public_bytes(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    found: bytes = key.public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return found


def _pem(certificate: Any) -> str:
    from cryptography.hazmat.primitives import serialization

    found: bytes = certificate.public_bytes(serialization.Encoding.PEM)
    return found.decode()


def _bad(what: str, mend: str) -> ManageError:
    return ManageError("invalid", what, mend)


def _day(moment: float) -> str:
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime("%Y-%m-%d")
