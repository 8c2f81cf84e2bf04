"""APPEND, read while its message literals stream by (RFC 9051 6.3.12, RFC 3502, RFC 6855 4, RFC 3516 4.4).

    APPEND mailbox [(flags)] ["date-time"] literal [[(flags)] ["date-time"] literal …]

A message is a literal, a literal8, or ``UTF8 (literal8)``. Because the message goes to a sink and never
into memory, the reader asks :class:`AppendParser` at every literal what it is.
"""

from __future__ import annotations

import calendar
import re
from typing import Any

from posthouse.wire.imap.cursor import MAX_FLAGS, Bad, Cursor
from posthouse.wire.imap.syntax import Append, AppendMessage

_DATE_TIME = re.compile(
    rb'"([ 0-9][0-9]|[0-9])-([A-Za-z]{3})-([0-9]{4})'
    rb' ([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"'
)
_MONTHS = {m: n for n, m in enumerate(b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}

MAX_MESSAGES = 1000
"""Most messages in one APPEND."""


class AppendParser:
    """What was read of one APPEND so far. Every method raises Bad."""

    __slots__ = ("_closing", "_date", "_flags", "_mailbox", "_messages", "_utf8")

    def __init__(self) -> None:
        self._mailbox: str | None = None
        self._messages: list[AppendMessage] = []
        self._flags: tuple[str, ...] = ()
        self._date: tuple[int, int] | None = None
        self._utf8 = False
        self._closing = False

    def before_literal(self, cursor: Cursor, binary: bool) -> bool:
        """Read up to the literal at the end of ``cursor``'s text (its announcement was cut off).

        True when the literal is a message; False when it is the mailbox name.
        """
        if self._mailbox is None:
            if cursor.text[cursor.position :] == b" " and not binary:
                return False
            cursor.space()
            self._mailbox = cursor.mailbox()
        self._separator(cursor)
        self._options(cursor)
        if not cursor.done():
            raise Bad("Unexpected text before the message literal")
        if self._utf8 and not binary:
            raise Bad("UTF8 wants a literal8 (~{n})")
        if len(self._messages) >= MAX_MESSAGES:
            raise Bad(f"More than {MAX_MESSAGES} messages in one APPEND", "LIMIT", no=True)
        return True

    def _separator(self, cursor: Cursor) -> None:
        if self._closing:
            cursor.expect(b")", "a closing parenthesis after the UTF8 literal")
            self._closing = False
        cursor.space()

    def _options(self, cursor: Cursor) -> None:
        self._flags = ()
        self._date = None
        self._utf8 = False
        if cursor.at(b"("):
            self._flags = cursor.flags()
            if "\\Recent" in self._flags or len(self._flags) > MAX_FLAGS:
                raise Bad("\\Recent cannot be set by a client")
            cursor.space()
        if cursor.at(b'"'):
            self._date = date_time(cursor)
            cursor.space()
        word = cursor.text[cursor.position : cursor.position + 6].upper()
        if word == b"UTF8 (":
            cursor.position += 6
            self._utf8 = True
        elif word == b"CATENA":
            raise Bad("CATENATE is not offered")

    def message(self, data: Any, binary: bool) -> None:
        """The message literal is complete; ``data`` is what its sink made of it."""
        self._messages.append(AppendMessage(self._flags, self._date, data, binary, self._utf8))
        self._closing = self._utf8

    def finish(self, cursor: Cursor) -> Append:
        """The command's line has ended."""
        if self._closing:
            cursor.expect(b")", "a closing parenthesis after the UTF8 literal")
        cursor.end()
        if self._mailbox is None or not self._messages:
            raise Bad("APPEND wants a mailbox and a message literal")
        return Append(self._mailbox, tuple(self._messages))


def date_time(cursor: Cursor) -> tuple[int, int]:
    """A quoted date-time as (seconds since 1970, zone in minutes east)."""
    found = _DATE_TIME.match(cursor.text, cursor.position)
    if found is None:
        raise Bad('A date-time is written "17-Jul-1996 02:44:25 -0700"')
    day, year = int(found.group(1)), int(found.group(3))
    month = _MONTHS.get(found.group(2).upper(), 0)
    hour, minute, second = (int(found.group(n)) for n in (4, 5, 6))
    zone = int(found.group(8)) * 60 + int(found.group(9))
    if not month or year < 1 or hour > 23 or minute > 59 or second > 60 or int(found.group(9)) > 59:
        raise Bad("There is no such date or time")
    if not 1 <= day <= calendar.monthrange(year, month)[1] or zone > 1439:
        raise Bad("There is no such date or time")
    if found.group(7) == b"-":
        zone = -zone
    cursor.position = found.end()
    return calendar.timegm((year, month, day, hour, minute, second, 0, 0, 0)) - zone * 60, zone
