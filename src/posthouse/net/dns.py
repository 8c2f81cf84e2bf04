"""Asking the DNS: one resolver over dnspython, with deadlines, a bounded cache and an answer that is a plain value.

What a caller must tell apart is told apart in ``Answer.state``: records found, a name without such records, no
such name, and no answer at all (which says nothing about the name). That there is nothing is remembered for as long
as the zone's SOA allows (RFC 2308 5); failures are not remembered. Who asks what is being asked already waits for
that answer.
"""

from __future__ import annotations

import asyncio
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import dns.asyncresolver
import dns.exception
import dns.flags
import dns.message
import dns.nameserver
import dns.rdatatype
import dns.resolver

from posthouse.settings import dns as settings_dns
from posthouse.settings.contract import CurrentSettings

MAX_ROWS = 200
"""Records kept of one answer: nobody honest has more, and memory stays bounded."""

AT_ONCE = 200
"""Questions under way; each has a socket."""

NOTHING_TTL = 60.0
"""Seconds that "there is nothing" is remembered where the answer has no SOA."""

State = Literal["found", "empty", "missing", "failed"]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the DNS said. ``rows`` are the records in presentation form: host names in lower case without the dot at
    the end, the strings of a TXT joined and unquoted, an MX as ``10 mail.example.org``, a TLSA as
    ``3 1 1 0a1b...``.

    ``authentic``: a resolver that is trusted (``dns.trust_ad``) says it validated all of the answer, CNAMEs
    included (RFC 4035 3.2.3). ``ttl`` in seconds. ``reason`` says why there is no answer when ``state`` is
    ``failed``. ``canonical`` is the name that CNAMEs lead to, "" where there are none.
    """

    state: State
    rows: tuple[str, ...] = ()
    authentic: bool = False
    ttl: float = 0.0
    reason: str = ""
    canonical: str = ""


class Resolver:
    """Asks the configured resolvers, or the system's. Safe from any task of one event loop; never raises for what
    the DNS answers."""

    def __init__(self, settings: CurrentSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._cache: OrderedDict[tuple[str, str], tuple[float, Answer]] = OrderedDict()
        self._under_way: dict[tuple[str, str], asyncio.Task[Answer]] = {}
        self._places = asyncio.Semaphore(AT_ONCE)
        self._made_for: str | None = None
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._near = False

    async def ask(self, name: str, kind: str, *, fresh: bool = False) -> Answer:
        """The records of this type (``MX``, ``TXT`` …) under ``name`` (A-labels or U-labels). ``fresh`` does not
        look into the cache (the resolver asked may still have one)."""
        try:
            name = ascii_name(name)
        except ValueError as error:
            return Answer("failed", reason=str(error))
        key = (name, kind)
        if fresh:
            return self._keep(key, await self._ask(name, kind))
        known = self._cache.get(key)
        if known is not None and known[0] > self._clock():
            self._cache.move_to_end(key)
            return known[1]
        asked = self._under_way.get(key)
        if asked is None:
            asked = asyncio.create_task(self._shared(key))
            self._under_way[key] = asked
        return await asyncio.shield(asked)  # who gives up does not end it for the others

    def forget(self) -> None:
        """Empty the cache."""
        self._cache.clear()

    async def addresses(self, name: str, *, fresh: bool = False) -> Answer:
        """A and AAAA together, IPv4 first. Failed when neither was answered."""
        four, six = await asyncio.gather(
            self.ask(name, "A", fresh=fresh), self.ask(name, "AAAA", fresh=fresh)
        )
        if four.rows or six.rows:
            return Answer(
                "found", four.rows + six.rows, four.authentic and six.authentic, min(four.ttl, six.ttl)
            )
        return four if four.state == "failed" or six.state != "failed" else six

    async def reverse(self, address: str, *, fresh: bool = False) -> Answer:
        """The PTR names of an IP address."""
        return await self.ask(reverse_name(address), "PTR", fresh=fresh)

    # ------------------------------------------------------------------ inside

    async def _shared(self, key: tuple[str, str]) -> Answer:
        try:
            return self._keep(key, await self._ask(*key))
        finally:
            self._under_way.pop(key, None)

    def _keep(self, key: tuple[str, str], answer: Answer) -> Answer:
        now = self._settings.now
        keep = min(answer.ttl, now[settings_dns.CACHE_TIME])
        self._cache.pop(key, None)
        if keep > 0 and answer.state != "failed":
            self._cache[key] = (self._clock() + keep, answer)
            while len(self._cache) > now[settings_dns.CACHE_SIZE]:
                self._cache.popitem(last=False)
        return answer

    async def _ask(self, name: str, kind: str) -> Answer:
        seconds = self._settings.now[settings_dns.TIMEOUT]
        try:
            resolver = self._current()
            async with self._places, asyncio.timeout(seconds + 1):
                found = await resolver.resolve(
                    name + ".", kind, raise_on_no_answer=False, lifetime=seconds, search=False
                )
        except dns.resolver.NXDOMAIN as error:
            return self._missing(error)
        except (dns.resolver.LifetimeTimeout, TimeoutError):
            return Answer("failed", reason=f"no DNS server answered within {seconds:g} seconds")
        except dns.resolver.NoNameservers:
            return Answer("failed", reason="the DNS servers report a failure for this name")
        except (dns.exception.DNSException, OSError, ValueError) as error:
            return Answer("failed", reason=str(error) or type(error).__name__)
        response, authentic = found.response, self._authentic(found.response)
        canonical = _name(found.canonical_name)
        canonical = "" if canonical == name else canonical
        if found.rrset is None:
            return Answer("empty", authentic=authentic, ttl=_nothing_ttl(response), canonical=canonical)
        rows = tuple(_row(record) for record in list(found.rrset)[:MAX_ROWS])
        ttl = float(found.chaining_result.minimum_ttl)
        return Answer("found", tuple(sorted(rows)), authentic, ttl, canonical=canonical)

    def _missing(self, error: Any) -> Answer:
        try:
            (response,) = list(error.responses().values())[-1:]
        except (AttributeError, ValueError, dns.exception.DNSException):
            return Answer("missing", ttl=NOTHING_TTL)
        return Answer("missing", authentic=self._authentic(response), ttl=_nothing_ttl(response))

    def _authentic(self, response: dns.message.Message) -> bool:
        """The AD flag, where it may be believed: nobody on the way to a resolver of this machine can set it."""
        if not response.flags & dns.flags.AD:
            return False
        trust = self._settings.now[settings_dns.TRUST_AD]
        return trust == "yes" or (trust == "auto" and self._near)

    def _current(self) -> dns.asyncresolver.Resolver:
        """The resolver for the servers set now. Raises DNSException where the system names none."""
        servers = self._settings.now[settings_dns.SERVERS]
        if self._resolver is None or servers != self._made_for:
            resolver = dns.asyncresolver.Resolver(configure=not servers)
            if servers:
                places = [settings_dns.split_place(word, 53) for word in settings_dns.listed(servers)]
                resolver.nameservers = [dns.nameserver.Do53Nameserver(host, port) for host, port in places]
            resolver.cache = None
            resolver.flags = dns.flags.RD | dns.flags.AD
            resolver.use_edns(0, 0, 1232)
            self._resolver, self._made_for = resolver, servers
            self._near = all(_is_near(server) for server in resolver.nameservers)
        return self._resolver


def ascii_name(name: str) -> str:
    """A domain as DNS carries it: A-labels, lower case, no dot at the end. Raises ValueError."""
    import idna

    name = name.strip().rstrip(".").lower()
    if name.isascii():
        if not name or len(name) > 253 or any(not 0 < len(label) <= 63 for label in name.split(".")):
            raise ValueError(f"{name!r} is no name that DNS could hold")
        return name
    labels = []
    for label in name.split("."):
        try:
            labels.append(label if label.isascii() else idna.encode(label, uts46=True).decode("ascii"))
        except (idna.IDNAError, UnicodeError):
            raise ValueError(f"{name!r} is no name that DNS could hold") from None
    return ascii_name(".".join(labels))


def reverse_name(address: str) -> str:
    """The name under ``in-addr.arpa`` or ``ip6.arpa`` of an IP address. Raises ValueError."""
    return ipaddress.ip_address(address).reverse_pointer


def _is_near(server: Any) -> bool:
    """Whether a resolver is on this machine."""
    try:
        return ipaddress.ip_address(server if isinstance(server, str) else server.address).is_loopback
    except (AttributeError, ValueError):
        return False


def _nothing_ttl(response: dns.message.Message) -> float:
    """How long "there is nothing" may be remembered (RFC 2308 5)."""
    lives = [
        float(min(rrset.ttl, rrset[0].minimum))
        for rrset in response.authority
        if rrset.rdtype == dns.rdatatype.SOA and rrset
    ]
    return min(lives, default=NOTHING_TTL)


def _row(record: Any) -> str:
    kind = record.rdtype
    if kind == dns.rdatatype.TXT:
        return b"".join(record.strings).decode("utf-8", "replace")
    if kind == dns.rdatatype.MX:
        return f"{record.preference} {_name(record.exchange)}"
    if kind == dns.rdatatype.SRV:
        return f"{record.priority} {record.weight} {record.port} {_name(record.target)}"
    if kind in (dns.rdatatype.CNAME, dns.rdatatype.PTR, dns.rdatatype.NS):
        return _name(record.target)
    if kind in (dns.rdatatype.A, dns.rdatatype.AAAA):
        return str(ipaddress.ip_address(record.address))
    if kind == dns.rdatatype.TLSA:
        return f"{record.usage} {record.selector} {record.mtype} {record.cert.hex()}"
    return str(record.to_text())


def _name(name: Any) -> str:
    text = str(name.to_text()).lower()
    return text.rstrip(".") or "."
