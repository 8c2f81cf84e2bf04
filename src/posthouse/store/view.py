"""One session's cursor over a mailbox's shared state."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import cast

from posthouse.store.compact import FLAGS_THERE, Behind, Compact
from posthouse.store.contract import Mailbox, Message, Sync
from posthouse.store.state import MailboxState, since


class MailboxView:
    """The View of contract.py. ``release`` gives the shared state back."""

    __slots__ = (
        "_call",
        "_closed",
        "_expunges_told",
        "_muted",
        "_release",
        "_rows",
        "_rows_of",
        "_state",
        "_told",
        "_uids",
        "_version",
    )

    def __init__(self, state: MailboxState, release: Callable[[MailboxState, MailboxView], None]) -> None:
        self._state = state
        self._release = release
        self._uids = state.uids
        self._told = self._expunges_told = state.modseq
        self._version = state.version
        self._muted: dict[int, int] = {}
        self._call: Callable[[], None] | None = None
        self._rows: Sequence[Message | None] = []
        self._rows_of: tuple[object, int] = (None, -1)
        self._closed = False
        state.views.add(self)

    @property
    def mailbox(self) -> Mailbox:
        return self._state.mailbox

    @property
    def uids(self) -> Sequence[int]:
        return self._uids

    @property
    def modseq(self) -> int:
        # While an expunge is untold the client must not believe it knows everything up to a later change.
        untold = since(self._state.expunges, self._expunges_told)
        if untold and untold[0][0] <= self._told:
            return untold[0][0] - 1
        if self._expunges_told < self._state.expunges_from:
            return min(self._expunges_told, self._told)
        return self._told

    @property
    def keywords(self) -> Sequence[str]:
        return self._state.keywords

    def get(self, uid: int) -> Message | None:
        return self._state.find(uid)

    def sequence(self, uid: int) -> int | None:
        place = bisect_left(self._uids, uid)
        return place + 1 if place < len(self._uids) and self._uids[place] == uid else None

    def messages(self, uids: Iterable[int]) -> list[Message]:
        find = self._state.find
        return [message for message in map(find, uids) if message is not None]

    def rows(self) -> Sequence[Message | None]:
        state = self._state
        if self._uids is state.uids:
            return state.rows
        if self._rows_of != (self._uids, state.version):
            if isinstance(state.rows, Compact):
                self._rows = Behind(self._uids, state.uids, state.rows.copy())
            else:
                self._rows = [state.find(uid) for uid in self._uids]
            self._rows_of = (self._uids, state.version)
        return self._rows

    def snapshot(self) -> Sequence[Message | None]:
        rows = self.rows()
        if isinstance(rows, Compact):
            return rows.copy()
        return list(rows) if rows is self._state.rows else rows

    def changed(self, modseq: int) -> list[tuple[int, Message]]:
        rows = self.rows()
        if isinstance(rows, Compact):
            return [(place + 1, rows[place]) for place in rows.above(modseq)]
        return [
            (number, message)
            for number, message in enumerate(rows, 1)
            if message is not None and message.modseq > modseq
        ]

    def flagged(self, bit: int, value: int, most: int | None = None) -> list[int]:
        rows = self.rows()
        if isinstance(rows, Compact) and bit <= FLAGS_THERE:
            return rows.places(bit, value, most)
        found = (place for place, row in enumerate(rows) if row is not None and row.flags & bit == value)
        return list(islice(found, most))

    @property
    def packed(self) -> bool:
        return isinstance(self._state.rows, Compact)

    @property
    def scratch(self) -> dict[str, object]:
        return self._state.scratch

    def pending(self) -> bool:
        return self._version != self._state.version or self._untold_expunges()

    def sync(self, *, expunges: bool) -> Sync:
        state = self._state
        if self._version == state.version and not (expunges and self._untold_expunges()):
            return Sync([], None, [])
        changed = self._changed_uids()
        before = self._uids
        known_to = before[-1] if before else 0
        expunged: list[tuple[int, int]] = []
        if expunges:
            expunged = self._expunged()
            self._uids = state.uids
            self._expunges_told = state.modseq
            new = len(state.uids) - (len(before) - len(expunged))
        else:
            new = self._grow(known_to)
        result = Sync(expunged, len(self._uids) if new else None, self._told_now(changed, known_to))
        self._told = state.modseq
        self._version = state.version
        if self._muted:
            self._muted = {uid: modseq for uid, modseq in self._muted.items() if modseq > state.modseq}
        return result

    def mute(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self._muted[message.uid] = message.modseq

    def on_change(self, call: object) -> None:
        self._call = cast("Callable[[], None] | None", call)

    async def refresh(self) -> None:
        await self._state.refresh()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._call = None
            self._state.views.discard(self)
            self._release(self._state, self)

    @property
    def listens(self) -> bool:
        """Whether somebody waits for changes (IDLE)."""
        return self._call is not None

    def told(self) -> None:
        """The state loaded something."""
        if self._call is not None:
            self._call()

    def _untold_expunges(self) -> bool:
        state = self._state
        if self._uids is state.uids:
            return False
        last = state.expunges[-1][0] if state.expunges else 0
        return last > self._expunges_told or self._expunges_told < state.expunges_from

    def _changed_uids(self) -> list[int]:
        """UIDs whose flags changed since the last sync, ascending."""
        state = self._state
        if self._told >= state.changes_from:
            return sorted({uid for _, uid in since(state.changes, self._told)})
        if isinstance(state.rows, Compact):
            return [state.uids[place] for place in state.rows.above(self._told)]
        return [message.uid for message in state.rows if message.modseq > self._told]

    def _expunged(self) -> list[tuple[int, int]]:
        """(sequence number, UID), last one first: so no number changes before its line is sent."""
        state, mine = self._state, self._uids
        if mine is state.uids:
            return []
        if self._expunges_told >= state.expunges_from:
            candidates = {uid for _, uid in since(state.expunges, self._expunges_told)}
        else:
            candidates = set(mine).difference(state.uids)
        found = []
        for uid in sorted(candidates, reverse=True):
            place = bisect_left(mine, uid)
            if place < len(mine) and mine[place] == uid:
                found.append((place + 1, uid))
        return found

    def _grow(self, known_to: int) -> int:
        """Take new messages at the end, keep the numbers of those gone; how many are new."""
        state = self._state
        start = bisect_right(state.uids, known_to)
        new = state.uids[start:]
        if start == len(self._uids):
            self._uids = state.uids  # nothing is gone
        elif new:
            self._uids = self._uids + new
        return len(new)

    def _told_now(self, changed: list[int], known_to: int) -> list[tuple[int, Message]]:
        found = []
        for uid in changed:
            if uid > known_to:
                break  # new: the client asks for its flags
            message = self._state.find(uid)
            if message is None or self._muted.get(uid, 0) >= message.modseq:
                continue
            number = self.sequence(uid)
            if number is not None:
                found.append((number, message))
        return found
