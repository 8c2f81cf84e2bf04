"""How much the accounts of a domain hold together, without adding up a hundred thousand of them at each RCPT.

The sum is remembered, and with it everything that this process let in since it was asked for; so within a process a
domain is never promised more than it may hold. What other workers let in is seen with the next sum. A sum may be used
for :data:`AGE` seconds, or :data:`WORTH` times as long as it took; near the limit it is asked for anew each time (a
hundred thousand accounts: after ten times as long as it takes). A counter in the database would be exact to the last
byte at every moment, but each delivery into a domain would have to wait for the row that the one before has changed,
and a counter may drift; mailboxes have counters already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from posthouse.database.contract import Database, Transaction
from posthouse.route.domain_use_records import SELECT_DOMAIN_USE, SELECT_NEARLY_FULL

AGE = 2.0
WORTH = 50.0
NEAR = 0.95
NEAR_WORTH = 10.0
QUICK = 0.02
"""Seconds: a sum that takes no longer is asked for anew each time near the limit."""
MOST = 10_000
"""Domains remembered."""


@dataclass(slots=True)
class _Sum:
    size: int = 0
    asked_at: float = -1e9
    took: float = 0.0
    grown: list[tuple[float, int]] = field(default_factory=list)
    asking: asyncio.Task[None] | None = None

    def known(self) -> int:
        return self.size + sum(size for _, size in self.grown)


def use_in(tx: Transaction, domain_id: int) -> int:
    """Bytes that all accounts of a domain hold."""
    return int(tx.execute(SELECT_DOMAIN_USE, {"domain_id": domain_id})[0][0])


def nearly_full(tx: Transaction, level: int, count: int) -> list[tuple[str, int, int]]:
    """(name, limit, bytes held) of active domains whose accounts hold ``level`` per cent of the limit or more."""
    rows = tx.execute(SELECT_NEARLY_FULL, {"level": level, "count": count})
    return [(row[0], int(row[1]), int(row[2])) for row in rows]


class DomainUse:
    """The sums of this process."""

    def __init__(self, database: Database, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._sums: dict[int, _Sum] = {}

    async def refresh(self, domain_id: int, limit: int, promised: int) -> None:
        """See to it that the sum is young enough. Raises DatabaseUnavailable."""
        found = self._sums.get(domain_id)
        if found is None:
            if len(self._sums) >= MOST:
                self._sums.clear()
            found = self._sums[domain_id] = _Sum()
        if self._clock() - found.asked_at < self._age(found, limit, promised):
            return
        if found.asking is None or found.asking.done():
            found.asking = asyncio.ensure_future(self._ask(domain_id, found))
        elif found.took <= QUICK:
            # One is under way, but began before now: what was let in meanwhile might not be in it.
            await asyncio.shield(found.asking)
            found.asking = asyncio.ensure_future(self._ask(domain_id, found))
        await asyncio.shield(found.asking)

    def known(self, domain_id: int) -> int:
        """Bytes held as far as is known here: never less than what this process let in."""
        found = self._sums.get(domain_id)
        return found.known() if found is not None else 0

    def grew(self, domain_id: int, size: int) -> None:
        """Something was let in (or may have been: then the next sum corrects it)."""
        found = self._sums.get(domain_id)
        if found is not None and size:
            found.grown.append((self._clock(), size))

    def _age(self, found: _Sum, limit: int, promised: int) -> float:
        if found.known() + promised < limit * NEAR:
            return max(AGE, found.took * WORTH)
        return 0.0 if found.took <= QUICK else found.took * NEAR_WORTH

    async def _ask(self, domain_id: int, found: _Sum) -> None:
        asked_at = self._clock()
        size = await self._database.scan(use_in, domain_id)
        found.took = self._clock() - asked_at
        found.size, found.asked_at = size, asked_at
        # What was let in before the question is in the answer.
        found.grown = [each for each in found.grown if each[0] >= asked_at]
