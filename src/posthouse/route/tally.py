"""What senders sent lately, in memory: as the database knows it, with what this worker counted since.

A message costs a few additions. Once a second what was counted is written, all of it in one unit, and what other
workers and nodes counted is read; so each worker knows its own mail at once and that of the others a second or two
later. A crash forgets what was counted within the last second.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from posthouse.database.contract import Database
from posthouse.directory import sending_counts
from posthouse.directory.sending_counts import DAY_SLOTS, HOUR_SLOTS, SLOT_SECONDS, Slots, slot_of

CHUNK = 100
"""Scopes read or written in one unit."""


@dataclass(slots=True)
class Sums:
    """Messages and recipients within windows that end now."""

    messages_hour: int = 0
    recipients_hour: int = 0
    messages_day: int = 0
    recipients_day: int = 0
    recipients_minutes: int = 0


class Use:
    """What one scope sent in the last 24 hours."""

    __slots__ = ("_slot", "_slots", "_sums", "seen")

    def __init__(self, slots: Slots) -> None:
        self._slots = slots
        self._sums: Sums | None = None
        self._slot = 0
        self.seen = True

    def sums(self, slot: int) -> Sums:
        """As it stands in this slot. Not to be changed by the caller."""
        if self._sums is None or self._slot != slot:
            self._slot, self._sums = slot, _summed(self._slots, slot)
        return self._sums

    def since(self, slot: int, after: int) -> tuple[int, int]:
        """Recipients of the last hour and of the last minutes (this slot and the one before), in slots later than
        ``after``."""
        if after <= slot - HOUR_SLOTS:
            sums = self.sums(slot)
            return sums.recipients_hour, sums.recipients_minutes
        hour = [(at, count[1]) for at, count in self._slots.items() if at > max(after, slot - HOUR_SLOTS)]
        return sum(count for _, count in hour), sum(count for at, count in hour if at > slot - 2)

    def add(self, slot: int, recipients: int) -> None:
        """Count a message."""
        messages, before = self._slots.get(slot, (0, 0))
        self._slots[slot] = (messages + 1, before + recipients)
        if self._sums is not None and self._slot == slot:
            sums = self._sums
            sums.messages_hour += 1
            sums.messages_day += 1
            sums.recipients_hour += recipients
            sums.recipients_day += recipients
            sums.recipients_minutes += recipients

    def room_at(self, slot: int, window: int, kind: int, most: int, wanted: int) -> float:
        """When ``wanted`` more messages (``kind`` 0) or recipients (1) fit into ``most`` within ``window`` slots, in
        seconds since 1970; 0.0 when never."""
        inside = {at: count[kind] for at, count in self._slots.items() if at > slot - window}
        left = sum(inside.values())
        for at in sorted(inside):
            left -= inside[at]
            if left + wanted <= most:
                return float((at + window) * SLOT_SECONDS)
        return 0.0


def _summed(slots: Slots, slot: int) -> Sums:
    found = Sums()
    for at, (messages, recipients) in slots.items():
        if at > slot - DAY_SLOTS:
            found.messages_day += messages
            found.recipients_day += recipients
            if at > slot - HOUR_SLOTS:
                found.messages_hour += messages
                found.recipients_hour += recipients
                if at > slot - 2:
                    found.recipients_minutes += recipients
    return found


class Tally:
    """The uses of this worker by scope. ``clock`` in seconds since 1970."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._uses: dict[str, Use] = {}
        self._pending: dict[tuple[str, int], tuple[int, int]] = {}
        self._writing: dict[tuple[str, int], tuple[int, int]] = {}

    async def of_all(self, scopes: Sequence[str]) -> list[Use]:
        """What these scopes sent, all as of now. Raises DatabaseUnavailable."""
        first = [await self._of(scope) for scope in scopes]
        # While one was read, another may have been refreshed.
        return [self._uses.get(scope, use) for scope, use in zip(scopes, first, strict=True)]

    async def _of(self, scope: str) -> Use:
        use = self._uses.get(scope)
        if use is None:
            read = await self._database.read(sending_counts.read, [scope], slot_of(self._clock()))
            # Somebody else may have read it meanwhile, and counted in theirs.
            use = self._uses.get(scope)
            if use is None:
                use = self._uses[scope] = Use(self._with_own(scope, read[scope]))
        use.seen = True
        return use

    def add(self, scope: str, recipients: int) -> None:
        """Count a message of a scope."""
        slot = slot_of(self._clock())
        use = self._uses.get(scope)
        if use is not None:
            use.add(slot, recipients)
        _more(self._pending, (scope, slot), 1, recipients)

    async def flush(self) -> None:
        """Write what was counted, and read what others counted. Scopes that nobody asked for since the last time are
        dropped. Raises DatabaseUnavailable; nothing is lost then."""
        await self._write()
        for scope in [scope for scope, use in self._uses.items() if not use.seen]:
            del self._uses[scope]
        scopes = list(self._uses)
        for use in self._uses.values():
            use.seen = False
        slot = slot_of(self._clock())
        for start in range(0, len(scopes), CHUNK):
            some = scopes[start : start + CHUNK]
            for scope, slots in (await self._database.scan(sending_counts.read, some, slot)).items():
                use = self._uses[scope]
                fresh = Use(self._with_own(scope, slots))
                fresh.seen = use.seen
                self._uses[scope] = fresh

    async def _write(self) -> None:
        while self._pending:
            keys = sorted(self._pending)[:CHUNK]
            self._writing = {key: self._pending.pop(key) for key in keys}
            try:
                await self._database.run(sending_counts.add, dict(self._writing))
            except BaseException:
                for key, (messages, recipients) in self._writing.items():
                    _more(self._pending, key, messages, recipients)
                raise
            finally:
                self._writing = {}

    def _with_own(self, scope: str, slots: Slots) -> Slots:
        """What was read, with what this worker counted and has not written."""
        for waiting in (self._writing, self._pending):
            for (name, slot), (messages, recipients) in waiting.items():
                if name == scope:
                    before = slots.get(slot, (0, 0))
                    slots[slot] = (before[0] + messages, before[1] + recipients)
        return slots


def _more(
    counts: dict[tuple[str, int], tuple[int, int]], key: tuple[str, int], messages: int, recipients: int
) -> None:
    before = counts.get(key, (0, 0))
    counts[key] = (before[0] + messages, before[1] + recipients)
