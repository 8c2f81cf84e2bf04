"""Whoever goes on guessing passwords is banned for a while, and a login that is guessed at is locked for strangers.

The counters are in memory, of one worker that hears of the failures of the others of its node; bans are in the
database. Nobody is banned who is this machine, a proxy we trust, in a network that may send without signing in, or
at the address of a server administrator who was here within the hour. An address that somebody signed in from in the
last days may fail five times as often.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from time import time

from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.directory import autoban_records as records
from posthouse.directory import bans
from posthouse.directory.contract import Account
from posthouse.directory.signin import peer_key
from posthouse.net.limits import source
from posthouse.settings import autoban as settings_autoban
from posthouse.settings.contract import CurrentSettings

KIND = "sign-in"
"""The kind of a ban that was made here."""
LOCKED = "locked for addresses it was not used from"
KEPT_OUT = "from an address that is kept out"
FAR_OVER = 5
"""So many times the failures ban even an address that somebody signs in from."""
ADMINISTRATOR_SECONDS = 3600.0
KNOWN_SECONDS = 7 * 86400.0
PLACES_SECONDS = 30 * 86400.0
FIRST_LOCK = 60.0
LONGEST_LOCK = 3600.0
MOST = 50_000
"""Addresses, and logins, whose failures are remembered; who failed longest ago is forgotten first."""
MOST_TIMES = 20
"""The exponent ends here: the time does, long before."""
_MOST_HEARD = 64


class Window:
    """When something happened lately, by key; bounded."""

    def __init__(self) -> None:
        self._times: OrderedDict[str, deque[float]] = OrderedDict()

    def add(self, key: str, now: float, within: float, most: int) -> int:
        """Count one more; how many there were in the time, counted up to ``most``."""
        times = self._times.pop(key, None)
        if times is None or times.maxlen != most:
            times = deque(times or (), most)
        while times and times[0] <= now - within:
            times.popleft()
        times.append(now)
        self._times[key] = times
        if len(self._times) > MOST:
            self._times.popitem(last=False)
        return len(times)

    def forget(self, key: str) -> None:
        """Begin afresh."""
        self._times.pop(key, None)

    def __len__(self) -> int:
        return len(self._times)


@dataclass(slots=True)
class Lock:
    """A login that is locked for strangers; ``places`` are no strangers. ``rest`` is when the next failures count as
    a first time again."""

    until: float
    times: int
    rest: float
    places: set[str] = field(default_factory=set)


class AutoBan:
    """The counters of one worker. ``ban`` is called with (address, login, failures) when an address should be banned,
    ``locked`` with (login) when a login was locked and its usual places are to be told (:meth:`places`)."""

    def __init__(
        self,
        settings: CurrentSettings,
        ban: Callable[[str, str, int], None],
        locked: Callable[[str], None],
        clock: Callable[[], float] = time,
    ) -> None:
        self._settings = settings
        self._ban = ban
        self._tell_locked = locked
        self._clock = clock
        self._peers = Window()
        self._logins = Window()
        self._locks: OrderedDict[str, Lock] = OrderedDict()

    def failed(self, login: str, peer: str, reason: str = "") -> None:
        """A sign-in failed here."""
        if reason in (LOCKED, KEPT_OUT):  # the password was right
            return
        count = self._of_peer(peer_key(peer))
        most = self._settings.now[settings_autoban.FAILURES]
        if most and count and count % most == 0:
            self._ban(peer, login, count)
        self._of_login(login)

    def heard(self, key: str, login: str, times: int) -> None:
        """Another worker saw so many failures of this peer (by its key) and login."""
        for _ in range(min(times, _MOST_HEARD)):
            self._of_peer(key)
            self._of_login(login)

    def banned(self, peer: str) -> None:
        """The address is banned now: its counter begins afresh."""
        self._peers.forget(peer_key(peer))

    def refused(self, account: Account, peer: str) -> str:
        """Why an account may not be signed in to from an address now, in words for the log; "" when it may."""
        lock = self._locks.get(account.address)
        if lock is None or self._clock() >= lock.until or source(peer) in lock.places:
            return ""
        return LOCKED

    def places(self, login: str, addresses: list[str]) -> None:
        """Where a locked login was used from lately."""
        lock = self._locks.get(login)
        if lock is not None:
            lock.places = {source(each) for each in addresses}

    def _of_peer(self, key: str) -> int:
        now = self._settings.now
        most = now[settings_autoban.FAILURES]
        if not most:
            return 0
        within = 60.0 * now[settings_autoban.MINUTES]
        return self._peers.add(key, self._clock(), within, most * FAR_OVER)

    def _of_login(self, login: str) -> None:
        settings = self._settings.now
        most = settings[settings_autoban.ACCOUNT_FAILURES]
        if not most or not login:
            return
        now = self._clock()
        within = 60.0 * settings[settings_autoban.MINUTES]
        if self._logins.add(login, now, within, most) < most:
            return
        self._logins.forget(login)
        former = self._locks.pop(login, None)
        times = former.times + 1 if former is not None and now < former.rest else 0
        lasts = min(LONGEST_LOCK, FIRST_LOCK * 2.0 ** min(times, MOST_TIMES))
        places = former.places if former is not None else set()
        self._locks[login] = Lock(now + lasts, times, now + lasts + 86400.0, places)
        if len(self._locks) > MOST:
            self._locks.popitem(last=False)
        self._tell_locked(login)


@dataclass(frozen=True, slots=True)
class Guesser:
    """Who is to be banned: the address, the login it tried last, and how often it failed. ``first`` and ``longest``
    time of a ban in seconds; ``far_over``: ban it though somebody signs in from there."""

    peer: str
    login: str
    failures: int
    first: float
    longest: float
    far_over: bool = False


def ban_guesser(
    tx: Transaction, who: Guesser, *, feed: Feed | None = None, now: float | None = None
) -> bans.Ban | None:
    """Ban an address for guessing; None where it is spared, or banned already. Raises DirectoryError."""
    now = time() if now is None else now
    if _is_administrators(tx, who.peer, now):
        return None
    known = {"peer": who.peer, "since": now - KNOWN_SECONDS}
    if not who.far_over and tx.execute(records.SELECT_KNOWN, known):
        return None
    network = str(bans.network_of(source(who.peer)))
    rows = tx.execute(records.SELECT_TIMES, {"of_network": network})
    times = int(rows[0][0]) if rows and now - float(rows[0][1]) < who.longest else 0
    until = now + min(who.longest, who.first * 2.0 ** min(times, MOST_TIMES))
    standing = bans.find_ban(tx, network)
    if standing is not None and (not standing.until or standing.until > now):
        return None
    tx.upsert(records.auto_bans, {"network": network}, {"times": min(times + 1, MOST_TIMES), "until": until})
    tried = f", the last as {who.login[:100]}" if who.login else ""
    reason = f"{who.failures} failed sign-ins{tried}"
    return bans.put_ban(tx, network, reason, until, feed=feed, kind=KIND)


def administrators_addresses(tx: Transaction) -> list[str]:
    """Addresses at which a server administrator used the pages or a mail program within the last hour."""
    since = {"since": time() - ADMINISTRATOR_SECONDS}
    rows = tx.execute(records.SELECT_BROWSERS, since) + tx.execute(records.SELECT_PROGRAMS, since)
    return sorted({str(row[0]) for row in rows})


def places_of(tx: Transaction, address: str) -> list[str]:
    """Where an account signed in from in the last 30 days."""
    since = time() - PLACES_SECONDS
    return [row[0] for row in tx.execute(records.SELECT_PLACES, {"address": address, "since": since})]


def standing(tx: Transaction) -> int:
    """How many automatic bans there are now."""
    return int(tx.execute(records.COUNT_BANS, {"now": time()})[0][0])


def forget_old(tx: Transaction, longest: float) -> None:
    """Forget how often those were banned who kept quiet since."""
    tx.change(records.DELETE_OLD, {"before": time() - longest})


def _is_administrators(tx: Transaction, peer: str, now: float) -> bool:
    asked = {"peer": peer, "since": now - ADMINISTRATOR_SECONDS}
    return bool(tx.execute(records.SELECT_BROWSER, asked) or tx.execute(records.SELECT_PROGRAM, asked))
