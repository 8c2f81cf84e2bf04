"""Message sets against the mailbox as the session knows it (RFC 9051 9, sequence-set)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from posthouse.access.imap.contract import BadSequence
from posthouse.wire.imap.syntax import SequenceSet


def by_uid(ranges: SequenceSet, uids: Sequence[int]) -> list[tuple[int, int]]:
    """(sequence number, UID) of the UIDs in the set that exist; others name nothing (RFC 9051 6.4.9)."""
    if not uids:
        return []
    top = uids[-1]
    spans: list[tuple[int, int]] = []
    for first, last in ranges:
        low, high = _ordered(first or top, last or top)
        begin, end = bisect_left(uids, low), bisect_right(uids, high)
        if begin < end:
            spans.append((begin, end))
    return _pairs(spans, uids)


def by_number(ranges: SequenceSet, uids: Sequence[int]) -> list[tuple[int, int]]:
    """(sequence number, UID) of a set of sequence numbers.

    A number beyond the mailbox raises BadSequence. In an empty mailbox, ``*`` names nothing: RFC 9051 calls
    for BAD, but clients send ``1:*`` without looking at EXISTS, and nothing is the truth."""
    count = len(uids)
    if not count and all(0 in pair for pair in ranges):
        return []
    spans: list[tuple[int, int]] = []
    for first, last in ranges:
        low, high = _ordered(first or count, last or count)
        if high > count or low < 1:
            raise BadSequence(f"There is no message {high}: the mailbox has {count}")
        spans.append((low - 1, high))
    return _pairs(spans, uids)


def _ordered(first: int, last: int) -> tuple[int, int]:
    return (first, last) if first <= last else (last, first)


def _pairs(spans: list[tuple[int, int]], uids: Sequence[int]) -> list[tuple[int, int]]:
    """The messages of these index spans, ascending, each once."""
    if len(spans) > 1:
        spans.sort()
    found: list[tuple[int, int]] = []
    reached = 0
    for begin, end in spans:
        begin = max(begin, reached)
        if begin < end:
            found.extend(zip(range(begin + 1, end + 1), uids[begin:end], strict=True))
            reached = end
    return found


def within(ranges: SequenceSet, uids: Sequence[int], top: int = 0) -> list[int]:
    """Those of ascending ``uids`` that a set names; ``*`` is ``top``. However many ranges a client writes,
    each is looked up, not compared with each UID."""
    found: list[int] = []
    reached = 0
    for low, high in sorted(_ordered(low or top, high or top) for low, high in ranges):
        begin = max(bisect_left(uids, low), reached)
        end = max(bisect_right(uids, high), begin)
        found += uids[begin:end]
        reached = end
    return found


def expand(ranges: SequenceSet, limit: int) -> list[int]:
    """The numbers of a set without ``*`` in the order written, at most ``limit`` of them."""
    found: list[int] = []
    for first, last in ranges:
        step = 1 if first <= last else -1
        room = limit - len(found)
        if room <= 0:
            break
        found.extend(list(range(first, last + step, step)[:room]))
    return found
