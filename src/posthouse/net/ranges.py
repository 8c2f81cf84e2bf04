"""IP ranges: what a peer may do here, found by its address in well under a microsecond.

Ranges may overlap; the one with the highest priority rules (of equal ones the smaller, then the first by name). That
is worked out once, when the ranges change: what is left is a row of places where another range begins to rule.
"""

from __future__ import annotations

import heapq
import ipaddress
import math
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntFlag

from posthouse.net.peer import plain_address

MOST_SEEN = 20_000
"""Addresses whose range is remembered; then it is begun anew."""


class Option(IntFlag):
    """What a range permits and demands. The numbers are hMailServer's (``rangeoptions``), so that its ranges come over
    as they are; those it has no word for lie beyond its own. ``L`` is local, ``E`` external: sender, then recipient."""

    SMTP = 1
    POP3 = 2
    IMAP = 8
    DELIVER_LL = 64
    DELIVER_LE = 128
    DELIVER_EL = 256
    DELIVER_EE = 512
    SPAM = 1024
    VIRUS = 4096
    SIGN_IN_LL = 8192
    SIGN_IN_LE = 16384
    SIGN_IN_EL = 32768
    SIGN_IN_EE = 65536
    TLS = 131072
    SUBMISSION = 262144
    WEB = 524288


PROTOCOLS = {
    "smtp": Option.SMTP,
    "lmtp": Option.SMTP,
    "submission": Option.SUBMISSION,
    "imap": Option.IMAP,
    "pop3": Option.POP3,
    "http": Option.WEB,
    "web": Option.WEB,
    "api": Option.WEB,
}
DELIVER = {
    (True, True): Option.DELIVER_LL,
    (True, False): Option.DELIVER_LE,
    (False, True): Option.DELIVER_EL,
    (False, False): Option.DELIVER_EE,
}
"""By whether the sender and whether the recipient is local."""
SIGN_IN = {
    (True, True): Option.SIGN_IN_LL,
    (True, False): Option.SIGN_IN_LE,
    (False, True): Option.SIGN_IN_EL,
    (False, False): Option.SIGN_IN_EE,
}

CONNECT = Option.SMTP | Option.POP3 | Option.IMAP | Option.SUBMISSION | Option.WEB
THIS_COMPUTER = (
    CONNECT
    | Option.DELIVER_LL
    | Option.DELIVER_LE
    | Option.DELIVER_EL
    | Option.DELIVER_EE
    | Option.SIGN_IN_LE
    | Option.SIGN_IN_EE
    | Option.SPAM
    | Option.VIRUS
)
INTERNET = THIS_COMPUTER | Option.TLS
"""What ranges are made with: everybody may connect and send to us; who sends elsewhere signs in, under TLS."""


@dataclass(frozen=True, slots=True)
class Range:
    """Addresses from ``first`` to ``last`` of one family (``version`` 4 or 6) and what they may do. ``until`` is in
    seconds since 1970, 0 for ever. ``connections`` open at once and ``connection_rate`` new ones in a minute, both of
    one address; ``message_rate`` messages in a minute of one address; 0: not limited here."""

    name: str
    version: int
    first: int
    last: int
    priority: int
    options: int
    until: float = 0.0
    connections: int = 0
    connection_rate: int = 0
    message_rate: int = 0

    def connects(self, protocol: str) -> bool:
        """Whether this listener's protocol may be used at all."""
        return bool(self.options & PROTOCOLS.get(protocol, CONNECT))

    def delivers(self, sender_local: bool, recipient_local: bool) -> bool:
        """Whether mail in this direction is taken."""
        return bool(self.options & DELIVER[sender_local, recipient_local])

    def wants_sign_in(self, sender_local: bool, recipient_local: bool) -> bool:
        """Whether mail in this direction is taken only from those who signed in."""
        return bool(self.options & SIGN_IN[sender_local, recipient_local])

    @property
    def wants_tls(self) -> bool:
        """Whether signing in needs TLS."""
        return bool(self.options & Option.TLS)


HERE = Range("", 4, 0, 0, 0, int(THIS_COMPUTER))
"""What has no IP address (a Unix socket) is on this machine."""
NOWHERE = Range("", 4, 0, 0, 0, int(Option.TLS))
"""For addresses in no range: nothing is permitted."""
USUAL = Range("", 4, 0, 0, 0, int(INTERNET))
"""Where nobody asks for ranges."""


class Ranges:
    """An immutable set of ranges, as they are at a moment."""

    __slots__ = ("_all", "_rulers", "_seen", "_starts", "until")

    def __init__(self, ranges: Iterable[Range] = (), now: float = 0.0) -> None:
        self._all = tuple(ranges)
        living = [each for each in self._all if not each.until or each.until > now]
        self.until = min((each.until for each in living if each.until), default=math.inf)
        """When the first of them ends (seconds since 1970)."""
        self._starts: dict[int, list[int]] = {}
        self._rulers: dict[int, list[Range]] = {}
        for version in (4, 6):
            self._starts[version], self._rulers[version] = _laid_out(
                [each for each in living if each.version == version]
            )
        self._seen: dict[str, Range] = {}

    def at(self, now: float) -> Ranges:
        """These ranges at another moment: itself while none of them ended."""
        return self if now < self.until else Ranges(self._all, now)

    @property
    def count(self) -> int:
        """How many there are, those that ended included."""
        return len(self._all)

    def find(self, address: str) -> Range:
        """The range that rules an address; :data:`NOWHERE` without one."""
        found = self._seen.get(address)
        if found is None:
            if len(self._seen) >= MOST_SEEN:
                self._seen.clear()
            found = self._seen[address] = self._find(address)
        return found

    def _find(self, address: str) -> Range:
        try:
            parsed = plain_address(address)
        except ValueError:
            return HERE if address == "unix" else NOWHERE
        place = bisect_right(self._starts[parsed.version], int(parsed)) - 1
        return self._rulers[parsed.version][place] if place >= 0 else NOWHERE


def rank(each: Range) -> tuple[int, int, str]:
    """Ranges in the order in which they rule, the first first."""
    return -each.priority, each.last - each.first, each.name


def _laid_out(ranges: list[Range]) -> tuple[list[int], list[Range]]:
    """Where another range begins to rule, and which."""
    waiting = sorted(ranges, key=lambda each: each.first)
    edges = sorted({each.first for each in ranges} | {each.last + 1 for each in ranges})
    open_now: list[tuple[tuple[int, int, str], int, Range]] = []
    starts: list[int] = []
    rulers: list[Range] = []
    at = 0
    for edge in edges:
        while at < len(waiting) and waiting[at].first <= edge:
            heapq.heappush(open_now, (rank(waiting[at]), at, waiting[at]))
            at += 1
        while open_now and open_now[0][2].last < edge:
            heapq.heappop(open_now)
        ruler = open_now[0][2] if open_now else NOWHERE
        if not rulers or rulers[-1] is not ruler:
            starts.append(edge)
            rulers.append(ruler)
    return starts, rulers


def span(text: str) -> tuple[int, int, int]:
    """(version, first, last) of an address, a network, or ``first-last``. One mapped into IPv6 counts as IPv4.
    Raises ValueError, in words for people."""
    first, dash, last = (part.strip() for part in text.strip().partition("-"))
    if not dash:
        network = _network(first)
        return network.version, int(network.network_address), int(network.broadcast_address)
    try:
        begin, end = plain_address(first), plain_address(last)
    except ValueError:
        raise ValueError(f"{text[:100]!r} is no range of addresses") from None
    if begin.version != end.version:
        raise ValueError("the first and the last address are of different families")
    if int(begin) > int(end):
        raise ValueError("the first address comes after the last")
    return begin.version, int(begin), int(end)


def shown(version: int, first: int, last: int) -> str:
    """The addresses of a range as people write them: as a network where they are one."""
    make = ipaddress.IPv4Address if version == 4 else ipaddress.IPv6Address
    networks = list(ipaddress.summarize_address_range(make(first), make(last)))
    if len(networks) == 1:
        return str(networks[0])
    return f"{make(first)}-{make(last)}"


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        found = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text[:100]!r} is no address, network or range") from None
    if found.version == 6 and found.prefixlen >= 96:
        mapped = found.network_address.ipv4_mapped
        if mapped is not None:
            return ipaddress.ip_network((mapped, found.prefixlen - 96))
    return found
