"""How many connections are let in: in all, and from one address."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping

from posthouse.net.bans import BANNED, Bans
from posthouse.net.peer import is_loopback, plain_address
from posthouse.settings import limits as settings_limits
from posthouse.settings.contract import CurrentSettings

RESERVED_FILES = 200
"""File descriptors kept for everything that is not a connection (databases, bodies, listening sockets)."""


def source(address: str) -> str:
    """What counts as one stranger: an IPv4 address, or the /64 an IPv6 address is in (one customer has at
    least that)."""
    try:
        parsed = plain_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


class ConnectionLimits:
    """Counts connections of this process and knows those of the other workers (``others``). Event loop only.

    ``changed`` is called with (source, +1 or -1) for each connection that comes or goes.
    """

    def __init__(
        self,
        settings: CurrentSettings,
        *,
        files: int | None = None,
        changed: Callable[[str, int], None] | None = None,
    ) -> None:
        self._settings = settings
        self._files = files
        self._changed = changed
        self._here: dict[str, int] = {}
        self._total = 0
        self._others: Mapping[str, int] = {}
        self._others_total = 0
        self._bans = Bans()

    @property
    def total(self) -> int:
        """Connections of this process."""
        return self._total

    def enter(self, address: str) -> str:
        """Let a connection in ("" is returned) or say why not."""
        banned = self.banned(address)
        if banned:
            return banned
        now = self._settings.now
        if self._total + self._others_total >= now[settings_limits.CONNECTIONS]:
            return "Too many connections, please try again later"
        if self._files is not None and self._total >= max(1, self._files - RESERVED_FILES):
            return "Too many connections, please try again later"
        who = source(address)
        here = self._here.get(who, 0)
        full = here + self._others.get(who, 0) >= now[settings_limits.CONNECTIONS_PER_ADDRESS]
        if full and address != "unix" and not is_loopback(address):
            return "Too many connections from your address"
        self._here[who] = here + 1
        self._total += 1
        if self._changed is not None:
            self._changed(who, 1)
        return ""

    def banned(self, address: str) -> str:
        """What an address that is banned is told, "" for all others. This machine itself never is."""
        return BANNED if self._bans.find(address, time.time()) else ""

    def ban(self, bans: Bans) -> None:
        """These are banned from now on (replaces what was known). Sessions that are open stay."""
        self._bans = bans

    def leave(self, address: str) -> None:
        """A connection that was let in is gone."""
        who = source(address)
        here = self._here.get(who, 0)
        if here <= 1:
            self._here.pop(who, None)
        else:
            self._here[who] = here - 1
        self._total -= 1
        if self._changed is not None:
            self._changed(who, -1)

    def others(self, counts: Mapping[str, int]) -> None:
        """What the other workers hold, by source (replaces what was known)."""
        self._others = counts
        self._others_total = sum(counts.values())
