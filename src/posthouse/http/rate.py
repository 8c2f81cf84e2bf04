"""How often somebody may ask: a bucket of requests for each token, session or address, refilled steadily."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

from posthouse.http.who import Asker
from posthouse.net.limits import source
from posthouse.settings import http as settings_http
from posthouse.settings.contract import CurrentSettings

MAX_BUCKETS = 20_000
"""Buckets kept; the one used longest ago goes first. Whoever it was begins with a full one again."""


class Rates:
    """Event loop only."""

    def __init__(self, settings: CurrentSettings, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> float:
        """Count one request. 0 when it may go on, else the seconds after which it may be tried again."""
        now = self._clock()
        rate = self._settings.now[settings_http.RATE]
        burst = float(self._settings.now[settings_http.BURST])
        level, at = self._buckets.pop(who, (burst, now))
        level = min(burst, level + (now - at) * rate)
        allowed = level >= 1.0
        self._buckets[who] = (level - 1.0 if allowed else level, now)
        while len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0.0 if allowed else (1.0 - level) / rate


def bucket_of(asker: Asker) -> str:
    """Whose bucket a request is taken from."""
    actor = asker.actor
    if actor is not None and actor.token:
        return f"token {actor.token}"
    if actor is not None and actor.session:
        return f"session {actor.session}"
    return f"address {source(asker.visitor.peer)}"
