"""Keys: private ones from PEM, public ones from their DNS records (RFC 6376 3.6, RFC 8301, RFC 8463)."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from typing import Any, Literal

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key

from posthouse.origin.tags import TagError, parse_tags, without_blanks

Algorithm = Literal["rsa-sha256", "ed25519-sha256"]
ALGORITHMS: tuple[Algorithm, ...] = ("rsa-sha256", "ed25519-sha256")

SIGN_BITS = 2048
"""Bits of an RSA key we sign with, at least (RFC 8301 3.2 wants 1024, and recommends this)."""

VERIFY_BITS = 1024
"""Bits of an RSA key we trust, at least (RFC 8301 3.2)."""

MOST_BITS = 4096
"""Bits of an RSA key we work with, at most: larger ones only cost time."""

_PADDING, _SHA256 = PKCS1v15(), hashes.SHA256()


class BadKey(ValueError):
    """A key that cannot be used; the text says why. ``policy``: it could, but is not good enough for us."""

    def __init__(self, text: str, *, policy: bool = False) -> None:
        super().__init__(text)
        self.policy = policy


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """A private key: ``sign`` gives the signature of a text, ``public`` is the ``p=`` of its record."""

    algorithm: Algorithm
    key: Any

    def sign(self, text: bytes) -> bytes:
        """The signature (PKCS #1 v1.5, or Ed25519 over the SHA-256 of the text: RFC 8463 3)."""
        if self.algorithm == "rsa-sha256":
            return bytes(self.key.sign(text, _PADDING, _SHA256))
        return bytes(self.key.sign(hashlib.sha256(text).digest()))

    def __repr__(self) -> str:
        return f"PrivateKey({self.algorithm})"

    @property
    def bits(self) -> int:
        """The size of an RSA key; 256 for Ed25519."""
        return int(self.key.key_size) if self.algorithm == "rsa-sha256" else 256

    @property
    def public(self) -> str:
        """Base64 of the public half, as the record has it."""
        if self.algorithm == "rsa-sha256":
            form, encoding = serialization.PublicFormat.SubjectPublicKeyInfo, serialization.Encoding.DER
        else:
            form, encoding = serialization.PublicFormat.Raw, serialization.Encoding.Raw
        return base64.b64encode(self.key.public_key().public_bytes(encoding, form)).decode()

    @property
    def pem(self) -> str:
        """PKCS #8 in PEM, not encrypted."""
        return str(
            self.key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ).decode()
        )


def make_key(algorithm: Algorithm, bits: int = SIGN_BITS) -> PrivateKey:
    """A new key. An RSA one takes a tenth of a second or several: call it in a thread."""
    if algorithm == "rsa-sha256":
        return PrivateKey(algorithm, generate_private_key(65537, bits))
    return PrivateKey(algorithm, Ed25519PrivateKey.generate())


def read_key(pem: str) -> PrivateKey:
    """A private key from PEM (PKCS #1 or PKCS #8, not encrypted). Raises BadKey."""
    try:
        key = serialization.load_pem_private_key(pem.strip().encode("ascii"), None)
    except TypeError:
        raise BadKey("it is protected by a password") from None
    except Exception:  # every way in which it can be wrong has an error of its own
        raise BadKey("it is no private key in PEM form") from None
    if isinstance(key, RSAPrivateKey):
        if key.key_size < VERIFY_BITS:
            raise BadKey(f"it has {key.key_size} bits, which no receiver trusts (RFC 8301)")
        if key.key_size > MOST_BITS:
            raise BadKey(f"it has {key.key_size} bits; many receivers know no more than {MOST_BITS}")
        return PrivateKey("rsa-sha256", key)
    if isinstance(key, Ed25519PrivateKey):
        return PrivateKey("ed25519-sha256", key)
    raise BadKey("it is neither an RSA nor an Ed25519 key")


def record_of(algorithm: str, public: str) -> str:
    """The TXT record of a key; with ``public`` "" the one that revokes it (RFC 6376 3.6.1)."""
    kind = "ed25519" if algorithm == "ed25519-sha256" else "rsa"
    return f"v=DKIM1; k={kind}; p={public}"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A key as its record has it. ``testing``: t=y, the domain only tries (RFC 6376 3.6.1). ``strict``: t=s, the
    domain of ``i=`` must be that of ``d=``. ``services``: what it is for, ``*`` for everything."""

    algorithm: Algorithm
    key: Any
    bits: int
    testing: bool = False
    strict: bool = False
    hashes: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset(("*",))

    def verifies(self, signature: bytes, text: bytes) -> bool:
        """Whether this is the signature of that text."""
        try:
            if self.algorithm == "rsa-sha256":
                self.key.verify(signature, text, _PADDING, _SHA256)
            else:
                self.key.verify(signature, hashlib.sha256(text).digest())
        except (InvalidSignature, ValueError):
            return False
        return True


def read_record(record: str) -> PublicKey:
    """A key record. Raises BadKey for what is none, for a revoked key, and for one that is too small."""
    try:
        tags = parse_tags(record.encode("utf-8", "surrogateescape"))
    except TagError as error:
        raise BadKey(f"the key record is broken: {error}") from None
    if tags.get("v", b"DKIM1") != b"DKIM1" or ("v" in tags and next(iter(tags)) != "v"):
        raise BadKey("the key record is of another version")
    if "p" not in tags:
        raise BadKey("the key record has no key")
    data = without_blanks(tags["p"])
    if not data:
        raise BadKey("the key is revoked")
    try:
        raw = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise BadKey("the key is no base64") from None
    algorithm, key, bits = _public(tags.get("k", b"rsa").lower(), raw)
    flags = _words(tags.get("t", b""))
    return PublicKey(
        algorithm,
        key,
        bits,
        "y" in flags,
        "s" in flags,
        _words(tags.get("h", b"")),
        _words(tags.get("s", b"*")),
    )


def _public(kind: bytes, raw: bytes) -> tuple[Algorithm, Any, int]:
    if kind == b"ed25519":
        try:
            return "ed25519-sha256", Ed25519PublicKey.from_public_bytes(raw), 256
        except ValueError:
            raise BadKey("the key is no Ed25519 key") from None
    if kind != b"rsa":
        raise BadKey("the key is of an unknown kind")
    if len(raw) > MOST_BITS:  # eight times what is needed
        raise BadKey("the key is too large", policy=True)
    key = _rsa(raw)
    if key.key_size < VERIFY_BITS:
        raise BadKey(f"the key has only {key.key_size} bits", policy=True)
    if key.key_size > MOST_BITS:
        raise BadKey(f"the key has {key.key_size} bits, more than we work with", policy=True)
    return "rsa-sha256", key, key.key_size


def _rsa(raw: bytes) -> RSAPublicKey:
    """SubjectPublicKeyInfo as everybody has it, or the bare RSAPublicKey of the standard's letter."""
    try:
        key = serialization.load_der_public_key(raw)
        if isinstance(key, RSAPublicKey):
            return key
    except Exception:  # every way in which it can be wrong has an error of its own
        pass
    body = base64.encodebytes(raw).decode()
    pem = f"-----BEGIN RSA PUBLIC KEY-----\n{body}-----END RSA PUBLIC KEY-----\n"
    try:
        key = serialization.load_pem_public_key(pem.encode())
    except Exception:
        raise BadKey("the key is no RSA key") from None
    if not isinstance(key, RSAPublicKey):
        raise BadKey("the key is no RSA key")
    return key


def _words(value: bytes) -> frozenset[str]:
    text = without_blanks(value).decode("ascii", "replace").lower()
    return frozenset(filter(None, text.split(":")))
