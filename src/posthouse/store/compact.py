"""The messages of a large mailbox, packed: 106 bytes each, and a Message only while somebody looks at it.

A mailbox of 1,000,000 held as objects takes most of a gigabyte; packed, what a Message is made from lies in blocks of
bytes. A block is never altered but replaced, so a copy of the whole costs a list of blocks, and nothing that holds one
sees it change.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from struct import Struct
from typing import overload

from posthouse.database.contract import Row
from posthouse.store.contract import Message
from posthouse.store.records import UID_BITS, UID_MASK
from posthouse.store.rows import StoredMessage, keyword_set

LARGE = 25_000
"""Messages from which on a mailbox is packed. Below it, finished answers kept on the objects are worth their memory."""
BLOCK = 2_000
"""Messages in a block: what is copied when one of them changes."""
WEIGHT = 7
"""How many packed messages take the memory of one that is not."""

_RECORD = Struct("<IBxxxQihqqQI8s32s16sI")
"""UID, the lowest flags (for going through them alone), modseq, flags, zone, internal date, save date, size, prefix
size, thread, body, email, which keywords."""
_MODSEQ = Struct(f"<8xQ{_RECORD.size - 16}x")
_FLAGS_AT = 4
FLAGS_THERE = 0xFF
"""The flags that :meth:`Compact.places` knows of."""


class Compact(Sequence[Message]):
    """Messages in the order of their UIDs. Made from rows of ``records.SELECT_RANGE``; changed by :meth:`put`,
    :meth:`extend` and :meth:`drop`, which a :meth:`copy` does not see."""

    __slots__ = ("_blocks", "_ends", "_mailbox", "_numbers", "_texts", "_tops")

    def __init__(self, mailbox_id: int) -> None:
        self._mailbox = mailbox_id << UID_BITS
        self._blocks: list[bytes] = []
        self._ends: list[int] = []
        """The place after the last message of each block."""
        self._tops: list[int] = []
        """No message of a block has a modseq above this."""
        self._texts: list[str] = []
        self._numbers: dict[str, int] = {}
        """The keywords of rows, and where they stand among the texts; only added to, shared by copies."""

    # ------------------------------------------------------------------ reading

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> list[Message]: ...
    def __getitem__(self, place: int | slice) -> Message | list[Message]:
        if isinstance(place, slice):
            start, stop, step = place.indices(len(self))
            return (
                list(self._between(start, stop))
                if step == 1
                else [self[at] for at in range(start, stop, step)]
            )
        if place < 0:
            place += len(self)
        if not 0 <= place < len(self):
            raise IndexError(place)
        number, offset = self._where(place)
        return self._message(_RECORD.unpack_from(self._blocks[number], offset))

    def __iter__(self) -> Iterator[Message]:
        for block in tuple(self._blocks):
            yield from map(self._message, _RECORD.iter_unpack(block))

    def keyword_sets(self) -> set[tuple[str, ...]]:
        """The sets of keywords that were ever met."""
        return {keyword_set(text) for text in self._texts}

    def above(self, modseq: int) -> list[int]:
        """The places of those changed after a modseq, ascending."""
        found: list[int] = []
        first = 0
        for block, top, end in zip(self._blocks, self._tops, self._ends, strict=True):
            if top > modseq:
                states = _MODSEQ.iter_unpack(block)
                found += [place for place, (changed,) in enumerate(states, first) if changed > modseq]
            first = end
        return found

    def places(self, bit: int, value: int, most: int | None = None) -> list[int]:
        """The places of those whose flags and ``bit`` (one of ``FLAGS_THERE``) is ``value``, ascending; ``most``: the
        first ones."""
        matches = bytes(flags & bit == value for flags in range(256))
        found: list[int] = []
        first = 0
        for block, end in zip(self._blocks, self._ends, strict=True):
            marks = block[_FLAGS_AT :: _RECORD.size].translate(matches)
            if 1 in marks:
                found += [place for place, mark in enumerate(marks, first) if mark]
                if most is not None and len(found) >= most:
                    return found[:most]
            first = end
        return found

    def copy(self) -> Compact:
        """The same, as it is now."""
        other = Compact.__new__(Compact)
        other._mailbox, other._texts, other._numbers = self._mailbox, self._texts, self._numbers
        other._blocks, other._ends, other._tops = list(self._blocks), list(self._ends), list(self._tops)
        return other

    # ------------------------------------------------------------------ changing

    def extend_rows(self, rows: Iterable[Row]) -> None:
        """Append rows of the database, whose UIDs are above those here."""
        self._append([self._packed(row) for row in rows])

    def extend(self, messages: Iterable[StoredMessage]) -> None:
        """Append messages, whose UIDs are above those here."""
        self.extend_rows(message.row() for message in messages)

    def put(self, newer: Mapping[int, StoredMessage]) -> None:
        """Put newer states of messages in their places."""
        by_block: dict[int, list[tuple[int, StoredMessage]]] = {}
        for place, message in newer.items():
            number, offset = self._where(place)
            by_block.setdefault(number, []).append((offset, message))
        for number, changed in by_block.items():
            block = bytearray(self._blocks[number])
            for offset, message in changed:
                block[offset : offset + _RECORD.size] = self._packed(message.row())
            self._blocks[number] = bytes(block)
            self._tops[number] = max(self._tops[number], *(message.modseq for _, message in changed))

    def drop(self, places: Iterable[int]) -> None:
        """Take out the messages at these places."""
        by_block: dict[int, list[int]] = {}
        for place in places:
            number, offset = self._where(place)
            by_block.setdefault(number, []).append(offset)
        for number, offsets in by_block.items():
            block = bytearray(self._blocks[number])
            for offset in sorted(offsets, reverse=True):
                del block[offset : offset + _RECORD.size]
            self._blocks[number] = bytes(block)
        left = [number for number, block in enumerate(self._blocks) if block]
        self._tops = [self._tops[number] for number in left]
        self._blocks = [self._blocks[number] for number in left]
        self._count()

    # ------------------------------------------------------------------ parts

    def _where(self, place: int) -> tuple[int, int]:
        """The block, and the offset in it."""
        number = bisect_right(self._ends, place)
        return number, (place - (self._ends[number - 1] if number else 0)) * _RECORD.size

    def _between(self, start: int, stop: int) -> Iterator[Message]:
        while start < stop:
            number, offset = self._where(start)
            end = min(stop, self._ends[number])
            part = memoryview(self._blocks[number])[offset : offset + (end - start) * _RECORD.size]
            yield from map(self._message, _RECORD.iter_unpack(part))
            start = end

    def _message(self, record: tuple[int, ...]) -> StoredMessage:
        uid, _, modseq, flags, *rest, keywords = record
        return StoredMessage((self._mailbox | uid, modseq, flags, *rest, self._texts[keywords]))

    def _packed(self, row: Row) -> bytes:
        text = row[11]
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self._texts)
            self._texts.append(text)
        return _RECORD.pack(row[0] & UID_MASK, row[2] & FLAGS_THERE, *row[1:11], number)

    def _append(self, records: list[bytes]) -> None:
        if self._blocks and records:
            room = BLOCK - len(self._blocks[-1]) // _RECORD.size
            if room > 0:
                self._blocks[-1] += b"".join(records[:room])
                self._tops[-1] = _top(self._blocks[-1])
                records = records[room:]
        new = [b"".join(records[start : start + BLOCK]) for start in range(0, len(records), BLOCK)]
        self._blocks += new
        self._tops += map(_top, new)
        self._count()

    def _count(self) -> None:
        self._ends = list(accumulate(len(block) // _RECORD.size for block in self._blocks))


def _top(block: bytes) -> int:
    top: int = max(changed for (changed,) in _MODSEQ.iter_unpack(block))
    return top


class Behind(Sequence["Message | None"]):
    """What a session sees of a packed mailbox whose expunges it was not told: its own numbers, None where a message is
    gone."""

    __slots__ = ("_rows", "_there", "_uids")

    def __init__(self, mine: Sequence[int], there: Sequence[int], rows: Compact) -> None:
        self._uids, self._there, self._rows = mine, there, rows

    def __len__(self) -> int:
        return len(self._uids)

    @overload
    def __getitem__(self, place: int) -> Message | None: ...
    @overload
    def __getitem__(self, place: slice) -> list[Message | None]: ...
    def __getitem__(self, place: int | slice) -> Message | list[Message | None] | None:
        if isinstance(place, slice):
            return [self._find(uid) for uid in self._uids[place]]
        return self._find(self._uids[place])

    def _find(self, uid: int) -> Message | None:
        place = bisect_right(self._there, uid) - 1
        return self._rows[place] if place >= 0 and self._there[place] == uid else None
