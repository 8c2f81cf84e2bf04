"""Banned networks, found in a few dictionary look-ups however many there are."""

from __future__ import annotations

from collections.abc import Iterable

from posthouse.net.peer import plain_address

BANNED = "Connections from your address are not accepted here"
"""What a banned peer is told; why it is banned is not its to know."""

Ban = tuple[int, int, bytes, float]
"""(IP version, length of the prefix in bits, first address, until in seconds since 1970 or 0 for ever)"""


class Bans:
    """An immutable set of networks. Making one is work for a thread when there are many."""

    __slots__ = ("_by_version", "count")

    def __init__(self, bans: Iterable[Ban] = ()) -> None:
        self._by_version: dict[int, dict[int, dict[int, float]]] = {4: {}, 6: {}}
        """Version, then the number of bits that do not count, then the bits that do: until when."""
        self.count = 0
        for version, bits, first, until in bans:
            free = (32 if version == 4 else 128) - bits
            networks = self._by_version[version].setdefault(free, {})
            networks[int.from_bytes(first, "big") >> free] = until
            self.count += 1

    def find(self, address: str, now: float) -> bool:
        """Whether an address is banned at this moment; what is no address never is, nor is loopback."""
        if not self.count:
            return False
        try:
            parsed = plain_address(address)
        except ValueError:
            return False
        if parsed.is_loopback:
            return False
        number = int(parsed)
        for free, networks in self._by_version[parsed.version].items():
            until = networks.get(number >> free)
            if until is not None and (not until or until > now):
                return True
        return False
