"""Whoever guesses passwords is slowed down: failures are counted by peer and by login.

A peer is an IPv4 address or an IPv6 network of 64 bits. The delay of a peer applies to its next success as
well (else a guesser would take any late answer for a no and go on); the delay of a login applies to
failures only, so that strangers who guess at it cannot slow down its owner.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from time import monotonic

from posthouse.cluster.events import gathered, of_address
from posthouse.observe.log import logger
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.signin import FIRST_DELAY, FORGET_FAILURES, FREE_FAILURES, LONGEST_DELAY

_log = logger("directory.signin")

MAX_COUNTERS = 50_000
"""Peers, and logins, remembered at once; the one that failed longest ago is forgotten first."""

_MAX_LOGGED = 254

_MOST_HEARD = 64
"""Failures of one notice that are counted: beyond them the delay is at its longest anyhow."""


class Counters:
    """Recent failures by key, bounded."""

    def __init__(self) -> None:
        self._failures: OrderedDict[str, tuple[int, float]] = OrderedDict()

    def count(self, key: str, now: float, forget: float) -> int:
        """Failures of this key; none when the last one is ``forget`` seconds ago."""
        failures, last = self._failures.get(key, (0, 0.0))
        return failures if now - last < forget else 0

    def add(self, key: str, now: float, forget: float) -> int:
        """Count one more failure."""
        failures = self.count(key, now, forget) + 1
        self._failures[key] = (failures, now)
        self._failures.move_to_end(key)
        if len(self._failures) > MAX_COUNTERS:
            self._failures.popitem(last=False)
        return failures

    def forget(self, key: str) -> None:
        """Start afresh."""
        self._failures.pop(key, None)

    def __len__(self) -> int:
        return len(self._failures)


class Failures:
    """The delays that failures earn, and the log lines that tell of them."""

    def __init__(self, settings: CurrentSettings, clock: Callable[[], float] = monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._peers = Counters()
        self._logins = Counters()
        self.told: Callable[[str, str], None] | None = None
        """Called with (peer key, login) for each failure, to tell the other workers of this node."""

    def heard(self, peer: str, login: str, times: int) -> None:
        """Another worker saw so many failures of this peer (by its key) and login."""
        now, forget = self._clock(), float(self._settings.now[FORGET_FAILURES])
        for _ in range(min(times, _MOST_HEARD)):
            self._peers.add(peer, now, forget)
            self._logins.add(login, now, forget)

    def failed(self, login: str, *, peer: str, protocol: str, reason: str) -> float:
        """Count and log a failure; returns the seconds the answer should wait."""
        now, forget = self._clock(), float(self._settings.now[FORGET_FAILURES])
        of_peer = self._peers.add(peer_key(peer), now, forget)
        of_login = self._logins.add(login, now, forget)
        if self.told is not None:
            self.told(peer_key(peer), login)
        self._tell(login, peer, protocol, reason, failures=of_peer)
        return self._delay(max(of_peer, of_login))

    def declined(self, login: str, *, peer: str, protocol: str, reason: str) -> float:
        """Log that the right password was refused, and return the seconds the answer should wait: as after a success.
        It counts as no failure: a program that has not heard of the new password guesses nothing."""
        self._tell(login, peer, protocol, reason)
        return self._delay(
            self._peers.count(peer_key(peer), self._clock(), self._settings.now[FORGET_FAILURES])
        )

    def succeeded(self, login: str, *, peer: str) -> float:
        """Note a success; returns the seconds the answer should wait because of the peer's earlier
        failures."""
        self._logins.forget(login)
        forget = float(self._settings.now[FORGET_FAILURES])
        return self._delay(self._peers.count(peer_key(peer), self._clock(), forget))

    def _tell(self, login: str, peer: str, protocol: str, reason: str, **more: int) -> None:
        name = login[:_MAX_LOGGED]
        told = {"login": name, "peer": peer, "protocol": protocol, "reason": reason}
        _log.warning("signin.refused", **told, **more)
        gathered.note(of_address("session.failed", name, told), f"{name} {peer} {protocol}")

    def _delay(self, failures: int) -> float:
        settings = self._settings.now
        beyond = failures - settings[FREE_FAILURES]
        if beyond <= 0:
            return 0.0
        # The exponent is capped: the delay is, long before.
        return float(min(settings[LONGEST_DELAY], settings[FIRST_DELAY] * 2.0 ** min(beyond - 1, 16)))


def tell_signed_in(address: str, peer: str, protocol: str) -> None:
    """The event of a sign-in that succeeded."""
    told = {"login": address, "peer": peer, "protocol": protocol}
    gathered.note(of_address("session.signed_in", address, told), f"{address} {peer} {protocol}")


def peer_key(peer: str) -> str:
    """What of a peer's address is counted: one subscriber usually has a whole IPv6 /64."""
    try:
        address = ip_address(peer)
    except ValueError:
        return peer
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else str(int(address) >> 64)
    return peer
