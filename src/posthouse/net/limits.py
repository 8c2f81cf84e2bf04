"""How many connections are let in: in all, and from one address."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping

from posthouse.net.bans import BANNED, Bans
from posthouse.net.peer import is_loopback, plain_address
from posthouse.net.ranges import HERE, USUAL, Range, Ranges
from posthouse.net.rates import PerMinute
from posthouse.net.screening import Because, Screening
from posthouse.settings import blocklists as settings_blocklists
from posthouse.settings import limits as settings_limits
from posthouse.settings.contract import CurrentSettings

RESERVED_FILES = 200
"""File descriptors kept for everything that is not a connection (databases, bodies, listening sockets)."""

CONNECTIONS, MESSAGES = "connections", "messages"
"""What a range has rates for."""


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
        self._ranges: Ranges | None = None
        self._screening: Screening | None = None
        self._rates = {CONNECTIONS: PerMinute(), MESSAGES: PerMinute()}
        self.spent: Callable[[str, str, int], None] | None = None
        """Called with what was counted against a rate here: of which kind, from which source, and the rate."""
        self.guessed_at: Callable[[str, str], None] | None = None
        """Called with address and protocol of who tries to sign in where that is not offered."""

    @property
    def total(self) -> int:
        """Connections of this process."""
        return self._total

    def enter(self, address: str, protocol: str = "") -> str:
        """Let a connection in ("" is returned) or say why not."""
        permits = self.permits(address)
        kept_out = self.kept_out(address, protocol, permits)
        if kept_out:
            return kept_out
        now = self._settings.now
        if self._total + self._others_total >= now[settings_limits.CONNECTIONS]:
            return "Too many connections, please try again later"
        if self._files is not None and self._total >= max(1, self._files - RESERVED_FILES):
            return "Too many connections, please try again later"
        who = source(address)
        here = self._here.get(who, 0)
        most = permits.connections or now[settings_limits.CONNECTIONS_PER_ADDRESS]
        full = here + self._others.get(who, 0) >= most
        if full and (permits.connections or (address != "unix" and not is_loopback(address))):
            return "Too many connections from your address"
        if permits.connection_rate and not self._take(CONNECTIONS, who, permits.connection_rate):
            return "Too many new connections from your address, please try again later"
        self._here[who] = here + 1
        self._total += 1
        if self._changed is not None:
            self._changed(who, 1)
        return ""

    def banned(self, address: str) -> str:
        """What an address that is banned is told, "" for all others. This machine itself never is."""
        return BANNED if self._bans.find(address, time.time()) else ""

    def kept_out(self, address: str, protocol: str, permits: Range | None = None) -> str:
        """What an address is told that may not use a protocol (ban, range, list, country), "" for all
        others. Asked again for open connections when something changed."""
        return BANNED if self.because(address, protocol, permits) is not None else ""

    def because(self, address: str, protocol: str, permits: Range | None = None) -> Because | None:
        """Why an address may not use a protocol; None when it may. A range of a high priority decides before the
        lists."""
        if permits is None:
            permits = self.permits(address)
        if not permits.connects(protocol):
            return Because("range", permits.name)
        if self.banned(address):
            return Because("ban")
        if self._screening is None or permits.priority >= self._settings.now[settings_blocklists.PRIORITY]:
            return None
        return self._screening.keeps_out(address, protocol)

    def permits(self, address: str) -> Range:
        """The range that an address is in."""
        ranges = self._ranges
        if ranges is None:
            return HERE if address == "unix" or is_loopback(address) else USUAL
        now = time.time()
        if now >= ranges.until:
            ranges = self._ranges = ranges.at(now)
        return ranges.find(address)

    def rule(self, ranges: Ranges) -> None:
        """These ranges hold from now on."""
        self._ranges = ranges

    def screen(self, screening: Screening) -> None:
        """These lists and countries hold from now on."""
        self._screening = screening

    def guessed(self, address: str, protocol: str) -> None:
        """Somebody tries to sign in where that is not offered."""
        if self.guessed_at is not None:
            self.guessed_at(address, protocol)

    def too_many_messages(self, address: str) -> bool:
        """Count a message of an address; whether it is one too many in this minute."""
        rate = self.permits(address).message_rate
        return bool(rate) and not self._take(MESSAGES, source(address), rate)

    def spent_elsewhere(self, kind: str, who: str, rate: int, times: int) -> None:
        """Another worker has counted so many against a rate."""
        if kind in self._rates and rate > 0:
            self._rates[kind].charge(who, rate, times)

    def _take(self, kind: str, who: str, rate: int) -> bool:
        taken = self._rates[kind].take(who, rate)
        if taken and self.spent is not None:
            self.spent(kind, who, rate)
        return taken

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
