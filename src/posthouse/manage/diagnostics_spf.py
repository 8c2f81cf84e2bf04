"""Whether a domain's SPF record lets an address send (RFC 7208), as far as a check of our own records needs it: macros
are not expanded, so a record with some cannot be known."""

from __future__ import annotations

import ipaddress
from typing import Literal

from posthouse.net.dns import Resolver

Covers = Literal["yes", "no", "none", "error", "unknown"]

MOST_LOOKUPS = 10
"""RFC 7208 4.6.4."""
_LOOKS = ("a", "mx", "include", "redirect", "exists", "ptr")


class _Cannot(Exception):
    """It cannot be known (args[0] is the answer)."""


async def covers(resolver: Resolver, domain: str, address: str) -> Covers:
    """Whether mail of the domain may come from the address. ``none``: there is no record; ``error``: others would not
    understand it either."""
    try:
        return await _Evaluation(resolver, ipaddress.ip_address(address)).of(domain)
    except _Cannot as cannot:
        found: Covers = cannot.args[0]
        return found


class _Evaluation:
    def __init__(self, resolver: Resolver, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
        self._resolver = resolver
        self._address = address
        self._left = MOST_LOOKUPS

    async def of(self, domain: str) -> Covers:
        """The result for the record of one domain. Raises _Cannot."""
        answer = await self._resolver.ask(domain, "TXT", fresh=True)
        if answer.state == "failed":
            raise _Cannot("unknown")
        records = [row for row in answer.rows if row.lower().split(" ")[0] == "v=spf1"]
        if not records:
            return "none"
        if len(records) > 1:
            raise _Cannot("error")
        redirect = ""
        for word in records[0].split()[1:]:
            sign, term = (word[0], word[1:]) if word[0] in "+-~?" else ("+", word)
            if "=" in term.partition(":")[0].partition("/")[0]:
                name, _, value = term.partition("=")
                redirect = value if name.lower() == "redirect" else redirect
            elif await self._matches(domain, term):
                return "yes" if sign == "+" else "no"
        if not redirect:
            return "no"
        self._look("redirect", redirect)
        found = await self.of(redirect)
        if found == "none":
            raise _Cannot("error")
        return found

    def _look(self, name: str, value: str) -> None:
        if "%" in value:
            raise _Cannot("unknown")
        if name in _LOOKS:
            self._left -= 1
        if self._left < 0:
            raise _Cannot("error")

    async def _matches(self, domain: str, term: str) -> bool:
        head, _, value = term.partition(":")
        name, _, short = head.partition("/")
        name = name.lower()
        if name in ("ip4", "ip6"):
            return self._within(value)
        self._look(name, value)
        if name == "all":
            return True
        if name == "include":
            found = await self.of(value)
            if found == "none":
                raise _Cannot("error")
            return found == "yes"
        place, _, bits = value.partition("/")
        if name == "a":
            return await self._leads(place or domain, short or bits)
        if name == "mx":
            answer = await self._resolver.ask(place or domain, "MX", fresh=True)
            hosts = [row.partition(" ")[2] for row in answer.rows[:MOST_LOOKUPS]]
            return any([await self._leads(host, short or bits) for host in hosts])
        if name in ("exists", "ptr"):
            raise _Cannot("unknown")
        raise _Cannot("error")

    async def _leads(self, host: str, bits: str) -> bool:
        """Whether the host has the address, or one within so many bits (``24``, ``24//64``)."""
        answer = await self._resolver.addresses(host, fresh=True)
        if answer.state == "failed":
            raise _Cannot("unknown")
        four, _, six = bits.partition("//") if "//" in bits else (bits, "", "")
        length = (six if self._address.version == 6 else four) or str(self._address.max_prefixlen)
        return any(self._within(f"{row}/{length}") for row in answer.rows)

    def _within(self, network: str) -> bool:
        try:
            found = ipaddress.ip_network(network, strict=False)
        except ValueError:
            raise _Cannot("error") from None
        return found.version == self._address.version and self._address in found
