"""Refusals on their way into the traces, and the end of old traces: the unhurried half of tracing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import time

from posthouse.database.contract import Database, DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.queue.traces import TraceRow, remove_old, write
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.trace import KEEP_DAYS, MAX_REFUSED

_log = logger("queue.traces")

FLUSH = 2.0
"""Seconds between writes of gathered refusals."""

CHUNK = 200
"""Rows per unit of work."""

CLEAN = 3600.0
"""Seconds between removals of old traces."""


class Refusals:
    """Gathers refusals and writes them every two seconds; removes traces that are too old, an hour apart.

    ``note`` may be called at any time in the event loop. ``run`` works until it is cancelled and then writes
    what is left. Refusals beyond ``trace.max_refused`` a minute are counted in one log line.
    """

    def __init__(
        self, database: Database, settings: CurrentSettings, clock: Callable[[], float] = time
    ) -> None:
        self._database = database
        self._settings = settings
        self._clock = clock
        self._waiting: list[TraceRow] = []
        self._minute = 0
        self._noted = 0
        self._dropped = 0

    def note(self, trace: str, stage: str, text: str) -> None:
        """Remember one refusal."""
        now = self._clock()
        minute = int(now // 60)
        if minute != self._minute:
            self._minute, self._noted = minute, 0
        if self._noted >= self._settings.now[MAX_REFUSED]:
            self._dropped += 1
            return
        self._noted += 1
        self._waiting.append(TraceRow(trace, now, ((stage, text),)))

    async def run(self) -> None:
        """Write and clean until cancelled."""
        cleaned = 0.0
        try:
            while True:
                await asyncio.sleep(FLUSH)
                try:
                    await self.flush()
                    if self._clock() - cleaned >= CLEAN:
                        cleaned = self._clock()
                        await self.clean()
                except DatabaseUnavailable as problem:
                    _log.warning("traces.unwritable", reason=str(problem))
        finally:
            try:
                await self.flush()
            except DatabaseUnavailable:
                pass  # best effort: the refusals themselves were answered long ago

    async def flush(self) -> None:
        """Write what was gathered. What the database does not take is dropped, so that memory stays
        bounded."""
        if self._dropped:
            _log.warning("traces.refusals_not_written", count=self._dropped)
            self._dropped = 0
        rows, self._waiting = self._waiting, []
        for start in range(0, len(rows), CHUNK):
            await self._database.run(write, rows[start : start + CHUNK])

    async def clean(self) -> int:
        """Remove what is older than ``trace.keep_days``, in small units with pauses; returns how many rows
        went."""
        before = self._clock() - self._settings.now[KEEP_DAYS] * 86400.0
        gone = 0
        while True:
            removed = await self._database.run(remove_old, before, CHUNK)
            gone += removed
            if removed < CHUNK:
                return gone
            await asyncio.sleep(0.05)
