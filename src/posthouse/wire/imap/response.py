"""Answers as bytes: strings, flags, sets and the untagged lines that several commands share (RFC 9051 7).

Everything returned here is ready for the wire; lines include their CRLF.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache

from posthouse.mail.dates import format_internal_date
from posthouse.wire.imap.names import encode_name

_ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_QUOTABLE = re.compile(rb"[\x01-\x09\x0b\x0c\x0e-\x7f]*")
_QUOTABLE_UTF8 = re.compile(rb"[^\x00\r\n]*")
_LONGEST_QUOTED = 1024

NIL = b"NIL"


def quoted(data: bytes) -> bytes:
    """A quoted string. The caller knows that there is no NUL, CR or LF in it."""
    if b"\\" in data or b'"' in data:
        data = data.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b'"' + data + b'"'


def literal(data: bytes) -> bytes:
    """A literal; literal8 (RFC 3516) when the data holds a NUL."""
    return b"%s{%d}\r\n%s" % (b"~" if b"\0" in data else b"", len(data), data)


def string(data: bytes, utf8: bool = False) -> bytes:
    """A string: quoted where that is allowed, else a literal. ``utf8``: octets above 127 may stand in
    quotes.
    """
    if len(data) <= _LONGEST_QUOTED:
        if _QUOTABLE.fullmatch(data):
            return quoted(data)
        if utf8 and _QUOTABLE_UTF8.fullmatch(data) and _is_utf8(data):
            return quoted(data)
    return literal(data)


def nstring(data: bytes | None, utf8: bool = False) -> bytes:
    """A string, or NIL for None."""
    return NIL if data is None else string(data, utf8)


def astring(data: bytes, utf8: bool = False) -> bytes:
    """An atom where the data is one (and not the word NIL), else a string."""
    if _ATOM.fullmatch(data) and data.upper() != NIL:
        return data
    return string(data, utf8)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def mailbox(name: str, utf8: bool) -> bytes:
    """A mailbox name for this client: modified UTF-7, or UTF-8 once enabled."""
    return astring(encode_name(name, utf8), utf8)


def flag_list(flags: Iterable[str]) -> bytes:
    """``(\\Seen $Forwarded)``."""
    return b"(" + " ".join(flags).encode("ascii", "replace") + b")"


def number_set(numbers: Iterable[int]) -> bytes:
    """A compact set in the given order: ``[1, 2, 3, 7]`` becomes ``1:3,7``. Empty for none; no zeros."""
    pieces: list[bytes] = []
    low = high = -1
    for number in numbers:
        if number == high + 1:
            high = number
            continue
        if low > 0:
            pieces.append(b"%d" % low if low == high else b"%d:%d" % (low, high))
        low = high = number
    if low > 0:
        pieces.append(b"%d" % low if low == high else b"%d:%d" % (low, high))
    return b",".join(pieces)


uid_set = number_set


_LAST_DAY = 2932896
"""31-Dec-9999 in days since 1970."""


@lru_cache(maxsize=4096)
def _day(days: int) -> bytes:
    """A date-time's date, with the opening quote."""
    return format_internal_date(days * 86400).split(b" 00:")[0]


@lru_cache(maxsize=256)
def _zone(minutes: int) -> bytes:
    """A date-time's zone, with the closing quote."""
    return format_internal_date(0, minutes).rsplit(b" ", 1)[1]


def internal_date(seconds: int, zone: int = 0) -> bytes:
    """A quoted date-time, e.g. ``"17-Jul-1996 02:44:25 -0700"``. ``zone`` in minutes east of UTC. The same as
    ``mail.dates.format_internal_date``, for thousands at a time: days and zones repeat."""
    if not -1439 <= zone <= 1439:
        zone = 0
    days, rest = divmod(seconds + zone * 60, 86400)
    if not 0 <= days <= _LAST_DAY:
        return format_internal_date(seconds, zone)
    minutes, second = divmod(rest, 60)
    return b"%s %02d:%02d:%02d %s" % (_day(days), *divmod(minutes, 60), second, _zone(zone))


def public_text(text: str) -> bytes:
    """Text for people on one line: printable ASCII, never empty, never mistaken for a response code."""
    clean = "".join(c if " " <= c <= "~" else "?" for c in text).strip()
    if clean.startswith("["):
        clean = "- " + clean
    return clean.encode("ascii") or b"Done"


def tagged(tag: bytes, word: bytes, text: str, code: bytes = b"") -> bytes:
    """``tag OK [code] text``; ``word`` is OK, NO or BAD. Also for untagged ones, with the tag ``*``."""
    if code:
        return b"%s %s [%s] %s\r\n" % (tag, word, code, public_text(text))
    return b"%s %s %s\r\n" % (tag, word, public_text(text))


def list_line(
    attributes: Iterable[str],
    name: str,
    utf8: bool,
    *,
    word: bytes = b"LIST",
    separator: bytes = b'"/"',
    child_info: Iterable[str] = (),
    old_name: str | None = None,
) -> bytes:
    """``* LIST (\\HasNoChildren) "/" name``, with CHILDINFO (RFC 5258 3.5) or OLDNAME (RFC 9051 6.3.9.7)
    where given.
    """
    line = b"* %s %s %s %s" % (word, flag_list(attributes), separator, mailbox(name, utf8))
    extended: list[bytes] = []
    children = [b'"%s"' % entry.encode("ascii") for entry in child_info]
    if children:
        extended.append(b'"CHILDINFO" (' + b" ".join(children) + b")")
    if old_name is not None:
        extended.append(b'"OLDNAME" (' + mailbox(old_name, utf8) + b")")
    if extended:
        line += b" (" + b" ".join(extended) + b")"
    return line + b"\r\n"


def status_line(name: str, items: Sequence[tuple[str, int | str]], utf8: bool) -> bytes:
    """``* STATUS name (MESSAGES 3 MAILBOXID (M1))``. A text value is an object id and stands in
    parentheses.
    """
    pairs = []
    for word, value in items:
        shown = f"({value})" if isinstance(value, str) else str(value)
        pairs.append(f"{word} {shown}")
    return b"* STATUS %s (%s)\r\n" % (mailbox(name, utf8), " ".join(pairs).encode("ascii"))


def esearch(tag: bytes, uid: bool, results: Iterable[tuple[bytes, bytes]]) -> bytes:
    """``* ESEARCH (TAG "A1") UID COUNT 3 ALL 1:3`` (RFC 4731 3.1); ``results`` are finished (word, value)
    pairs.
    """
    pieces = [b"* ESEARCH (TAG " + quoted(tag) + b")"]
    if uid:
        pieces.append(b"UID")
    for word, value in results:
        pieces.append(word + b" " + value)
    return b" ".join(pieces) + b"\r\n"
