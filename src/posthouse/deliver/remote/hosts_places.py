"""The addresses of a host: which may be tried, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address
from itertools import zip_longest

from posthouse.deliver.webhook_address import is_public

Address = IPv4Address | IPv6Address


def families(preference: str, source: str = "") -> tuple[str, ...]:
    """The record types to ask for, the preferred one first; ``preference`` is the setting ``mx.family``. From a
    local address only hosts of its own family are reached."""
    if source:
        return ("AAAA",) if ":" in source else ("A",)
    return {"ipv4": ("A", "AAAA"), "ipv6": ("AAAA", "A"), "ipv4-only": ("A",), "ipv6-only": ("AAAA",)}[
        preference
    ]


def in_turns(first: Iterable[str], second: Iterable[str]) -> list[str]:
    """The addresses of the two families in turns, so that one family that does not work costs little (as RFC 8305 4
    has it)."""
    return [each for pair in zip_longest(first, second) for each in pair if each is not None]


def stands(address: str, places: str) -> bool:
    """Whether a stranger's MX may lead to this address; ``places`` is the setting ``mx.places``. Nobody can be at an
    unspecified, multicast or reserved address."""
    parsed: Address = ip_address(address)
    if isinstance(parsed, IPv6Address):
        if parsed.scope_id is not None or parsed.is_link_local:
            return False
        parsed = parsed.ipv4_mapped or parsed
    if parsed.is_unspecified or parsed.is_multicast:
        return False
    if parsed.is_loopback:
        return places == "any"
    if isinstance(parsed, IPv4Address) and parsed.is_reserved:
        return False
    return places != "public" or is_public(parsed)


def reachable(addresses: Iterable[str], has_way: Callable[[str], bool]) -> list[str]:
    """Without IPv6 addresses this machine has no way to."""
    return [each for each in addresses if ":" not in each or has_way(each)]
