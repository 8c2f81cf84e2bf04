"""SEARCH, SORT and THREAD: the tree of search keys (RFC 9051 6.4.4, RFC 5256, RFC 5032, RFC 8514, RFC 8474).

Strings become text by the command's charset. US-ASCII and UTF-8 are known, and UTF-8 is read under either
name: a client that sends UTF-8 without saying so means UTF-8. Octets that are not UTF-8 are refused.
"""

from __future__ import annotations

import re
from datetime import date

from posthouse.wire.imap.cursor import MAX_NUMBER64, Bad, Cursor
from posthouse.wire.imap.syntax import Key, Search, Sort, Thread

CHARSETS = ("US-ASCII", "UTF-8")
MAX_DEPTH = 40
"""Deepest nesting of keys (NOT, OR and parentheses)."""
MAX_KEYS = 2000
"""Most keys in one command."""
MAX_STRING = 8192
"""Longest search string, in octets."""

_SIMPLE = frozenset(
    (
        *(
            "ALL",
            "ANSWERED",
            "DELETED",
            "DRAFT",
            "FLAGGED",
            "NEW",
            "OLD",
            "RECENT",
            "SEEN",
            "SAVEDATESUPPORTED",
        ),
        *("UNANSWERED", "UNDELETED", "UNDRAFT", "UNFLAGGED", "UNSEEN"),
    )
)
_TEXTS = frozenset(("BCC", "BODY", "CC", "FROM", "SUBJECT", "TEXT", "TO"))
_DATES = frozenset(
    (
        *("BEFORE", "ON", "SINCE"),
        *("SENTBEFORE", "SENTON", "SENTSINCE"),
        *("SAVEDBEFORE", "SAVEDON", "SAVEDSINCE"),
    )
)
_RETURNS = frozenset(["MIN", "MAX", "ALL", "COUNT", "SAVE"])
_CRITERIA = frozenset(["ARRIVAL", "CC", "DATE", "DISPLAYFROM", "DISPLAYTO", "FROM", "SIZE", "SUBJECT", "TO"])
_MONTHS = {m: n for n, m in enumerate(b"JAN FEB MAR APR MAY JUN JUL AUG SEP OCT NOV DEC".split(), 1)}

_DATE = re.compile(rb'("?)([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})\1')
_WORD = re.compile(rb"[A-Za-z0-9]+")
_SET_START = re.compile(rb"[0-9*$]")
_OBJECT_ID = re.compile(r"[A-Za-z0-9_-]{1,255}")


def parse_search(cursor: Cursor) -> Search:
    """``SEARCH [RETURN (…)] [CHARSET name] keys``."""
    cursor.space()
    returns = _returns(cursor)
    charset = "US-ASCII"
    if cursor.text[cursor.position : cursor.position + 8].upper() == b"CHARSET ":
        cursor.position += 8
        charset = _charset(cursor)
        if cursor.state.utf8 and not cursor.state.rev2:
            raise Bad("CHARSET is not allowed after ENABLE UTF8=ACCEPT (RFC 6855 3)")
        cursor.space()
    key = _Keys(cursor).top()
    return Search(key, returns, charset)


def parse_sort(cursor: Cursor) -> Sort:
    """``SORT [RETURN (…)] (criteria) charset keys`` (RFC 5256, RFC 5267 3.1)."""
    cursor.space()
    returns = _returns(cursor)
    criteria = _criteria(cursor)
    cursor.space()
    charset = _charset(cursor)
    cursor.space()
    return Sort(criteria, charset, _Keys(cursor).top(), returns)


def parse_thread(cursor: Cursor) -> Thread:
    """``THREAD algorithm charset keys``."""
    cursor.space()
    algorithm = cursor.word("a threading algorithm")
    if algorithm not in ("REFERENCES", "ORDEREDSUBJECT"):
        raise Bad("Unknown threading algorithm; known are REFERENCES and ORDEREDSUBJECT")
    cursor.space()
    charset = _charset(cursor)
    cursor.space()
    return Thread(algorithm, charset, _Keys(cursor).top())


def _returns(cursor: Cursor) -> frozenset[str] | None:
    if cursor.text[cursor.position : cursor.position + 8].upper() != b"RETURN (":
        return None
    cursor.position += 7
    if cursor.text.startswith(b"()", cursor.position):
        cursor.position += 2
        found: list[str] = []
    else:
        found = cursor.words("result options")
    unknown = set(found) - _RETURNS
    if unknown:
        raise Bad(f"Unknown result option {min(unknown)[:40]}")
    cursor.space()
    return frozenset(found)


def _charset(cursor: Cursor) -> str:
    raw = cursor.astring("a charset").upper()
    name = raw.decode("ascii", "replace")
    if name == "ASCII":
        name = "US-ASCII"
    if name == "UTF8":
        name = "UTF-8"
    if name not in CHARSETS:
        raise Bad("Unknown charset", f"BADCHARSET ({' '.join(CHARSETS)})", no=True)
    return name


def _criteria(cursor: Cursor) -> tuple[tuple[str, bool], ...]:
    words = cursor.words("sort criteria")
    found: list[tuple[str, bool]] = []
    reverse = False
    for word in words:
        if word == "REVERSE" and not reverse:
            reverse = True
        elif word in _CRITERIA:
            found.append((word, reverse))
            reverse = False
        else:
            raise Bad(f"Unknown sort criterion {word[:40]}")
    if reverse:
        raise Bad("REVERSE stands before the criterion it reverses")
    return tuple(found)


class _Keys:
    """The search keys of one command, with their count."""

    __slots__ = ("count", "cursor")

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.count = 0

    def top(self) -> Key:
        """All keys up to the end of the command."""
        keys = self._several(0)
        self.cursor.end()
        return keys

    def _several(self, depth: int) -> Key:
        found = [self._key(depth)]
        while self.cursor.take(b" "):
            found.append(self._key(depth))
        return found[0] if len(found) == 1 else Key("AND", tuple(found))

    def _key(self, depth: int) -> Key:
        cursor = self.cursor
        self.count += 1
        if depth > MAX_DEPTH or self.count > MAX_KEYS:
            raise Bad("The search is nested too deeply or has too many keys")
        if cursor.take(b"("):
            inner = self._several(depth + 1)
            cursor.expect(b")", "a closing parenthesis")
            return inner
        if _SET_START.match(cursor.text, cursor.position):
            return Key("SEQUENCE", cursor.messages())
        name = cursor.match(_WORD, "a search key").decode("ascii").upper()
        if name in _SIMPLE:
            return Key(name)
        if name == "NOT":
            cursor.space()
            return Key("NOT", self._key(depth + 1))
        if name == "OR":
            cursor.space()
            left = self._key(depth + 1)
            cursor.space()
            return Key("OR", (left, self._key(depth + 1)))
        return self._with_value(name)

    def _with_value(self, name: str) -> Key:
        cursor = self.cursor
        if name in _TEXTS:
            cursor.space()
            return Key(name, self._text())
        if name in _DATES:
            cursor.space()
            return Key(name, _date(cursor))
        if name == "UID":
            cursor.space()
            return Key(name, cursor.messages())
        if name in ("KEYWORD", "UNKEYWORD"):
            cursor.space()
            keyword = cursor.flag()
            if keyword.startswith("\\"):
                raise Bad("System flags have search keys of their own")
            return Key(name, keyword)
        if name == "HEADER":
            cursor.space()
            field = self._text()
            cursor.space()
            return Key(name, (field, self._text()))
        if name in ("LARGER", "SMALLER"):
            cursor.space()
            return Key(name, cursor.number("a size", MAX_NUMBER64))
        if name in ("YOUNGER", "OLDER"):
            cursor.space()
            return Key(name, cursor.positive("a number of seconds", MAX_NUMBER64))
        if name == "MODSEQ":
            cursor.space()
            return Key(name, self._modseq())
        if name in ("EMAILID", "THREADID"):
            cursor.space()
            return Key(name, self._object_id())
        raise Bad(f"Unknown search key {name[:40]}")

    def _text(self) -> str:
        raw = self.cursor.astring("a search string")
        if len(raw) > MAX_STRING:
            raise Bad(f"The search string is longer than {MAX_STRING} octets")
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            raise Bad("The search string is not in its charset") from None

    def _modseq(self) -> int:
        cursor = self.cursor
        if cursor.at(b'"'):
            # RFC 7162 3.1.5: the entry's name and type are read and make no difference, since one
            # mod-sequence stands for all metadata of a message.
            cursor.string("an entry name")
            cursor.space()
            if cursor.word("an entry type") not in ("PRIV", "SHARED", "ALL"):
                raise Bad("The entry type is priv, shared or all")
            cursor.space()
        return cursor.number("a mod-sequence", MAX_NUMBER64)

    def _object_id(self) -> str:
        text = self.cursor.astring("an object id").decode("ascii", "replace")
        if not _OBJECT_ID.fullmatch(text):
            raise Bad("An object id is letters, digits, - and _ (RFC 8474 7)")
        return text


def _date(cursor: Cursor) -> date:
    found = _DATE.match(cursor.text, cursor.position)
    if found is None:
        raise Bad("A date is written 1-Feb-1994")
    cursor.position = found.end()
    month = _MONTHS.get(found.group(3).upper())
    try:
        return date(int(found.group(4)), month or 0, int(found.group(2)))
    except ValueError:
        raise Bad("There is no such date") from None
