"""Which destinations are to be served when, and how much each takes at a time. No I/O: the dispatcher tells what it
found out and asks who is next.

The concurrency of a destination follows what it answers, as Postfix's scheduler does it: it begins small, grows with
each message that is taken, is halved when the destination asks for less, and when everything that was under way
failed the destination is down and is left alone.
"""

from __future__ import annotations

import heapq
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field

from posthouse.deliver.results import Feedback
from posthouse.queue.contract import LOCAL

MOST_PLACES = 20_000
"""Destinations known at a time; what is beyond that is found by a later look."""

PROVEN_SECONDS = 3600.0
"""How long a destination counts as one that works after it took mail."""

_LOCAL, _PROVEN, _OTHERS = range(3)

LOCAL_AT_ONCE = 20
"""Messages on their way into mailboxes at the same time: side by side they share commits."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the settings say of now. ``rates``: messages a minute by destination, ``rate`` for all others."""

    at_once: int
    first: int
    most: int
    sender: int
    rate: int = 0
    rates: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Place:
    """One destination. ``at``: when it is to be served next (None: not before something happens). ``window``: how
    many messages may be under way, ``ceiling`` where it grew to without being asked for less. ``misses``: failures
    without a success between. ``failures``: how often in a row it was found down. ``more``: rows are due that were
    not leased yet. ``taking``: a lease is under way. ``ended``: a delivery ended that the last lease did not count yet;
    what it left may be due at a time nobody knows. ``told``: how often something due was seen."""

    name: str
    window: float
    ceiling: float
    at: float | None = None
    ready: bool = False
    running: int = 0
    senders: Counter[str] = field(default_factory=Counter)
    taking: bool = False
    more: bool = False
    ended: bool = False
    told: int = 0
    misses: int = 0
    failures: int = 0
    shrunk_at: float = 0.0
    proven_until: float = 0.0
    rest_until: float = 0.0
    rate_next: float = 0.0
    usual: float = 0.0
    """Seconds that its answers have been taking of late; 0.0: nothing is known."""
    vain_until: float = 0.0
    """Until then nobody waits for room there."""

    @property
    def local(self) -> bool:
        """Whether it is our own mailboxes: no feedback, no rates, and room of its own."""
        return self.name == LOCAL

    def proven(self, now: float) -> bool:
        """Whether it took mail recently."""
        return self.proven_until > now and not self.failures

    def room(self, limits: Limits) -> int:
        """How many messages more may be under way."""
        if self.taking:
            return 0
        if self.local:
            return LOCAL_AT_ONCE - self.running
        if self.failures or limits.rates.get(self.name, limits.rate):
            # One probe of what was down; what has a rate goes one by one.
            window = 1 if self.failures else int(min(self.window, limits.most))
            return min(1, max(window - self.running, 0))
        return max(int(min(self.window, limits.most)) - self.running, 0)

    def works(self, now: float, limits: Limits) -> bool:
        """Whether it takes mail, as fast as we like."""
        return not (self.rest_until > now or limits.rates.get(self.name, limits.rate)) and self.proven(now)

    def clear(self, now: float) -> bool:
        """Whether nothing is due there."""
        return not (self.taking or self.ready or self.more or (self.at is not None and self.at <= now))

    def free(self, limits: Limits) -> bool:
        """Whether there is room for anybody."""
        return self.room(limits) > 0

    def at_once(self, sender: str, now: float, limits: Limits) -> bool:
        """Whether a new message may go there without waiting for its turn: it works, and nothing is due before it."""
        if not (self.clear(now) and self.works(now, limits) and self.free(limits)):
            return False
        most = limits.sender
        return not (most and self.senders[sender] >= most)

    def took(self, seconds: float) -> None:
        """It answered well after this time."""
        self.usual = seconds if not self.usual else self.usual * 0.8 + seconds * 0.2

    def leave(self, sender: str) -> None:
        """The room of a message of this sender is free again."""
        self.running -= 1
        self.senders[sender] -= 1
        if self.senders[sender] <= 0:
            del self.senders[sender]

    def began(self, count: int, limits: Limits, now: float) -> None:
        """So many messages were just leased: a rate says when the next may be."""
        rate = limits.rates.get(self.name, limits.rate)
        if rate and count and not self.local:
            self.rate_next = max(now, self.rate_next) + count * 60.0 / rate

    def heed(self, feedback: Feedback, started: float, now: float, limits: Limits) -> bool:
        """Learn from an attempt that began at ``started``; True when the destination is down from now on."""
        if feedback.well:
            self.misses = 0
            self.proven_until = now + PROVEN_SECONDS
            step = 1.0 if self.window < self.ceiling else 1.0 / self.window
            self.window = min(self.window + step, float(limits.most))
            return False
        if not (feedback.slow or feedback.down):
            return False
        if self.rest_until > now:
            return False  # known already: it was under way when another one found out
        if started >= self.shrunk_at:
            self.window = self.ceiling = max(self.window / 2, 1.0)
            self.shrunk_at = now
        if feedback.retry_after and not feedback.down:
            self.rest_until = now + feedback.retry_after
            return False
        self.misses += 1
        return self.failures > 0 or self.misses >= int(self.window)


class Places:
    """All destinations with something due soon. Those that took mail recently and those that did not (yet) wait in
    lines of their own: the second line never gets more than half of all room."""

    def __init__(self) -> None:
        self._known: dict[str, Place] = {}
        self._idle: OrderedDict[str, None] = OrderedDict()
        self._heap: list[tuple[float, int, str]] = []
        self._lines: tuple[deque[Place], ...] = (deque(), deque(), deque())
        self._count = 0
        self._turn = 0

    def __len__(self) -> int:
        return len(self._known)

    @property
    def busy(self) -> int:
        """How many are known and have something to do."""
        return len(self._known) - len(self._idle)

    @property
    def full(self) -> bool:
        """Whether there is no room for further ones."""
        return self.busy >= MOST_PLACES

    @property
    def crowded(self) -> bool:
        """Whether somebody's turn has come but for the room."""
        return any(self._lines)

    def get(self, name: str) -> Place | None:
        """A known destination."""
        return self._known.get(name)

    def see(self, name: str, due: float, limits: Limits, until: float | None = None) -> bool:
        """Something is due there at this time. ``until``: it is left alone until then, as the database has it (None:
        not asked). False where there is no room for it."""
        place = self._known.get(name)
        if place is None:
            if self.full:
                return False
            if len(self._known) >= MOST_PLACES:
                oldest, _ = self._idle.popitem(last=False)
                del self._known[oldest]
            place = self._known[name] = Place(name, float(limits.first), float(limits.most))
        if until is not None and (until or place.failures):
            place.rest_until = until
        place.told += 1
        if place.taking:
            place.more = True  # what was just put may have come too late for that lease
        elif place.at is None or max(due, place.rest_until, place.rate_next) < place.at:
            self.schedule(place, due)
        return True

    def schedule(self, place: Place, at: float) -> None:
        """Serve it at this time, not before it has rested and its rate allows."""
        at = max(at, place.rest_until, place.rate_next)
        if place.ready:
            return
        self._idle.pop(place.name, None)
        if place.at == at:
            return
        place.at = at
        self._count += 1
        heapq.heappush(self._heap, (at, self._count, place.name))
        if len(self._heap) > 2 * MOST_PLACES + 100:
            self._tidy()

    def take(self, place: Place, sender: str) -> None:
        """A message of this sender is under way there."""
        self._idle.pop(place.name, None)
        place.running += 1
        place.senders[sender] += 1

    def forget(self, place: Place) -> None:
        """Nothing is due there for now: remember only how it is, as long as there is room."""
        place.at = None
        place.more = False
        if not (place.ready or place.taking or place.running):
            self._idle[place.name] = None

    def promote(self, place: Place) -> None:
        """It took mail just now: it need not wait any more among those of which nothing is known."""
        if place.ready and place in self._lines[_OTHERS]:
            self._lines[_OTHERS].remove(place)
            self._lines[_PROVEN].append(place)

    def next(self, now: float, *, proven: bool = True, others: bool = True) -> Place | None:
        """The one whose turn it is; None if nobody's. ``proven``, ``others``: whether there is room for those that
        took mail recently, and for those that did not. Our own mailboxes are always asked for."""
        self._mature(now)
        self._turn ^= 1
        lines = [(_PROVEN, proven), (_OTHERS, others)]
        for line, wanted in [(_LOCAL, True), *(lines if self._turn else reversed(lines))]:
            if wanted and self._lines[line]:
                place: Place = self._lines[line].popleft()
                place.ready = False
                place.at = None
                return place
        return None

    def wait(self) -> float | None:
        """When the next one matures; None if there is none."""
        while self._heap:
            at, _, name = self._heap[0]
            place = self._known.get(name)
            if place is not None and place.at == at and not place.ready:
                return at
            heapq.heappop(self._heap)
        return None

    def _mature(self, now: float) -> None:
        while (at := self.wait()) is not None and at <= now:
            _, _, name = heapq.heappop(self._heap)
            place = self._known[name]
            place.ready = True
            self._lines[_LOCAL if place.local else _PROVEN if place.proven(now) else _OTHERS].append(place)

    def _tidy(self) -> None:
        self._heap = [
            entry
            for entry in self._heap
            if (at := self._known.get(entry[2])) is not None and at.at == entry[0]
        ]
        heapq.heapify(self._heap)
