"""From a way to the hosts that are asked (RFC 5321 5.1): the targets of a route, or the MX of a domain."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from posthouse.deliver.remote.contract import Host, Hosts
from posthouse.deliver.remote.hosts_places import families, in_turns, reachable, stands
from posthouse.deliver.remote.ourselves import Ourselves, has_way_to
from posthouse.deliver.results import Said
from posthouse.net.dns import Answer, Resolver, ascii_name
from posthouse.route.contract import Target, Way
from posthouse.settings import mx as settings_mx
from posthouse.settings.contract import CurrentSettings

SMTP_PORT = 25


@dataclass(frozen=True, slots=True)
class _Named:
    """A host before its addresses are known. ``secure``: its name came validated."""

    name: str
    port: int
    preference: int
    secure: bool = False


@dataclass(frozen=True, slots=True)
class _Found:
    """A host with what the DNS says of it. ``trouble`` is "" when it was answered."""

    named: _Named
    addresses: tuple[str, ...] = ()
    authentic: bool = False
    trouble: str = ""
    exists: bool = True


class DnsHostFinder:
    """A :class:`posthouse.deliver.remote.contract.HostFinder` on the DNS.

    ``port`` is that of MX hosts; tests have another. ``has_way`` says whether this machine has a way to an IPv6
    address.
    """

    def __init__(
        self,
        resolver: Resolver,
        settings: CurrentSettings,
        ourselves: Ourselves,
        *,
        port: int = SMTP_PORT,
        chance: random.Random | None = None,
        has_way: Callable[[str], bool] = has_way_to,
    ) -> None:
        self._resolver = resolver
        self._settings = settings
        self._ourselves = ourselves
        self._port = port
        self._random = chance or random.SystemRandom()
        self._has_way = has_way

    async def find(self, way: Way) -> Hosts:
        """The hosts of a way. Never raises for what the DNS says."""
        if way.targets:
            return await self._targets(way)
        if way.domain.startswith("["):
            return self._literal(way)
        try:
            domain = ascii_name(way.domain)
        except ValueError:
            return _never("5.1.2", f"{way.domain[:300]} is no domain that could exist")
        return await self._mx(way, domain)

    # ------------------------------------------------------------------ routes

    async def _targets(self, way: Way) -> Hosts:
        """Their hosts are taken as they are: nobody asks for the MX of a target."""
        ordered = self._drawn(way.targets)[: self._settings.now[settings_mx.MAX_HOSTS]]
        if len(ordered) == 1:
            found = [await self._target(way, ordered[0])]
        else:
            found = await asyncio.gather(*(self._target(way, each) for each in ordered))
        left = [each for each in found if each.addresses]
        hosts = [each for each in left if way.protocol != "smtp" or not self._reaches_us(each)]
        if hosts:
            return Hosts(self._limited(hosts))
        if left:
            return _never("5.4.6", f"the route {way.name or way.destination} leads back to this server")
        troubles = [each.trouble for each in found if each.trouble]
        names = ", ".join(each.host for each in ordered[:3])
        # A slip in a route is the administrator's: mail waits until it is mended.
        return _later("4.4.3" if troubles else "4.4.4", troubles[0] if troubles else f"{names}: no address")

    def _drawn(self, targets: Sequence[Target]) -> list[Target]:
        """By preference; among equals drawn by weight, one after the other."""
        if len(targets) == 1:
            return list(targets)
        keyed = [(each.preference, -self._draw(each.weight), each) for each in targets]
        return [each for _, _, each in sorted(keyed, key=lambda key: key[:2])]

    def _draw(self, weight: int) -> float:
        # The largest of u ** (1 / weight) is each with the chance that its weight says (Efraimidis and Spirakis).
        drawn = 1.0 - self._random.random()  # never 0
        return float(drawn ** (1.0 / weight)) if weight > 0 else drawn - 2.0

    async def _target(self, way: Way, target: Target) -> _Found:
        host = target.host.strip()
        named = _Named(host, target.port, target.preference)
        if "/" in host:
            return _Found(named, (host,))
        address = _ip(host)
        if address:
            return _Found(_Named(address, target.port, target.preference), (address,))
        try:
            named = _Named(ascii_name(host.strip("[]")), target.port, target.preference, True)
        except ValueError as error:
            return _Found(named, trouble=str(error))
        return await self._looked_up(named, way.source)

    # ------------------------------------------------------------------ domains

    def _literal(self, way: Way) -> Hosts:
        address = _ip(way.domain)
        if not address or not self._settings.now[settings_mx.ADDRESS_LITERALS]:
            what = "is no address" if not address else "is an address literal; mail is not sent to those"
            return _never("5.1.3", f"{way.domain[:100]} {what}")
        if self._ourselves.at(address, self._port):
            return _never("5.4.6", f"{way.domain} is this server, and it has no such mailbox")
        if not stands(address, self._settings.now[settings_mx.PLACES]):
            return _never("5.1.3", f"no mail is sent to {way.domain}")
        return Hosts((Host(way.domain, (address,), self._port),))

    async def _mx(self, way: Way, domain: str) -> Hosts:
        answer = await self._resolver.ask(domain, "MX")
        if answer.state == "failed":
            return _later("4.4.3", f"the MX records of {domain} cannot be found out: {answer.reason}")
        if answer.state == "missing":
            return _never("5.1.2", f"the domain {domain} does not exist")
        if answer.state == "empty":
            return await self._implicit(way, domain, answer.authentic)
        named = self._by_preference(answer)
        if not named:
            return _never("5.1.10", f"{domain} takes no mail (null MX)", 556)
        found = await asyncio.gather(*(self._looked_up(each, way.source) for each in named))
        return self._asked(domain, [self._allowed(each) for each in found])

    async def _implicit(self, way: Way, domain: str, secure: bool) -> Hosts:
        """Without MX records the domain itself is the host (RFC 5321 5.1)."""
        found = await self._looked_up(_Named(domain, self._port, 0, secure), way.source)
        if found.trouble:
            return _later("4.4.3", found.trouble)
        if not found.exists:
            return _never("5.1.2", f"{domain} has neither MX nor address records: it takes no mail")
        return self._asked(domain, [self._allowed(found)])

    def _by_preference(self, answer: Answer) -> list[_Named]:
        """The hosts once each, best first, equals in random order. Empty: a null MX (RFC 7505)."""
        best: dict[str, int] = {}
        for row in answer.rows:
            preference, _, name = row.partition(" ")
            if name != ".":
                best[name] = min(int(preference), best.get(name, 65535))
        names = list(best)
        self._random.shuffle(names)
        names.sort(key=best.__getitem__)
        most = self._settings.now[settings_mx.MAX_HOSTS]
        # Ourselves are looked for among all of them: a host that is cut off may be we.
        own = [best[name] for name in names if self._ourselves.named(name)]
        kept = [name for name in names if not own or best[name] <= min(own)]
        return [_Named(name, self._port, best[name], answer.authentic) for name in kept[:most]]

    def _asked(self, domain: str, found: list[_Found]) -> Hosts:
        """Those better than ourselves, if we are among them; else what is wrong."""
        own = [each.named.preference for each in found if self._is_us(each)]
        left = [each for each in found if not own or each.named.preference < min(own)]
        hosts = [each for each in left if each.addresses]
        if hosts:
            return Hosts(self._limited(hosts))
        troubles = [each.trouble for each in left if each.trouble]
        if troubles:
            return _later("4.4.3", troubles[0])
        if own:
            return _never("5.4.6", f"{domain} has its mail sent to this server, which does not serve it")
        if any(each.exists for each in left):
            return _never("5.4.4", f"no host of {domain} has an address that mail could be sent to")
        names = ", ".join(each.named.name for each in left[:3])
        return _never("5.4.4", f"none of the mail hosts of {domain} has an address ({names})")

    # ------------------------------------------------------------------ addresses

    async def _looked_up(self, named: _Named, source: str) -> _Found:
        address = _ip(named.name)
        if address:  # no name, yet many publish it, and it is plain what they mean
            return _Found(named, (address,) if _of_family(address, self._kinds(source)) else ())
        kinds = self._kinds(source)
        answers = await asyncio.gather(*(self._resolver.ask(named.name, kind) for kind in kinds))
        rows = [each.rows for each in answers]
        addresses = tuple(in_turns(rows[0], rows[1] if len(rows) > 1 else ()))
        answered = [each for each in answers if each.state != "failed"]
        failed = next((each for each in answers if each.state == "failed"), None)
        if not addresses and failed is not None:
            return _Found(
                named, trouble=f"the addresses of {named.name} cannot be found out: {failed.reason}"
            )
        # One family that is not answered must not make a signed host look unsigned.
        authentic = named.secure and all(each.authentic for each in answered)
        if named.secure and not authentic and any(each.canonical for each in answered):
            # A signed alias of an unsigned host still has TLSA records of its own (RFC 7672 2.2.2).
            authentic = (await self._resolver.ask(named.name, "CNAME")).authentic
        return _Found(named, addresses, authentic, exists=bool(addresses))

    def _kinds(self, source: str) -> tuple[str, ...]:
        return families(self._settings.now[settings_mx.FAMILY], source)

    def _allowed(self, found: _Found) -> _Found:
        """Without addresses that strangers may not lead us to. (Ours stay: they end the list.)"""
        places = self._settings.now[settings_mx.PLACES]
        kept = tuple(
            each
            for each in found.addresses
            if stands(each, places) or self._ourselves.at(each, found.named.port)
        )
        return _Found(found.named, kept, found.authentic, found.trouble, found.exists)

    def _is_us(self, found: _Found) -> bool:
        return self._ourselves.named(found.named.name) or self._reaches_us(found)

    def _reaches_us(self, found: _Found) -> bool:
        return any("/" not in each and self._ourselves.at(each, found.named.port) for each in found.addresses)

    def _limited(self, found: Sequence[_Found]) -> tuple[Host, ...]:
        """As hosts, each address once, and not more than are wanted in all."""
        left = self._settings.now[settings_mx.MAX_ADDRESSES]
        seen: set[tuple[str, int]] = set()
        hosts = []
        for each in found:
            fresh = [place for place in each.addresses if (place, each.named.port) not in seen]
            fresh = (reachable(fresh, self._has_way) or fresh)[:left]
            if not fresh:
                continue
            seen.update((place, each.named.port) for place in fresh)
            left -= len(fresh)
            hosts.append(
                Host(each.named.name, tuple(fresh), each.named.port, each.named.preference, each.authentic)
            )
        return tuple(hosts)


@lru_cache(maxsize=1024)
def _ip(text: str) -> str:
    """The IP address that a target, an MX or an address literal is, "" when it is none."""
    inner = text.strip()
    if inner.startswith("[") and inner.endswith("]"):
        inner = inner[1:-1]
        if inner[:5].lower() == "ipv6:":
            inner = inner[5:]
    try:
        return str(ip_address(inner))
    except ValueError:
        return ""


def _of_family(address: str, kinds: Sequence[str]) -> bool:
    return ("AAAA" if ":" in address else "A") in kinds


def _never(status: str, text: str, code: int = 550) -> Hosts:
    return Hosts(trouble=Said(code, status, text))


def _later(status: str, text: str) -> Hosts:
    return Hosts(trouble=Said(451, status, text))
