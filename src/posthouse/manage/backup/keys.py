"""Who can read a backup.

A place holds one repository. Its *secret* (32 random bytes) is known to the server: it names and signs objects and
opens the lists of a backup, and cannot read mail. Rows and messages are sealed for a public key; the private key is
the *recovery key*, shown once when the repository is made, or follows from a passphrase.

The recovery key also carries a fingerprint of the secret: whoever can write to the place, but has not seen the
recovery key, cannot make up a repository that it would accept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from dataclasses import dataclass, field
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from posthouse.manage.backup.sealing import Damaged, derive, public_of, seal, unseal

FORMAT = 1
PREFIX = "PHKEY1"
MIN_PASSPHRASE = 12
MAX_CONFIG = 16 * 1024

Protection = Literal["key", "passphrase", "none"]

_SCRYPT_N = 1 << 16
_GROUP = 5


class WrongKey(Exception):
    """The recovery key or passphrase does not open this repository; the text and ``mend`` are sentences."""

    def __init__(self, what: str, mend: str = "Give the right one; nobody else has a copy.") -> None:
        super().__init__(what)
        self.mend = mend


class Descriptor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``posthouse-backup.json`` of a place. ``wrapped``: the secret, sealed for the public key. ``salt`` and
    ``tag`` (passphrase): what scrypt takes, and a signature over the secret that only the passphrase makes. ``key``
    (no protection): the recovery key itself. ``mark``: a signature over the rest by the secret, so that the server,
    which cannot open ``wrapped``, knows its own place."""

    format: int
    protection: Protection
    wrapped: bytes
    salt: bytes = b""
    tag: bytes = b""
    key: str = ""
    mark: bytes = b""


@dataclass(frozen=True, slots=True)
class Keys:
    """What somebody can do with a repository: ``private`` is None for the server, which cannot read mail."""

    secret: bytes = field(repr=False)
    recipient: bytes = field(repr=False)
    private: bytes | None = field(default=None, repr=False)
    names: bytes = field(default=b"", repr=False)
    marks: bytes = field(default=b"", repr=False)
    lists: bytes = field(default=b"", repr=False)

    @classmethod
    def of(cls, secret: bytes, recipient: bytes, private: bytes | None = None) -> Keys:
        """The keys that follow from the secret."""
        return cls(
            secret,
            recipient,
            private,
            derive(secret, b"names"),
            derive(secret, b"marks"),
            derive(secret, b"lists"),
        )


def make(protection: Protection, passphrase: str = "") -> tuple[Descriptor, Keys, str]:
    """A new repository's descriptor and keys, and the recovery key to show ("" with a passphrase)."""
    secret = os.urandom(32)
    if protection == "passphrase":
        salt = os.urandom(16)
        private, signing = _stretched(passphrase, salt)
        tag = hmac.digest(signing, secret, "sha256")
        recipient = public_of(private)
        wrapped = b"".join(seal(recipient, [secret]))
        descriptor = Descriptor(FORMAT, protection, wrapped, salt, tag)
        return _marked(descriptor, secret), Keys.of(secret, recipient, private), ""
    private = os.urandom(32)
    recipient = public_of(private)
    wrapped = b"".join(seal(recipient, [secret]))
    text = write_key(private, secret)
    descriptor = Descriptor(FORMAT, protection, wrapped, key=text if protection == "none" else "")
    return _marked(descriptor, secret), Keys.of(secret, recipient, private), text


def belongs(descriptor: Descriptor, secret: bytes) -> bool:
    """Whether this is the descriptor of the repository with this secret: what is written there can be opened with the
    recovery key that goes with it, and no other."""
    return hmac.compare_digest(_marked(descriptor, secret).mark, descriptor.mark)


def _marked(descriptor: Descriptor, secret: bytes) -> Descriptor:
    plain = msgspec.json.encode(msgspec.structs.replace(descriptor, mark=b""))
    mark = hmac.digest(derive(secret, b"descriptor"), plain, "sha256")
    return msgspec.structs.replace(descriptor, mark=mark)


def open_with(descriptor: Descriptor, text: str) -> Keys:
    """All keys, from the recovery key or the passphrase. Raises WrongKey."""
    text = (text or descriptor.key).strip()
    try:
        if descriptor.protection == "passphrase":
            private, signing = _stretched(text, descriptor.salt)
            secret = b"".join(unseal(private, [descriptor.wrapped]))
            good = hmac.compare_digest(hmac.digest(signing, secret, "sha256"), descriptor.tag)
        else:
            private, mark = read_key(text)
            secret = b"".join(unseal(private, [descriptor.wrapped]))
            good = hmac.compare_digest(_fingerprint(secret), mark)
    except Damaged:
        good = False
    if not good or len(secret) != 32:
        kind = "passphrase" if descriptor.protection == "passphrase" else "recovery key"
        raise WrongKey(f"The {kind} does not open the backups in this place.")
    return Keys.of(secret, public_of(private), private)


def write_key(private: bytes, secret: bytes) -> str:
    """The recovery key as text for paper: groups of letters and digits, with a checksum."""
    raw = private + _fingerprint(secret)
    text = base64.b32encode(raw + hashlib.sha256(raw).digest()[:2]).decode()
    groups = [text[start : start + _GROUP] for start in range(0, len(text), _GROUP)]
    return "-".join([PREFIX, *groups])


def read_key(text: str) -> tuple[bytes, bytes]:
    """The private key and the secret's fingerprint in a recovery key. Raises WrongKey."""
    plain = "".join(text.split()).replace("-", "").upper()
    try:
        raw = base64.b32decode(plain.removeprefix(PREFIX).encode())
    except ValueError:
        raw = b""
    if not plain.startswith(PREFIX) or len(raw) != 50:
        raise WrongKey(f"This is no recovery key: it begins with {PREFIX} and has 16 groups of 5.")
    if hashlib.sha256(raw[:48]).digest()[:2] != raw[48:]:
        raise WrongKey("The recovery key has a mistake in it: its checksum is wrong.")
    return raw[:32], raw[32:48]


def read_descriptor(content: bytes) -> Descriptor:
    """The descriptor of a place. Raises Damaged."""
    try:
        found = msgspec.json.decode(content, type=Descriptor)
    except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError):
        raise Damaged("posthouse-backup.json cannot be read") from None
    if found.format != FORMAT:
        raise Damaged(f"posthouse-backup.json has format {found.format}, this program knows {FORMAT}")
    return found


def _stretched(passphrase: str, salt: bytes) -> tuple[bytes, bytes]:
    """A private key and a signing key (64 MiB of memory, a fraction of a second)."""
    if not passphrase:
        raise WrongKey("The passphrase is missing.")
    made = Scrypt(salt=salt, length=64, n=_SCRYPT_N, r=8, p=1).derive(passphrase.encode())
    return made[:32], made[32:]


def _fingerprint(secret: bytes) -> bytes:
    return derive(secret, b"fingerprint")[:16]
