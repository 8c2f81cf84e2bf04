"""Mail addresses: ``local-part@domain`` as values (RFC 5321 4.1.2, RFC 6531, RFC 5890)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from unicodedata import normalize

MAX_LOCAL = 64
"""Octets of a local part as written (RFC 5321 4.5.3.1.1)."""

MAX_DOMAIN = 255
"""Octets of a domain in its ASCII form (RFC 5321 4.5.3.1.2)."""

MAX_ADDRESS = 254
"""Octets of a whole address: a path of 256 without its angle brackets (RFC 5321 4.5.3.1.3)."""

# Non-ASCII is allowed by RFC 6531; the C1 controls and lone surrogates are not characters anyone mails to.
_UTF8 = "\u00a0-\ud7ff\ue000-\U0010ffff"
_ATOM = rf"[A-Za-z0-9!#$%&'*+\-/=?^_`{{|}}~{_UTF8}]+"
_DOT_STRING = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_QUOTED_STRING = re.compile(rf'"((?:[ !#-\[\]-~{_UTF8}]|\\[ -~])*)"')
_QUOTED_PAIR = re.compile(r"\\(.)")
_NEEDS_ESCAPE = re.compile(r'(["\\])')

# Underscores are not host names by the letter, but real senders have them, and DNS carries them.
_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_DOMAIN = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox address.

    ``local`` is the local part with quoting removed, ``domain`` the lower-case domain in its U-label form
    (``"[192.0.2.1]"`` for address literals, ``""`` only for the bare ``postmaster``).
    """

    local: str
    domain: str

    def __str__(self) -> str:
        """The address as written in SMTP, its local part quoted where RFC 5321 asks for it."""
        local = self.local
        if not _DOT_STRING.fullmatch(local):
            local = '"' + _NEEDS_ESCAPE.sub(r"\\\1", local) + '"'
        return f"{local}@{self.domain}" if self.domain else local

    @property
    def key(self) -> str:
        """The form used for look-ups: local part and domain in lower case and NFC, never quoted."""
        text = f"{self.local}@{self.domain}" if self.domain else self.local
        if text.isascii():
            return text.lower()
        return normalize("NFC", text.lower())


@lru_cache(maxsize=2048)
def parse_address(text: str) -> Address:
    """Parse one bare address (no angle brackets, no display name). Raises ValueError with a plain reason."""
    if len(text) > MAX_ADDRESS or (not text.isascii() and len(_encode(text)) > MAX_ADDRESS):
        raise ValueError("it is too long")
    local, rest = _local_part(text)
    if not rest:
        if local.lower() == "postmaster":
            return Address(local, "")
        raise ValueError("it has no domain")
    if rest[0] != "@":
        raise ValueError("the part before the @ is missing or has signs that cannot stand there")
    return Address(local, parse_domain(rest[1:]))


def _local_part(text: str) -> tuple[str, str]:
    """The unquoted local part and what follows it."""
    if text.startswith('"'):
        found = _QUOTED_STRING.match(text)
        if found is None:
            raise ValueError("the quoted part before the @ is not written right")
        local = _QUOTED_PAIR.sub(r"\1", found[1])
    else:
        found = _DOT_STRING.match(text)
        if found is None:
            raise ValueError("the part before the @ is missing or has signs that cannot stand there")
        local = found[0]
    if len(_encode(found[0])) > MAX_LOCAL:
        raise ValueError("the part before the @ is too long")
    return local, text[found.end() :]


def parse_domain(text: str) -> str:
    """A domain or address literal in its normal form: lower case, U-labels. Raises ValueError with a plain reason."""
    if text.startswith("["):
        return _literal(text)
    if text.isascii():
        domain = text.lower()
        if len(domain) > MAX_DOMAIN or not _DOMAIN.fullmatch(domain):
            raise ValueError("a domain is made of letters, digits and dashes, with single dots between")
        if "xn--" not in domain:
            return domain
        return _to_unicode(domain)
    return _to_unicode(_to_ascii(text))


def _to_ascii(domain: str) -> str:
    """The A-label form of a domain that has non-ASCII characters (RFC 5891, mapped by UTS 46)."""
    import idna  # its tables are needed for few addresses only

    try:
        encoded = idna.encode(domain, uts46=True).decode("ascii").lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("the domain has signs that no domain name can have") from error
    if len(encoded) > MAX_DOMAIN or not _DOMAIN.fullmatch(encoded):
        raise ValueError("a domain is made of letters, digits and dashes, with single dots between")
    return encoded


def _to_unicode(domain: str) -> str:
    """The U-label form of an ASCII domain with A-labels."""
    import idna

    try:
        return idna.decode(domain).lower()
    except (idna.IDNAError, UnicodeError) as error:
        raise ValueError("the domain has signs that no domain name can have") from error


def _literal(text: str) -> str:
    """An address literal (RFC 5321 4.1.3) in its shortest form."""
    if not text.endswith("]"):
        raise ValueError("the IP address in brackets is not written right")
    inner = text[1:-1]
    try:
        if inner[:5].lower() == "ipv6:":
            if "%" in inner:
                raise ValueError("the IP address in brackets is not written right")
            return f"[IPv6:{IPv6Address(inner[5:])}]"
        return f"[{IPv4Address(inner)}]"
    except AddressValueError as error:
        raise ValueError("the IP address in brackets is not written right") from error


def _encode(text: str) -> bytes:
    """UTF-8, for counting octets; lone surrogates count too."""
    return text.encode("utf-8", "surrogatepass")
