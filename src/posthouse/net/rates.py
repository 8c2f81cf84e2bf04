"""How often something may happen in a minute, by who does it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from time import monotonic

MOST = 50_000
"""Of so many it is remembered at most; who was seen longest ago is forgotten first."""


class PerMinute:
    """Token buckets that fill within a minute. Event loop only.

    Several processes hold one rate when each tells the others of what it counted (``charge``): what all of them count
    in the moment before they hear of each other may be too much, and is then missing afterwards.
    """

    __slots__ = ("_clock", "_left")

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str, rate: int) -> bool:
        """Count one; False where ``rate`` in a minute are used up (it is then not counted)."""
        left = self._filled(who, rate)
        taken = left >= 1.0
        self._keep(who, left - 1.0 if taken else left)
        return taken

    def charge(self, who: str, rate: int, times: int) -> None:
        """So many were counted elsewhere."""
        self._keep(who, self._filled(who, rate) - times)

    def _filled(self, who: str, rate: int) -> float:
        now = self._clock()
        left, last = self._left.get(who, (float(rate), now))
        return min(float(rate), left + (now - last) * rate / 60.0)

    def _keep(self, who: str, left: float) -> None:
        self._left[who] = (left, self._clock())
        self._left.move_to_end(who)
        if len(self._left) > MOST:
            self._left.popitem(last=False)
