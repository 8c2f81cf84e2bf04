"""Counts about strangers, shared by the workers of a node: each tells its own, and hears the sum of the
others."""

from __future__ import annotations

from collections.abc import Mapping


class Tally:
    """The supervisor's side: what each worker holds, by source."""

    def __init__(self) -> None:
        self._held: dict[int, dict[str, int]] = {}
        self._sum: dict[str, int] = {}

    def change(self, worker: int, deltas: Mapping[str, int]) -> None:
        """A worker's counts moved."""
        held = self._held.setdefault(worker, {})
        for source, delta in deltas.items():
            _add(held, source, delta)
            _add(self._sum, source, delta)

    def forget(self, worker: int) -> None:
        """A worker is gone, and its connections with it."""
        for source, count in self._held.pop(worker, {}).items():
            _add(self._sum, source, -count)

    def others(self, worker: int) -> dict[str, int]:
        """What all workers but this one hold."""
        own = self._held.get(worker, {})
        if not own:
            return dict(self._sum)
        return {
            source: left for source, count in self._sum.items() if (left := count - own.get(source, 0)) > 0
        }


def _add(counts: dict[str, int], source: str, delta: int) -> None:
    now = counts.get(source, 0) + delta
    if now > 0:
        counts[source] = now
    else:
        counts.pop(source, None)
