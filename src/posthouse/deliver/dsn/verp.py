"""Variable envelope return paths: a sender address that says which recipient a bounce is about, and cannot be made up.

``lists@example.org`` writing to ``anna@example.net`` sends from
``lists+k3v5xq7mza-anna=example.net@example.org``; the ten letters are a keyed hash over both addresses. All is in
characters that every server keeps, and upper and lower case make no difference.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b32encode
from collections.abc import Sequence
from dataclasses import dataclass

from posthouse.mail.address import MAX_LOCAL, Address, parse_address

_MARK_LENGTH = 10
_PLAIN = re.compile(r"[a-z0-9._-]")
_ESCAPED = re.compile(r"\+([0-9a-f]{2})")
_MARK = re.compile(rf"\+([a-z2-7]{{{_MARK_LENGTH}}})-")


@dataclass(frozen=True, slots=True)
class Path:
    """What a return path says: who sent, and to whom (both in lower case)."""

    sender: Address
    recipient: Address


def encode(sender: Address, recipient: Address, key: bytes) -> Address | None:
    """The return path for mail from ``sender`` to ``recipient``; None where it would be longer than the 64 octets of a
    local part (RFC 5321 4.5.3.1.1): then the sender's own address has to do."""
    rest = f"{_escape(recipient.local.lower())}={_escape(_ascii(recipient.domain))}"
    local = f"{sender.local}+{_mark(sender.key, recipient.key, key)}-{rest}"
    if len(local.encode()) > MAX_LOCAL:
        return None
    return Address(local, sender.domain)


def decode(address: Address, keys: Sequence[bytes]) -> Path | None:
    """Sender and recipient of a return path that was made with one of the keys (the newest first); None for any other
    address."""
    local = address.local.lower()
    if len(local) > MAX_LOCAL:
        return None
    for found in _MARK.finditer(local):
        path = _path(local[: found.start()], address.domain, local[found.end() :])
        if path is None:
            continue
        for key in keys:
            if hmac.compare_digest(found[1], _mark(path.sender.key, path.recipient.key, key)):
                return path
    return None


def _path(sender: str, domain: str, rest: str) -> Path | None:
    local, equals, recipient_domain = rest.rpartition("=")
    if not sender or not equals:
        return None
    try:
        name, host = _unescape(local), _unescape(recipient_domain)
        recipient = Address(name, parse_address(f"x@{host}").domain)
    except ValueError:
        return None
    return Path(Address(sender, domain), recipient)


def _mark(sender: str, recipient: str, key: bytes) -> str:
    digest = hmac.new(key, f"verp\0{sender}\0{recipient}".encode(), hashlib.sha256).digest()
    return b32encode(digest).decode("ascii").lower()[:_MARK_LENGTH]


def _escape(text: str) -> str:
    return "".join(
        each if _PLAIN.fullmatch(each) else "".join(f"+{byte:02x}" for byte in each.encode()) for each in text
    )


def _unescape(text: str) -> str:
    """Raises ValueError for what is no UTF-8."""
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text).encode("latin-1").decode("utf-8")


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        return domain
