"""The job that removes bodies nothing refers to.

Three steps, so that no race can remove a body that somebody has just begun to use: a row that nothing refers
to is condemned; a while later, under the row's lock, it is checked again that nothing refers to it; then the
file is unlinked and the row deleted in that unit. A unit that claims a condemned body revives its row first
and looks for the file after, so one of the two sees the other. What a crash leaves (a file without a row, a
temporary file) is swept when it is an hour old.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from posthouse.bodies.files import FileBodies
from posthouse.bodies.hold import held_in
from posthouse.bodies.records import (
    CONDEMN,
    DELETE_BODY,
    REVIVE,
    SELECT_AFTER,
    SELECT_BODY,
    SELECT_KNOWN,
    bodies,
)
from posthouse.database.contract import Database, Transaction
from posthouse.observe import steps
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.store import REMOVAL_WAIT

Referrer = Callable[[Transaction, Sequence[str]], set[str]]
"""Which of these digests something refers to; one for each folder whose tables refer to bodies."""


Forgetter = Callable[[Transaction, str], None]
"""Drop what was derived from a body that is going away."""

ORPHAN_AGE = 3600.0
"""Seconds after which a file without a row, or a temporary file, is a left-over."""

_ROWS = 500
_UNLINKS = 50


@dataclass(slots=True)
class Removed:
    """What one pass did."""

    condemned: int = 0
    revived: int = 0
    removed: int = 0
    orphans: int = 0
    temporary: int = 0


class Removal:
    """The job. One worker of one node makes a pass every REMOVAL_INTERVAL; more would be harmless and
    wasteful."""

    def __init__(
        self,
        database: Database,
        bodies: FileBodies,
        referrers: Sequence[Referrer],
        forgetters: Sequence[Forgetter],
        settings: CurrentSettings,
    ) -> None:
        self._database = database
        self._bodies = bodies
        self._referrers = tuple(referrers)
        self._forgetters = tuple(forgetters)
        self._settings = settings

    async def once(self, *, now: float | None = None) -> Removed:
        """One pass over all bodies. ``now`` is the clock (for tests)."""
        done = Removed()
        moment = time.time() if now is None else now
        after = b""
        while True:
            rows, referred = await self._database.scan(self._look, after)
            if not rows:
                break
            after = rows[-1][0]
            await self._judge(rows, referred, moment, done)
        await self._sweep(moment, done)
        return done

    def _look(self, tx: Transaction, after: bytes) -> tuple[list[tuple[bytes, int, int | None]], set[str]]:
        rows = tx.execute(SELECT_AFTER, {"after": after, "count": _ROWS})
        return [(bytes(row[0]), row[1], row[2]) for row in rows], self._referred(
            tx, [row[0].hex() for row in rows]
        )

    def _referred(self, tx: Transaction, digests: Sequence[str]) -> set[str]:
        found: set[str] = set()
        if digests:
            for referrer in self._referrers:
                found |= referrer(tx, digests)
        return found

    async def _judge(
        self, rows: list[tuple[bytes, int, int | None]], referred: set[str], now: float, done: Removed
    ) -> None:
        wait = self._settings.now[REMOVAL_WAIT]
        fresh: list[bytes] = []
        due: list[bytes] = []
        for digest, _, condemned_at in rows:
            if condemned_at is None:
                if digest.hex() not in referred:
                    fresh.append(digest)
            elif digest.hex() in referred or now - condemned_at >= wait:
                due.append(digest)
        if fresh:
            done.condemned += await self._database.run(self._condemn, fresh, int(now))
            steps.step("removal.condemned")
        for start in range(0, len(due), _UNLINKS):
            removed, revived = await self._database.run(self._remove, due[start : start + _UNLINKS])
            done.removed += removed
            done.revived += revived

    def _condemn(self, tx: Transaction, digests: list[bytes], now: int) -> int:
        condemned = 0
        referred = self._referred(tx, [digest.hex() for digest in digests])
        for digest in digests:
            if digest.hex() not in referred:
                condemned += tx.change(CONDEMN, {"of_digest": digest, "now": now})
        return condemned

    def _remove(self, tx: Transaction, digests: list[bytes]) -> tuple[int, int]:
        removed = revived = 0
        if held_in(tx, time.time()):
            return 0, 0  # a backup still reads what was there when it began; the next pass is soon enough
        for digest in digests:
            rows = tx.lock(SELECT_BODY, {"digest": digest})
            if not rows or rows[0][1] is None:
                continue  # claimed again meanwhile
            name = digest.hex()
            if self._referred(tx, [name]):
                tx.execute(REVIVE, {"of_digest": digest})
                revived += 1
                continue
            # Unlinking may be repeated, and if the commit fails the row stays condemned: a claim then finds
            # the file missing and keeps it again.
            self._bodies.unlink(name)
            steps.step("removal.unlinked")
            for forget in self._forgetters:
                forget(tx, name)
            tx.execute(DELETE_BODY, {"of_digest": digest})
            removed += 1
        return removed, revived

    async def _sweep(self, now: float, done: Removed) -> None:
        before = min(now, time.time()) - ORPHAN_AGE
        done.temporary = await asyncio.to_thread(self._bodies.sweep_temporary, before)
        files = self._bodies.kept()
        while names := await asyncio.to_thread(_old_ones, files, before):
            if names == [""]:
                continue
            unknown = await self._database.scan(_unknown, names)
            for start in range(0, len(unknown), _UNLINKS):
                done.orphans += await self._database.run(
                    self._remove_orphans, unknown[start : start + _UNLINKS], before
                )

    def _remove_orphans(self, tx: Transaction, digests: list[str], before: float) -> int:
        removed = 0
        if held_in(tx, time.time()):
            return 0  # a restore puts bodies there before anything refers to them
        for digest in _unknown(tx, digests):
            try:
                status = os.stat(self._bodies.path(digest))
                if status.st_mtime < before:
                    removed += self._remove_orphan(tx, digest, status.st_size)
            except FileNotFoundError:
                continue
        return removed

    def _remove_orphan(self, tx: Transaction, digest: str, size: int) -> int:
        """Unlink a file under a row made for the purpose: whoever claims this body meanwhile is either there
        first (the row is then theirs) or waits for ours to go, and finds the file missing."""
        key = bytes.fromhex(digest)
        now = int(time.time())
        tx.insert_ignore(bodies, {"digest": key, "size": size, "created_at": now, "condemned_at": now})
        rows = tx.lock(SELECT_BODY, {"digest": key})
        if not rows or rows[0][1] is None:
            return 0  # claimed meanwhile
        self._bodies.unlink(digest)
        tx.execute(DELETE_BODY, {"of_digest": key})
        return 1


def _old_ones(files: Iterator[tuple[str, float, int]], before: float) -> list[str]:
    """The old ones among the next files; [""] when none of these is old, [] at the end."""
    batch = list(islice(files, _ROWS))
    old = [digest for digest, written, _ in batch if written < before]
    return old or ([""] if batch else [])


def _unknown(tx: Transaction, digests: Sequence[str]) -> list[str]:
    known = {
        bytes(row[0]).hex()
        for row in tx.execute(SELECT_KNOWN, {"digests": [bytes.fromhex(d) for d in digests]})
    }
    return [digest for digest in digests if digest not in known]
