"""A mailbox held in memory once for all sessions of this process: what is there now, and what changed lately.

The state is only ever loaded from the database, by modseq; nothing a session does changes it directly.
Loading may meet the same change twice (the first look was a moment older than the second): both times it is
told by its modseq, and the second does nothing.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from posthouse.database.contract import Database, Row, Transaction
from posthouse.store import compact
from posthouse.store.compact import Compact
from posthouse.store.contract import Mailbox, Message, StoreRefusal
from posthouse.store.records import (
    SELECT_CHANGED,
    SELECT_MAILBOX,
    SELECT_RANGE,
    SELECT_TOMBSTONES,
    UID_BITS,
    UID_MASK,
    message_id,
)
from posthouse.store.rows import StoredMessage, mailbox_from, tombstones_from
from posthouse.store.seen import flags_for, marks_in, marks_of, unseen_for

if TYPE_CHECKING:
    from posthouse.store.view import MailboxView

INLINE_ROWS = 300
"""Rows that may be loaded in the event loop's thread."""
SCAN_ROWS = 5_000
"""Rows one scanning transaction loads."""
LOG_ENTRIES = 4_000
"""Changes remembered one by one; a session further behind compares everything."""
_AS_BEFORE = -1
"""In place of a number that nothing changed."""
CHECK_SECONDS = 1.0
"""How long a database that is not asked in passing may go unasked without a notice from the feed."""


@dataclass(slots=True)
class _Loaded:
    """What one look at the database found."""

    mailbox: Mailbox | None
    rows: list[Row] = field(default_factory=list)
    tombstones: list[tuple[int, int]] = field(default_factory=list)
    complete: bool = True
    everything: bool = False


class MailboxState:
    """The shared state. ``uids`` and ``rows`` run side by side. A change of membership makes a new list of
    ``uids``, so that a session can keep the old one as its own numbering; ``rows`` changes in place. It is a list of
    messages, or packed where there are many."""

    def __init__(self, database: Database, mailbox_id: int, reader: int = 0) -> None:
        self._database = database
        self._reader = reader
        """Whose \\Seen is shown, where each reader has their own; else 0."""
        self.mailbox_id = mailbox_id
        self.mailbox: Mailbox = Mailbox(mailbox_id, 0, "", "", 0, 1, 0)
        self.uids: array[int] = uids_of(())
        self.rows: list[StoredMessage] | Compact = []
        self.modseq = 0
        self.version = 0
        """Counts loads that found something."""
        self.stale = True
        """A notice said that there is more."""
        self.gone = False
        self.views: set[MailboxView] = set()
        self.opening = 0
        """Views that are being made."""
        self.changes: list[tuple[int, int]] = []
        """(modseq, UID) of flag changes, in the order of modseq."""
        self.changes_from = 0
        """Changes up to this modseq are not in the list."""
        self.expunges: list[tuple[int, int]] = []
        """(modseq, UID) of expunges, in the order of modseq."""
        self.expunges_from = 0
        self._keyword_sets: set[tuple[str, ...]] = set()
        self.keywords: tuple[str, ...] = ()
        self.scratch: dict[str, object] = {}
        self._lock = asyncio.Lock()
        self._checked = 0.0
        self._loads = 0

    @property
    def key(self) -> tuple[int, int]:
        """The mailbox and the reader."""
        return self.mailbox_id, self._reader

    def find(self, uid: int) -> Message | None:
        """The newest state of a message."""
        place = bisect_left(self.uids, uid)
        if place < len(self.uids) and self.uids[place] == uid:
            return self.rows[place]
        return None

    async def refresh(self) -> None:
        """Load what changed. Raises StoreRefusal NONEXISTENT when the mailbox is gone."""
        if not self.stale and not self._database.inline and time.monotonic() - self._checked < CHECK_SECONDS:
            self._refuse_gone()
            return
        if self._lock.locked():
            loads = self._loads
            async with self._lock:
                # a load that began after we asked has seen what we want to see
                if self._loads > loads:
                    self._refuse_gone()
                    return
                await self._load_or_stay_stale()
        else:
            async with self._lock:
                await self._load_or_stay_stale()
        self._refuse_gone()

    def _refuse_gone(self) -> None:
        if self.gone:
            raise StoreRefusal("NONEXISTENT", "The mailbox does not exist any more")

    async def _load_or_stay_stale(self) -> None:
        if self.gone:
            return
        self.stale = False
        self._loads += 1
        try:
            await self._load()
        except BaseException:
            self.stale = True
            raise

    async def _load(self) -> None:
        loaded = await self._database.read(_look, self.mailbox_id, self.modseq, INLINE_ROWS, self._reader)
        if not loaded.complete:
            if loaded.everything:
                await self._load_everything()
                return
            loaded = await self._database.scan(_look, self.mailbox_id, self.modseq, SCAN_ROWS, self._reader)
            if not loaded.complete:
                await self._load_everything()
                return
        self._checked = time.monotonic()
        if loaded.mailbox is None:
            self.gone = True
            self.version += 1
            self._tell()
            return
        self._apply(loaded, loaded.mailbox)

    async def _load_everything(self) -> None:
        """Load all messages, in several transactions where there are many: what changes between them has a
        modseq above the one read first, and is loaded again next time."""
        head, part = await self._database.scan(_look_everything, self.mailbox_id, 0, self._reader)
        if head is None:
            self.gone = True
            self.version += 1
            self._tell()
            return
        rows: list[StoredMessage] | Compact = []
        if head.messages >= compact.LARGE:
            rows = Compact(self.mailbox_id)
        uids = uids_of(())
        while True:
            if isinstance(rows, Compact):
                await asyncio.to_thread(_pack, rows, uids, part)
            else:
                rows.extend(map(StoredMessage, part))
                uids.extend(row[0] & UID_MASK for row in part)
            if len(part) < SCAN_ROWS:
                break
            _, part = await self._database.scan(_look_everything, self.mailbox_id, part[-1][0], self._reader)
        self._checked = time.monotonic()
        self._replace(uids, rows, head)

    def _replace(self, uids: array[int], rows: list[StoredMessage] | Compact, mailbox: Mailbox) -> None:
        before, had = self.uids, self.modseq
        self.mailbox = mailbox
        self.rows = rows
        self.uids = uids
        self.modseq = mailbox.highest_modseq
        # sessions that are behind find their differences by comparing
        self.changes, self.expunges = [], []
        self.changes_from = self.expunges_from = self.modseq
        self._learn_keywords(
            rows.keyword_sets() if isinstance(rows, Compact) else {row.keywords for row in rows}
        )
        if had or before:
            self._tell()
        self.version += 1

    def _apply(self, loaded: _Loaded, mailbox: Mailbox) -> None:
        changed = bool(loaded.rows or loaded.tombstones)
        if mailbox.unseen == _AS_BEFORE:
            mailbox.unseen = self.mailbox.unseen
        if changed:
            self._apply_rows([StoredMessage(row) for row in loaded.rows])
            self._apply_tombstones(loaded.tombstones)
            self._trim()
            self.version += 1
        self.mailbox = mailbox
        self.modseq = max(self.modseq, mailbox.highest_modseq)
        if changed:
            self._tell()

    def _apply_rows(self, messages: list[StoredMessage]) -> None:
        rows = self.rows
        last = self.uids[-1] if self.uids else 0
        new = []
        newer: dict[int, StoredMessage] = {}
        for message in messages:
            if message.uid > last:
                new.append(message)
                continue
            place = bisect_left(self.uids, message.uid)
            if place == len(self.uids) or self.uids[place] != message.uid:
                continue  # expunged already; a late look at an old row
            if rows[place].modseq >= message.modseq:
                continue
            newer[place] = message
            self.changes.append((message.modseq, message.uid))
        if isinstance(rows, Compact):
            rows.put(newer)
        else:
            for place, message in newer.items():
                rows[place] = message
        if new:
            new.sort(key=lambda message: message.uid)
            self.uids = self.uids + uids_of([message.uid for message in new])
            rows.extend(new)
            if isinstance(rows, list) and len(rows) >= 2 * compact.LARGE:
                self.rows = Compact(self.mailbox_id)
                self.rows.extend(rows)
        self._learn_keywords({message.keywords for message in messages})

    def _apply_tombstones(self, tombstones: list[tuple[int, int]]) -> None:
        places = set()
        for uid, modseq in tombstones:
            place = bisect_left(self.uids, uid)
            if place < len(self.uids) and self.uids[place] == uid:
                places.add(place)
                self.expunges.append((modseq, uid))
        if not places:
            return
        if isinstance(self.rows, Compact):
            self.rows.drop(places)
        elif len(places) == 1:
            del self.rows[next(iter(places))]
        else:
            self.rows = [message for place, message in enumerate(self.rows) if place not in places]
        if len(places) == 1:
            place = places.pop()
            self.uids = self.uids[:place] + self.uids[place + 1 :]
        else:
            self.uids = uids_of([uid for place, uid in enumerate(self.uids) if place not in places])

    def _learn_keywords(self, found: set[tuple[str, ...]]) -> None:
        sets = found - self._keyword_sets
        if sets:
            self._keyword_sets |= sets
            names = {name for each in self._keyword_sets for name in each}
            if names != set(self.keywords):
                self.keywords = tuple(sorted(names))

    def _trim(self) -> None:
        if len(self.changes) > 2 * LOG_ENTRIES:
            self.changes_from = self.changes[-LOG_ENTRIES - 1][0]
            self.changes = self.changes[-LOG_ENTRIES:]
        if len(self.expunges) > 2 * LOG_ENTRIES:
            self.expunges_from = self.expunges[-LOG_ENTRIES - 1][0]
            self.expunges = self.expunges[-LOG_ENTRIES:]

    def _tell(self) -> None:
        for view in tuple(self.views):
            view.told()


def uids_of(found: Iterable[int]) -> array[int]:
    """UIDs in the least memory: four bytes each."""
    return array("I", found)


def _pack(rows: Compact, uids: array[int], part: list[Row]) -> None:
    """In a thread: take what was read."""
    rows.extend_rows(part)
    uids.extend([row[0] & UID_MASK for row in part])


def since(log: list[tuple[int, int]], modseq: int) -> list[tuple[int, int]]:
    """The entries above a modseq."""
    place = len(log)
    while place and log[place - 1][0] > modseq:
        place -= 1
    return log[place:]


def _look(tx: Transaction, mailbox_id: int, since_modseq: int, most: int, reader: int = 0) -> _Loaded:
    """What is above a modseq; not ``complete`` when it is more than ``most`` rows. ``reader``: for whose eyes."""
    found = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not found or found[0][1] < 0:
        return _Loaded(None)
    mailbox = mailbox_from(found[0])
    own = reader and mailbox.own_seen
    if mailbox.highest_modseq <= since_modseq:
        if own:
            mailbox.unseen = _AS_BEFORE
        return _Loaded(mailbox)
    if own:
        mailbox.unseen = unseen_for(tx, mailbox, reader)
    if (since_modseq == 0 and mailbox.messages > most) or 0 < since_modseq < tombstones_from(found[0]):
        return _Loaded(mailbox, complete=False, everything=True)
    key = {"mailbox_id": mailbox_id, "since": since_modseq}
    rows = tx.execute(SELECT_CHANGED, {**key, "count": most + 1})
    if len(rows) > most:
        return _Loaded(mailbox, complete=False)
    rows = _as_read(tx, mailbox, rows, reader)
    if since_modseq == 0:
        return _Loaded(mailbox, rows)
    return _Loaded(mailbox, rows, [(row[0], row[1]) for row in tx.execute(SELECT_TOMBSTONES, key)])


def _as_read(tx: Transaction, mailbox: Mailbox, rows: list[Row], reader: int) -> list[Row]:
    """The rows with a reader's own \\Seen."""
    if not reader or not mailbox.own_seen or not rows:
        return rows
    if len(rows) > INLINE_ROWS:
        marks = marks_in(tx, reader, mailbox.id)
    else:
        marks = marks_of(tx, reader, [row[0] for row in rows])
    return [(*row[:2], flags_for(row[2], marks.get(row[0])), *row[3:]) for row in rows]


def _look_everything(
    tx: Transaction, mailbox_id: int, after: int, reader: int = 0
) -> tuple[Mailbox | None, list[Row]]:
    head = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not head or head[0][1] < 0:
        return None, []
    span = {"after": after or message_id(mailbox_id, 0), "last": message_id(mailbox_id, (1 << UID_BITS) - 1)}
    mailbox = mailbox_from(head[0])
    if reader and mailbox.own_seen:
        mailbox.unseen = unseen_for(tx, mailbox, reader)
    return mailbox, _as_read(tx, mailbox, tx.execute(SELECT_RANGE, {**span, "count": SCAN_ROWS}), reader)
