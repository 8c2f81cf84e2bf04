"""Reading one whole command from left to right: atoms, strings, numbers, sets (RFC 9051 9).

The text is the command without its last CRLF. A literal stands in it as its announcement ``{n}`` CRLF
alone; its octets are in ``literals``, in order. CRLF occurs nowhere else, so the two cannot be confused.
"""

from __future__ import annotations

import re
from typing import NoReturn

from posthouse.wire.imap.names import decode_name
from posthouse.wire.imap.syntax import SAVED, STAR, Messages, ReaderState, SequenceSet

ATOM = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
"""``atom``: also forbids ``]`` only where a grammar says so; ``]`` is an astring character (below)."""
ASTRING = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~\x80-\xff]+")
"""ASTRING-CHAR, and octets above 127: UTF-8 from clients that do not quote it."""
LIST_MAILBOX = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~\x80-\xff]+")
_QUOTED = re.compile(rb'"([^"\\\r\n\x00]*)"')
_QUOTED_ESCAPED = re.compile(rb'"((?:[^"\\\r\n\x00]|\\["\\])*)"')
_UNESCAPE = re.compile(rb"\\(.)")
_LITERAL = re.compile(rb"~?\{[0-9]+\+?\}\r\n")
_NUMBER = re.compile(rb"[0-9]+")
_SET = re.compile(rb"[0-9*:,]+")
_FLAG = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")

MAX_NUMBER = 0xFFFFFFFF
MAX_NUMBER64 = 0x7FFFFFFFFFFFFFFF

SYSTEM_FLAGS = {
    flag.upper(): flag for flag in ("\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Recent")
}
MAX_FLAGS = 256
"""Most flags in one list."""
MAX_FLAG = 128
"""Longest keyword, in octets."""


class Bad(Exception):
    """The command is not well formed; ``text`` says how. With ``no`` it is answered NO (and ``code``)."""

    def __init__(self, text: str, code: str = "", no: bool = False) -> None:
        super().__init__(text)
        self.text = text
        self.code = code
        self.no = no


class Cursor:
    """A position in a command. Every method that reads raises Bad when what it wants is not there."""

    __slots__ = ("_literal", "literals", "position", "state", "text", "uid")

    def __init__(
        self, text: bytes, literals: list[bytes], state: ReaderState, position: int = 0, uid: bool = False
    ) -> None:
        self.text = text
        self.position = position
        self.literals = literals
        self.state = state
        self.uid = uid
        self._literal = 0

    # what comes next

    def done(self) -> bool:
        """Whether everything was read."""
        return self.position >= len(self.text)

    def end(self) -> None:
        """Nothing may follow."""
        if self.position < len(self.text):
            raise Bad("Unexpected text after the command's arguments")

    def peek(self) -> bytes:
        """The next octet, or b"" at the end."""
        return self.text[self.position : self.position + 1]

    def at(self, octet: bytes) -> bool:
        """Whether ``octet`` comes next."""
        return self.text.startswith(octet, self.position)

    def take(self, octet: bytes) -> bool:
        """Skip ``octet`` if it comes next."""
        if self.text.startswith(octet, self.position):
            self.position += len(octet)
            return True
        return False

    def expect(self, octet: bytes, what: str) -> None:
        """Skip ``octet``, which has to come next."""
        if not self.text.startswith(octet, self.position):
            raise Bad(f"Expected {what}")
        self.position += len(octet)

    def space(self) -> None:
        """One space, no more, no less."""
        if not self.text.startswith(b" ", self.position):
            if self.position >= len(self.text):
                raise Bad("An argument is missing")
            raise Bad("Expected a space")
        self.position += 1

    # words

    def match(self, pattern: re.Pattern[bytes], what: str) -> bytes:
        """The text that ``pattern`` matches here."""
        found = pattern.match(self.text, self.position)
        if found is None:
            self.missing(what)
        self.position = found.end()
        return found.group()

    def missing(self, what: str) -> NoReturn:
        """Raise Bad: ``what`` was expected here."""
        if self.position >= len(self.text):
            raise Bad(f"Expected {what} at the end of the line")
        raise Bad(f"Expected {what}")

    def word(self, what: str = "a word") -> str:
        """An atom in upper case, as keywords of the protocol are."""
        return self.match(ATOM, what).decode("ascii").upper()

    def string(self, what: str = "a string") -> bytes:
        """A quoted string or a literal."""
        octet = self.text[self.position : self.position + 1]
        if octet == b'"':
            return self._quoted(what)
        if octet in (b"{", b"~"):
            return self._take_literal(what)
        self.missing(what)

    def _quoted(self, what: str) -> bytes:
        found = _QUOTED.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
            return found.group(1)
        found = _QUOTED_ESCAPED.match(self.text, self.position)
        if found is None:
            raise Bad(f'The quoted string of {what} is not closed, or quotes something else than " and \\')
        self.position = found.end()
        return _UNESCAPE.sub(rb"\1", found.group(1))

    def _take_literal(self, what: str) -> bytes:
        found = _LITERAL.match(self.text, self.position)
        if found is None or self._literal >= len(self.literals):
            self.missing(what)
        self.position = found.end()
        data = self.literals[self._literal]
        self._literal += 1
        if b"\0" in data and found.group()[:1] != b"~":
            raise Bad("A literal contains a NUL octet")
        return data

    def astring(self, what: str = "a string") -> bytes:
        """An atom (with ``]`` allowed), a quoted string or a literal."""
        found = ASTRING.match(self.text, self.position)
        if found is not None and not (found.group()[:1] == b"~" and _LITERAL.match(self.text, self.position)):
            self.position = found.end()
            return found.group()
        return self.string(what)

    def nstring(self, what: str = "a string or NIL") -> bytes | None:
        """A string, or None for NIL."""
        if self.text[self.position : self.position + 3].upper() == b"NIL":
            self.position += 3
            return None
        return self.string(what)

    def mailbox(self) -> str:
        """A mailbox name, canonical. Raises Bad as NO [CANNOT] for one that is not well encoded."""
        return self.decode_mailbox(self.astring("a mailbox name"))

    def decode_mailbox(self, raw: bytes) -> str:
        """The canonical name for the octets of a name or a LIST pattern."""
        try:
            return decode_name(raw, self.state.utf8)
        except ValueError as problem:
            raise Bad(f"Bad mailbox name: {problem}", "CANNOT", no=True) from None

    # numbers and sets

    def number(self, what: str = "a number", highest: int = MAX_NUMBER) -> int:
        """A number from 0."""
        digits = self.match(_NUMBER, what)
        value = int(digits) if len(digits) <= 20 else highest + 1
        if value > highest:
            raise Bad(f"The number for {what.removeprefix('a ')} is too large")
        return value

    def positive(self, what: str = "a number above zero", highest: int = MAX_NUMBER) -> int:
        """A number from 1."""
        value = self.number(what, highest)
        if value == 0:
            raise Bad(f"Zero is not allowed for {what.removeprefix('a ')}")
        return value

    def messages(self, *, saved: bool = True) -> Messages:
        """A sequence set, or ``$`` (RFC 5182)."""
        if saved and self.text.startswith(b"$", self.position):
            self.position += 1
            return SAVED
        return sequence_set(self.match(_SET, "a message set"))

    def known_uids(self) -> SequenceSet:
        """A set without ``*`` and ``$`` (RFC 7162's known-uids)."""
        found = self.messages(saved=False)
        if found == SAVED or any(STAR in pair for pair in found):
            raise Bad("* is not allowed in this set")
        return found

    # lists

    def words(self, what: str) -> list[str]:
        """A parenthesised list of at least one word, upper case."""
        self.expect(b"(", f"a parenthesised list of {what}")
        found = [self.word(what)]
        while not self.take(b")"):
            self.space()
            found.append(self.word(what))
        return found

    def flags(self) -> tuple[str, ...]:
        """A parenthesised flag list, possibly empty."""
        self.expect(b"(", "a flag list")
        if self.take(b")"):
            return ()
        found = self.bare_flags()
        self.expect(b")", "a closing parenthesis after the flags")
        return found

    def bare_flags(self) -> tuple[str, ...]:
        """Flags without parentheses, at least one. System flags get their usual spelling."""
        found = [self.flag()]
        while self.take(b" "):
            found.append(self.flag())
            if len(found) > MAX_FLAGS:
                raise Bad("Too many flags")
        return tuple(found)

    def flag(self) -> str:
        """One flag or keyword."""
        raw = self.match(_FLAG, "a flag")
        if len(raw) > MAX_FLAG:
            raise Bad("A flag name is too long")
        text = raw.decode("ascii")
        if text[0] == "\\":
            return SYSTEM_FLAGS.get(text.upper(), text)
        return text


def sequence_set(raw: bytes) -> SequenceSet:
    """The ranges of a sequence set: lower end first, ``*`` last. Raises Bad."""
    if raw.isdigit():
        number = _sequence_number(raw)
        return ((number, number),)
    ranges: list[tuple[int, int]] = []
    for piece in raw.split(b","):
        first, colon, second = piece.partition(b":")
        low = _sequence_number(first)
        high = _sequence_number(second) if colon else low
        if high != STAR and (low == STAR or low > high):
            low, high = high, low
        ranges.append((low, high))
    return tuple(ranges)


def _sequence_number(raw: bytes) -> int:
    if raw == b"*":
        return STAR
    if not raw.isdigit() or len(raw) > 10:
        raise Bad("A message set is not well formed")
    number = int(raw)
    if not 0 < number <= MAX_NUMBER:
        raise Bad("Message numbers run from 1 to 4294967295")
    return number
