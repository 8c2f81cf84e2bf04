"""Whether a host is we: so that mail which would come back to us is noticed before it is sent (RFC 5321 5.1)."""

from __future__ import annotations

import errno
import ipaddress
import socket
import time
from collections.abc import Callable, Iterable
from functools import lru_cache

from posthouse.settings import mx as settings_mx
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.dns import listed

_KEPT_SECONDS = 60.0
_MOST_KEPT = 1000
_NOBODY = {4: "192.0.2.1", 6: "2001:db8::1"}
"""Documentation addresses (RFC 5737, RFC 3849): no machine has them."""


class Ourselves:
    """Our names and the doors at which we take mail.

    ``names``: our host names, in lower case, as of now. ``doors``: address and port of each listener that takes mail
    from strangers; ``0.0.0.0``, ``::`` and ``""`` stand for all addresses of the machine. ``is_local`` says whether
    an address is one of this machine.
    """

    def __init__(
        self,
        settings: CurrentSettings,
        names: Callable[[], Iterable[str]],
        doors: Callable[[], Iterable[tuple[str, int]]],
        is_local: Callable[[str], bool] | None = None,
    ) -> None:
        self._settings = settings
        self._names = names
        self._doors = doors
        self._is_local = is_local or LocalAddresses().has

    def named(self, host: str) -> bool:
        """Whether this host name (lower case, no dot at the end) is ours."""
        return host in {name.lower().rstrip(".") for name in self._names()}

    def at(self, address: str, port: int) -> bool:
        """Whether a connection to this address and port would reach one of our doors."""
        wanted = _parsed(address)
        if isinstance(wanted, ipaddress.IPv6Address) and wanted.ipv4_mapped is not None:
            wanted = wanted.ipv4_mapped
        if str(wanted) in listed(self._settings.now[settings_mx.OWN_ADDRESSES]):
            return port == 25 or any(door == port for _, door in self._doors())
        for place, door in self._doors():
            if door != port:
                continue
            bound = _parsed(place) if place else None
            if bound is None or bound.is_unspecified:
                # "::" may take IPv4 too; a door of IPv4 never takes IPv6
                if not (bound is not None and bound.version == 4 and wanted.version == 6) and self._is_local(
                    str(wanted)
                ):
                    return True
            elif bound == wanted:
                return True
        return False


@lru_cache(maxsize=1024)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    return ipaddress.ip_address(address)


class LocalAddresses:
    """Which addresses are this machine's: those a socket may be bound to. Where the system lets sockets be bound to
    any address at all, those that it would send from and that of its own name."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[float, bool]] = {}

    def has(self, address: str) -> bool:
        """Whether this is an address of ours; remembered for a minute."""
        now = self._clock()
        known = self._known.get(address)
        if known is None or known[0] < now:
            if len(self._known) >= _MOST_KEPT:
                self._known.clear()
            known = self._known[address] = (now + _KEPT_SECONDS, _is_local(address))
        return known[1]


def _is_local(address: str) -> bool:
    parsed = ipaddress.ip_address(address)
    if parsed.is_loopback:
        return True
    if not _may_bind(_NOBODY[parsed.version]):
        return _may_bind(address)
    return address == _sends_from(parsed.version)


def _may_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
        return True
    except OSError as error:
        return error.errno == errno.EADDRINUSE


def _sends_from(version: int) -> str:
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((_NOBODY[version], 9))  # sends nothing: it only chooses the way
            return str(probe.getsockname()[0])
    except OSError:
        return ""


def has_way_to(address: str) -> bool:
    """Whether this machine has any way to an address, as its table of routes says; nothing is sent."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 25))
        return True
    except OSError:
        return False
