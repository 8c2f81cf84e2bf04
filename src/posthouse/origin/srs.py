"""SRS: a sender address of ours for mail that is forwarded, and the way back (the guarded scheme of Shevek, 2004).

``ann@a.example`` becomes ``SRS0=HHHH=TT=a.example=ann@ours.example``: a hash nobody else can make, a day stamp, and
where it came from. An address that another forwarder has rewritten already becomes ``SRS1=HHHH=first.example==…``:
it leads back to the first one, not through every one on the way. Hash and day stamp are those of libsrs2, Mail::SRS
and postsrsd, so a server that had one of these goes on with its secret.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from posthouse.mail.address import Address, parse_address

_DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_DAY = 86400
_CYCLE = 1024
"""Days after which day stamps begin anew: two base32 digits."""

_FIRST = re.compile(r"SRS0([=+-])(.*)", re.IGNORECASE | re.DOTALL)
_NEXT = re.compile(r"SRS1([=+-])(.*)", re.IGNORECASE | re.DOTALL)

MOST_LOCAL = 64
"""Octets of a local part (RFC 5321 4.5.3.1.1)."""


class SrsError(ValueError):
    """An address is none of ours, forged, too old or broken; the text says which."""


@dataclass(frozen=True, slots=True)
class Srs:
    """Rewrites for ``domain``. ``secret`` signs; ``former`` ones are still taken on the way back. ``own`` says whether
    a domain is ours (such senders stay). ``separator`` is ``=``, ``+`` or ``-``. ``days`` is how long an address is
    good. ``hash_length`` characters of six bits; shorter ones are taken down to ``least_hash``. ``most_local``: octets
    of the local part that we make."""

    domain: str
    secret: bytes = field(repr=False)
    own: Callable[[str], bool] = lambda domain: False
    former: tuple[bytes, ...] = field(default=(), repr=False)
    separator: str = "="
    days: int = 21
    hash_length: int = 4
    least_hash: int = 4
    most_local: int = MOST_LOCAL

    def __post_init__(self) -> None:
        if self.separator not in ("=", "+", "-") or not self.secret:
            raise ValueError("the separator must be =, + or -, and there must be a secret")
        if not 4 <= self.least_hash <= self.hash_length <= 27 or not 1 <= self.days < _CYCLE:
            raise ValueError("the hash has 4 to 27 characters, an address is good for 1 to 1023 days")

    def forward(self, sender: str, now: float) -> str | None:
        """The sender to forward with. The null path, what has no domain, and senders of ours stay as they are. None
        where the rewritten address would be too long for others: then forward with an address of the one who
        forwards. Raises SrsError for what is no address."""
        if not sender:
            return sender
        address = _parsed(sender)
        if not address.domain or address.domain == self.domain or self.own(address.domain):
            return sender
        local = self._forwarded(address, now)
        if len(local.encode()) > self.most_local:
            return None
        return f"{local}@{self.domain}"

    def reverse(self, recipient: str, now: float) -> str:
        """Where mail for an address that :meth:`forward` made is to go. Raises SrsError; nothing of it may then be
        sent on, or we were an open relay."""
        local = _parsed(recipient).local
        if found := _FIRST.fullmatch(local):
            return self._back_to_sender(found[2], now)
        if found := _NEXT.fullmatch(local):
            return self._back_to_first(found[2])
        raise SrsError("it is no rewritten address")

    @staticmethod
    def looks_rewritten(local: str) -> bool:
        """Whether a local part has the form of a rewritten one."""
        return bool(_FIRST.fullmatch(local) or _NEXT.fullmatch(local))

    # ------------------------------------------------------------------ inside

    def _forwarded(self, address: Address, now: float) -> str:
        local, domain, separator = address.local, _ascii(address.domain), self.separator
        if found := _NEXT.fullmatch(local):
            parts = found[2].split("=", 2)
            if len(parts) == 3 and all(parts):
                _, first, rest = parts
                return f"SRS1{separator}{self._hash(self.secret, first, rest)}={first}={rest}"
        elif (found := _FIRST.fullmatch(local)) and found[2].count("=") >= 3:
            rest = found[1] + found[2]
            return f"SRS1{separator}{self._hash(self.secret, domain, rest)}={domain}={rest}"
        if not _PLAIN.fullmatch(local):
            raise SrsError("its local part needs quotes")
        stamp = _stamp(now)
        return f"SRS0{separator}{self._hash(self.secret, stamp, domain, local)}={stamp}={domain}={local}"

    def _back_to_sender(self, rest: str, now: float) -> str:
        parts = rest.split("=", 3)
        if len(parts) != 4 or not all(parts):
            raise SrsError("it is broken")
        given, stamp, domain, local = parts
        self._check(given, stamp, domain, local)
        self._check_age(stamp, now)
        return str(_parsed(f"{local}@{domain}"))

    def _back_to_first(self, rest: str) -> str:
        parts = rest.split("=", 2)
        if len(parts) != 3 or not all(parts):
            raise SrsError("it is broken")
        given, first, tail = parts
        self._check(given, first, tail)
        if tail[0] not in "=+-":
            raise SrsError("it is broken")
        return str(_parsed(f"SRS0{tail}@{first}"))

    def _check(self, given: str, *parts: str) -> None:
        """Hashes are compared without case: some servers on the way change it."""
        if not self.least_hash <= len(given) <= 27 or not given.isascii():
            raise SrsError("its hash is not ours")
        fine = False
        for secret in (self.secret, *self.former):
            ours = self._hash(secret, *parts, length=len(given))
            fine |= hmac.compare_digest(ours.lower().encode(), given.lower().encode())
        if not fine:
            raise SrsError("its hash is not ours")

    def _hash(self, secret: bytes, *parts: str, length: int = 0) -> str:
        text = "".join(parts).lower().encode()
        # SHA-1 within HMAC is sound, and what every other program of this scheme has.
        digest = hmac.new(secret, text, hashlib.sha1).digest()
        return base64.b64encode(digest).decode("ascii")[: length or self.hash_length]

    def _check_age(self, stamp: str, now: float) -> None:
        if len(stamp) != 2 or any(digit not in _DIGITS for digit in stamp.upper()):
            raise SrsError("its day stamp is none")
        high, low = (_DIGITS.index(digit) for digit in stamp.upper())
        age = (int(now // _DAY) - (high * 32 + low)) % _CYCLE
        # A server whose clock is a little ahead made it "tomorrow".
        if age > self.days and age != _CYCLE - 1:
            raise SrsError("it is too old")


_PLAIN = re.compile(r"[^\s\"\\@<>()\[\],;:]+")


def _stamp(now: float) -> str:
    day = int(now // _DAY) % _CYCLE
    return _DIGITS[day >> 5] + _DIGITS[day & 31]


def _ascii(domain: str) -> str:
    if domain.isascii():
        return domain
    import idna

    try:
        return idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise SrsError("its domain is none") from None


def _parsed(text: str) -> Address:
    """An address; its local part may be longer than the standard allows, as rewritten ones of others are."""
    local, at, domain = text.rpartition("@")
    if at and len(local) > MOST_LOCAL and len(text) < 1000 and _PLAIN.fullmatch(local):
        return Address(local, _parsed(f"x@{domain}").domain)
    try:
        return parse_address(text)
    except ValueError as error:
        raise SrsError(f"it is no address: {error}") from None
