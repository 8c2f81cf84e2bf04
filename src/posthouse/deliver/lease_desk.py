"""The dispatcher's leases: the unit that takes rows of one destination, and the limits that the settings set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from posthouse.database.contract import Transaction
from posthouse.deliver.places import Limits
from posthouse.queue import destinations
from posthouse.queue.contract import LOCAL, Lease, Queue
from posthouse.settings import queue as settings_queue
from posthouse.settings.contract import CurrentSettings, Settings

ROWS = 200
"""Rows leased by one unit."""


@dataclass(frozen=True, slots=True)
class Leased:
    """What a unit found of a destination: rows, or why there are none. ``next_due``: of what is left."""

    leases: Sequence[Lease] = ()
    next_due: float | None = None
    paused: bool = False
    down_until: float = 0.0
    failures: int = 0


class LeaseDesk:
    """Takes rows for ``owner``."""

    def __init__(
        self, queue: Queue, settings: CurrentSettings, owner: str, clock: Callable[[], float]
    ) -> None:
        self._queue = queue
        self._settings = settings
        self._owner = owner
        self._clock = clock
        self._limits: tuple[Settings | None, Limits] = (None, Limits(2, 1, 1, 1))

    def limits(self) -> Limits:
        """What the settings say of now."""
        now = self._settings.now
        known, limits = self._limits
        if now is not known:
            limits = Limits(
                at_once=now[settings_queue.AT_ONCE],
                first=now[settings_queue.DESTINATION_FIRST],
                most=now[settings_queue.DESTINATION_MOST],
                sender=now[settings_queue.SENDER_MOST],
                rate=now[settings_queue.DESTINATION_RATE],
                rates=settings_queue.rates_of(now[settings_queue.RATES]),
            )
            self._limits = now, limits
        return limits

    def seconds(self, *, local: bool) -> float:
        """How long a lease lasts."""
        return float(
            self._settings.now[settings_queue.LEASE_TIME if local else settings_queue.REMOTE_LEASE_TIME]
        )

    def lease(self, tx: Transaction, name: str, count: int, busy: Mapping[str, int]) -> Leased:
        """The unit that leases up to ``count`` messages, unless the destination is paused or to be left alone;
        ``busy``: messages under way there by sender."""
        now = self._clock()
        known = destinations.states(tx, (name, destinations.EVERYTHING))
        if any(each.paused for each in known.values()):
            return Leased(paused=True)
        state = known.get(name, destinations.DestinationState(name))
        if state.down_until > now:
            return Leased(down_until=state.down_until, failures=state.failures)
        local = name == LOCAL
        leases = self._queue.lease(
            tx,
            now,
            ROWS,
            self.seconds(local=local),
            self._owner,
            destination=name,
            most=1 if state.failures else count,
            each=0 if local else self.limits().sender,
            busy=busy,
        )
        return Leased(leases, self._queue.next_due(tx, destination=name), failures=state.failures)
