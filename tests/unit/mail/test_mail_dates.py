"""Dates of header fields and how they are written."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posthouse.mail.dates import format_internal_date, local_date, parse_date


def moment(*parts: int) -> int:
    return int(datetime(*parts, tzinfo=UTC).timestamp())  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"Fri, 21 Nov 1997 09:55:06 -0600", (moment(1997, 11, 21, 15, 55, 6), -360)),
        (b"21 Nov 97 09:55:06 GMT", (moment(1997, 11, 21, 9, 55, 6), 0)),
        (b"21 nov 2049 9:55 EST", (moment(2049, 11, 21, 14, 55), -300)),
        (b"Fri, 21 Nov 1997 09(comment):   55  :  06 -0600 (x)", (moment(1997, 11, 21, 15, 55, 6), -360)),
        (b"Thu, 13 Feb 1969 23:32 -0330 (Newfoundland Time)", (moment(1969, 2, 14, 3, 2), -210)),
        (b"Tuesday, 03-Feb-26 04:05:06 GMT", (moment(2026, 2, 3, 4, 5, 6), 0)),
        (b"Mon Jan  2 15:04:05 2006", (moment(2006, 1, 2, 15, 4, 5), 0)),
        (b"Mon Jan  2 15:04:05 PST 2006", (moment(2006, 1, 2, 23, 4, 5), -480)),
        (b"1 Jan 102 00:00:00 +0000", (moment(2002, 1, 1), 0)),
        (b"1 Jan 2000 00:00:60 +0000", (moment(2000, 1, 1, 0, 1), 0)),
        (b"1 Jan 2000 12:00:00 K", (moment(2000, 1, 1, 12), 0)),
        (b"1 Jan 2000 12:00:00 +9999", (moment(2000, 1, 1, 12), 0)),
        (b"1 Jan 2000 12:00:00 GMT+0100", (moment(2000, 1, 1, 11), 60)),
        (b"1 Jan 2000", (moment(2000, 1, 1), 0)),
        (b"", None),
        (b"tomorrow", None),
        (b"32 Jan 2000 00:00:00 +0000", None),
        (b"31 Feb 2000 00:00:00 +0000", None),
        (b"1 Jan 2000 24:00:00 +0000", None),
        (b"1 Jan 0000 00:00:00 +0000", None),
        (b"1 Jan 20000 00:00:00 +0000", None),
        (b"2000-01-01T00:00:00Z", None),
    ],
)
def test_dates_are_read(value: bytes, expected: tuple[int, int] | None) -> None:
    """RFC 5322's form, the obsolete ones, and what is none."""
    assert parse_date(value) == expected


def test_written_forms() -> None:
    """IMAP's way, and the day at the place of the zone."""
    assert format_internal_date(0, -330) == b'"31-Dec-1969 18:30:00 -0530"'
    assert format_internal_date(moment(2026, 2, 3, 4, 5, 6), 60) == b'" 3-Feb-2026 05:05:06 +0100"'
    assert local_date(moment(2026, 2, 3, 23, 30), 60) == date(2026, 2, 4)


@given(st.integers(moment(1900, 1, 2), moment(9999, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_what_is_written_reads_back(epoch: int, zone: int) -> None:
    """Writing and reading are inverse: the forms differ in quotes and hyphens, which are read, too."""
    assert parse_date(format_internal_date(epoch, zone).strip(b'"')) == (epoch, zone)


@given(st.binary(max_size=60))
def test_any_value_is_read(value: bytes) -> None:
    """No value raises; what is read can be written."""
    found = parse_date(value)
    if found is not None:
        assert format_internal_date(*found)


@given(st.integers(-(1 << 62), 1 << 62), st.integers(-1440, 1440))
def test_any_moment_can_be_written(epoch: int, zone: int) -> None:
    """Moments outside the calendar do not raise."""
    assert len(format_internal_date(epoch, zone)) == 28
