"""Dates of RFC 5322 3.3 (obsolete forms of 4.3 too) and how IMAP writes them (RFC 9051 9, date-time)."""

from __future__ import annotations

import re
from datetime import date

from posthouse.mail.parameters import without_comments

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH_NAMES = tuple(name.capitalize() for name in _MONTHS)
_MONTH_NUMBERS = {name: number for number, name in enumerate(_MONTHS, 1)}
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()

_DATE = re.compile(
    r"\s*(?:[A-Za-z]+\s*[,.]?\s*|,\s*)?(\d{1,2})(?:\s+|-)([A-Za-z]{3})[a-z]*\.?(?:\s+|-)(\d{2,4})(?!\d)"
    r"(?:\s+(\d{1,2})\s*[:.]\s*(\d{1,2})(?:\s*[:.]\s*(\d{1,2})(?:\.\d{1,9})?)?\s*(.*))?",
    re.DOTALL | re.ASCII,
)
_CTIME = re.compile(
    r"\s*[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(\d{1,2}):(\d{2}):(\d{2})\s+(?:([A-Za-z+\-\d]{1,5})\s+)?(\d{4})\s*",
    re.ASCII,
)
_NUMERIC_ZONE = re.compile(r"(?:GMT|UTC|UT)?\s*([+-])\s*(\d{2}):?(\d{2})(?!\d)", re.IGNORECASE | re.ASCII)
_NAMED_ZONE = re.compile(r"[A-Za-z]+", re.ASCII)
_ZONES = {
    "EST": -300,
    "EDT": -240,
    "CST": -360,
    "CDT": -300,
    "MST": -420,
    "MDT": -360,
    "PST": -480,
    "PDT": -420,
}


def parse_date(value: bytes) -> tuple[int, int] | None:
    """The moment a Date field names: (seconds since 1970, zone in minutes east). None if it names none. Unknown zones
    count as UTC (RFC 5322 4.3)."""
    if b"(" in value:
        value = without_comments(value)
    text = value[:200].decode("latin-1")
    found = _DATE.match(text)
    if found is not None:
        day, month, year, hour, minute, second, zone = found.groups()
        return _moment(year, month, day, hour or "0", minute or "0", second or "0", _zone(zone or ""))
    found = _CTIME.match(text)
    if found is None:
        return None
    month, day, hour, minute, second, zone, year = found.groups()
    return _moment(year, month, day, hour, minute, second, _zone(zone or ""))


def _moment(
    year: str, month: str, day: str, hour: str, minute: str, second: str, zone: int
) -> tuple[int, int] | None:
    """Seconds since 1970 of a local time, or None when there is no such day or time."""
    number = _MONTH_NUMBERS.get(month.lower())
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if number is None or hours > 23 or minutes > 59 or seconds > 60:  # 60: a leap second
        return None
    try:
        days = date(_full_year(year), number, int(day)).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        return None
    return days * 86400 + hours * 3600 + minutes * 60 + seconds - zone * 60, zone


def _full_year(digits: str) -> int:
    """Years of two and three digits mean what RFC 5322 4.3 says."""
    year = int(digits)
    if len(digits) == 2:
        return year + (2000 if year < 50 else 1900)
    if len(digits) == 3:
        return year + 1900
    return year


def _zone(text: str) -> int:
    """A zone in minutes east of UTC."""
    found = _NUMERIC_ZONE.match(text)
    if found is not None:
        minutes = int(found[2]) * 60 + int(found[3])
        if int(found[3]) > 59 or minutes >= 24 * 60:
            return 0
        return -minutes if found[1] == "-" else minutes
    named = _NAMED_ZONE.match(text)
    return _ZONES.get(named[0].upper(), 0) if named else 0


def _civil(epoch: int, zone: int) -> tuple[date, int]:
    """The local day and the seconds into it. Moments outside the years 1 to 9999 are moved to the nearest end."""
    days, seconds = divmod(epoch + zone * 60, 86400)
    ordinal = min(max(days + _EPOCH_ORDINAL, 1), date.max.toordinal())
    return date.fromordinal(ordinal), seconds


def local_date(epoch: int, zone: int) -> date:
    """The calendar day at the place of the zone (IMAP's SENTON and its kin disregard time and zone)."""
    return _civil(epoch, zone)[0]


def format_internal_date(epoch: int, zone: int = 0) -> bytes:
    """INTERNALDATE with its quotes: ``" 1-Jan-1970 00:00:00 +0000"`` (RFC 9051 9, date-time)."""
    day, seconds = _civil(epoch, zone)
    return (
        f'"{day.day:2}-{_MONTH_NAMES[day.month - 1]}-{day.year:04} '
        f'{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02} {_format_zone(zone)}"'
    ).encode("ascii")


def _format_zone(zone: int) -> str:
    sign = "-" if zone < 0 else "+"
    return f"{sign}{abs(zone) // 60:02}{abs(zone) % 60:02}"
