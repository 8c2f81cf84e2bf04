"""Message sets against a mailbox."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.access.imap.contract import BadSequence
from posthouse.access.imap.sequence import by_number, by_uid, expand, within

UIDS = st.lists(st.integers(1, 60), unique=True, max_size=20).map(sorted)
RANGES = st.lists(st.tuples(st.integers(0, 70), st.integers(0, 70)), min_size=1, max_size=5).map(tuple)


@given(UIDS, RANGES)
def test_uid_sets_name_what_a_plain_reading_names(
    uids: list[int], ranges: tuple[tuple[int, int], ...]
) -> None:
    """For every set: exactly the UIDs within a range, whichever way round it stands, with * the highest one."""
    top = uids[-1] if uids else 0
    plain = [(low or top, high or top) for low, high in ranges]
    wanted = [
        (number, uid)
        for number, uid in enumerate(uids, 1)
        if any(min(pair) <= uid <= max(pair) for pair in plain)
    ]
    assert by_uid(ranges, uids) == wanted


@given(UIDS.filter(bool), RANGES)
def test_number_sets_name_numbers_or_are_bad(uids: list[int], ranges: tuple[tuple[int, int], ...]) -> None:
    """For every set: the named numbers with their UIDs, or BAD when one is beyond the mailbox."""
    count = len(uids)
    plain = [(low or count, high or count) for low, high in ranges]
    if any(max(pair) > count for pair in plain):
        with pytest.raises(BadSequence):
            by_number(ranges, uids)
        return
    wanted = [
        (number, uid)
        for number, uid in enumerate(uids, 1)
        if any(min(pair) <= number <= max(pair) for pair in plain)
    ]
    assert by_number(ranges, uids) == wanted


def test_star_names_nothing_in_an_empty_mailbox() -> None:
    """1:* is no error in an empty mailbox; a plain number is."""
    assert by_number(((1, 0),), []) == []
    assert by_uid(((1, 0),), []) == []
    with pytest.raises(BadSequence):
        by_number(((1, 1),), [])


def test_expanding_stops_at_its_limit() -> None:
    """A range of four billion numbers costs no more than its limit."""
    assert expand(((1, 4_294_967_295),), 3) == [1, 2, 3]
    assert expand(((3, 1), (9, 9)), 10) == [3, 2, 1, 9]


def test_the_uids_of_a_set() -> None:
    """Ranges may stand either way round, overlap, and name the highest with *."""
    assert within(((5, 2), (3, 9)), [1, 2, 3, 6, 9, 12]) == [2, 3, 6, 9]
    assert within(((0, 4),), [1, 4, 7, 9], 7) == [4, 7]
    assert within(((8, 8),), [1, 7]) == []
