"""The memory of each domain's best TLS, and the word when it offers less than it did (a thief on the way looks like
that, and so does a certificate nobody renewed).

Outcomes are gathered and written together, never on the way of a message; a crash loses two seconds of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from posthouse.cluster import events
from posthouse.database.contract import Database, DatabaseUnavailable, Row, Transaction
from posthouse.deliver import tls_memory_records as records
from posthouse.observe.log import logger
from posthouse.settings import tls_out as settings_tls_out
from posthouse.settings.contract import CurrentSettings

log = logger("deliver.tls")

CLEAR, ENCRYPTED, VERIFIED = 0, 1, 2
"""Levels of a session. Verified: by DANE, by MTA-STS, by a route, or good by chance."""

WORDS = ("none", "encrypted", "verified")

FLUSH = 2.0
CHUNK = 100
DAY = 86_400.0
_MOST_WAITING = 5000


@dataclass(slots=True)
class Gathered:
    """What happened with one domain since the last write. ``last`` is -1 where no session came about."""

    best: int = -1
    last: int = -1
    host: str = ""
    tls: str = ""
    source: str = ""
    good: int = 0
    bad: int = 0
    trouble: str = ""
    trouble_host: str = ""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a domain (see the table)."""

    domain: str
    best: int
    best_at: float
    last: int
    last_at: float
    host: str = ""
    tls: str = ""
    source: str = ""
    good: int = 0
    bad: int = 0
    trouble: str = ""
    trouble_host: str = ""
    trouble_at: float = 0.0
    downgraded_at: float = 0.0


class TlsMemory:
    """``note`` may be called at any time in the event loop; ``run`` writes until it is cancelled."""

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._waiting: dict[str, Gathered] = {}

    def note(self, domain: str, host: str, level: int, *, tls: str, source: str, trouble: str) -> None:
        """Remember how a session went; ``level`` is -1 where none came about."""
        if self._settings.now[settings_tls_out.MEMORY] == "off":
            return
        if domain not in self._waiting and len(self._waiting) >= _MOST_WAITING:
            return  # the database is slow or gone; what is missed comes again with the next message
        one = self._waiting.setdefault(domain[:255], Gathered())
        if level >= 0:
            one.best, one.last = max(one.best, level), level
            one.host, one.tls, one.source = host[:255], tls[:16], source[:16]
        if trouble:
            one.bad += 1
            one.trouble, one.trouble_host = trouble[:40], host[:255]
        else:
            one.good += 1

    async def best(self, domain: str) -> int:
        """The best level seen within ``tls_out.memory_days``; 0 without any. Raises DatabaseUnavailable."""
        rows = await self._database.read(_read, domain)
        waiting = self._waiting.get(domain)
        seen = waiting.best if waiting is not None else 0
        if not rows:
            return max(seen, CLEAR)
        known = of_row(rows[0])
        return max(seen, CLEAR if self._too_old(known.best_at) else known.best)

    async def run(self) -> None:
        """Write what is gathered, and remove what is too old, until cancelled; then write what is left."""
        cleaned = 0.0
        try:
            while True:
                await asyncio.sleep(FLUSH)
                try:
                    await self.flush()
                    if self._clock() - cleaned >= 3600.0:
                        cleaned = self._clock()
                        await self.clean()
                except DatabaseUnavailable as problem:
                    log.warning("tls.memory_unwritable", reason=str(problem))
                except Exception:  # it must not end the worker
                    log.exception("tls.memory_unwritable")
        finally:
            try:
                await self.flush()
            except Exception as problem:
                log.warning("tls.memory_unwritable", reason=f"{type(problem).__name__}: {problem}")

    async def flush(self) -> None:
        """Write what was gathered."""
        waiting, self._waiting = list(self._waiting.items()), {}
        days = self._settings.now[settings_tls_out.MEMORY_DAYS]
        for start in range(0, len(waiting), CHUNK):
            piece = sorted(
                waiting[start : start + CHUNK]
            )  # in one order: writers of other processes wait, not clash
            for domain, was, now in await self._database.run(_write, piece, self._clock(), days * DAY):
                log.warning("tls.downgraded", domain=domain, before=WORDS[was], now=WORDS[now])

    async def clean(self) -> None:
        """Remove domains that got no mail for longer than anything is remembered."""
        days = max(self._settings.now[settings_tls_out.MEMORY_DAYS], 30)
        while await self._database.run(_remove_old, self._clock() - days * DAY):
            pass

    def forget(self, domain: str) -> None:
        """Drop what is not written yet; the row is the caller's to remove."""
        self._waiting.pop(domain, None)

    def _too_old(self, at: float) -> bool:
        return at < self._clock() - self._settings.now[settings_tls_out.MEMORY_DAYS] * DAY


def of_row(row: Row) -> Known:
    """As it is kept."""
    return Known(
        row[0], int(row[1]), float(row[2]), int(row[3]), float(row[4]), row[5], row[6], row[7],
        int(row[8]), int(row[9]), row[10], row[11], float(row[12]), float(row[13]),
    )  # fmt: skip


def _read(tx: Transaction, domain: str) -> list[Row]:
    return tx.execute(records.SELECT, {"of_domain": domain})


def _write(
    tx: Transaction, waiting: list[tuple[str, Gathered]], now: float, memory: float
) -> list[tuple[str, int, int]]:
    """Write them; returns the domains that offer less than before, with both levels."""
    fallen = []
    for domain, new in waiting:
        rows = tx.lock(records.SELECT, {"of_domain": domain})
        known = of_row(rows[0]) if rows else Known(domain, 0, 0.0, 0, 0.0)
        values = _values(known, new, now, memory)
        if values["downgraded_at"] and not known.downgraded_at:
            fallen.append((domain, values["best"], values["last"]))
        tx.upsert(records.tls_domains, {"domain": domain}, values)
    facts = [
        events.Fact("tls.downgraded", {"domain": domain, "before": WORDS[was], "now": WORDS[level]})
        for domain, was, level in fallen
    ]
    events.write(tx, facts)
    return fallen


def _values(known: Known, new: Gathered, now: float, memory: float) -> dict[str, Any]:
    best, best_at = known.best, known.best_at
    if best_at < now - memory:
        best, best_at = CLEAR, 0.0
    if new.best >= best and new.best >= 0:
        best, best_at = new.best, now
    last = new.last if new.last >= 0 else known.last
    met = new.last >= 0 or known.last_at > 0.0
    fallen = met and last < best and known.good + new.good > 0
    return {
        "best": best,
        "best_at": best_at,
        "last": last,
        "last_at": now,
        "host": new.host or known.host,
        "tls": new.tls if new.last >= 0 else known.tls,
        "source": new.source if new.last >= 0 else known.source,
        "good": known.good + new.good,
        "bad": known.bad + new.bad,
        "trouble": new.trouble or known.trouble,
        "trouble_host": new.trouble_host or known.trouble_host,
        "trouble_at": now if new.trouble else known.trouble_at,
        "downgraded_at": (known.downgraded_at or now) if fallen else 0.0,
    }


def _remove_old(tx: Transaction, before: float) -> int:
    old = tx.execute(records.SELECT_OLD, {"before": before, "count": 200})
    for (domain,) in old:
        tx.change(records.DELETE, {"of_domain": domain})
    return len(old)


def forget(tx: Transaction, domain: str) -> bool:
    """Remove what is kept of a domain; False when there was nothing."""
    return bool(tx.change(records.DELETE, {"of_domain": domain}))


def downgraded(tx: Transaction, since: float) -> list[tuple[str, int, int]]:
    """Domains that offer less than before: each with both levels."""
    rows = tx.execute(records.SELECT_DOWNGRADED, {"since": since})
    return [(row[0], int(row[1]), int(row[2])) for row in rows]
