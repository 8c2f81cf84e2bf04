"""Address lists in header fields: From, To, Cc and their kin (RFC 5322 3.4, 4.4).

The reading is lenient, and where a value is broken it is Dovecot's, so that clients see what they are used to: a
missing local part shows as ``MISSING_MAILBOX``, a missing domain as ``MISSING_DOMAIN`` (a NIL host would mean a
group), an angle address that does not close as ``SYNTAX_ERROR``. Names stay raw: encoded words are not decoded.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_ADDRESSES = 10_000
"""Addresses of one list that are read."""

MISSING_MAILBOX = b"MISSING_MAILBOX"
MISSING_DOMAIN = b"MISSING_DOMAIN"
SYNTAX_ERROR = b"SYNTAX_ERROR"
INVALID_ROUTE = b"INVALID_ROUTE"


class Mailbox(NamedTuple):
    """One entry as IMAP's ENVELOPE wants it (RFC 9051 7.5.2): ``route`` is the obsolete source route. ``host`` None
    with a ``mailbox`` begins the group of that name; both None end it."""

    name: bytes | None
    route: bytes | None
    mailbox: bytes | None
    host: bytes | None


_GROUP_END = Mailbox(None, None, None, None)

_ATOM_CHARS = rb"A-Za-z0-9!#$%&'*+\-/=?^_`{|}~\x80-\xff"
_SIMPLE = re.compile(
    rb"[ \t]*+(?:(?:\"([^\"\\\r\n\x00]*+)\"|((?:[" + _ATOM_CHARS + rb".]++(?: (?=[^<]))?)+))?[ \t]*+<"
    rb"([" + _ATOM_CHARS + rb"]++(?:\.[" + _ATOM_CHARS + rb"]++)*+)"
    rb"@([" + _ATOM_CHARS + rb"]++(?:\.[" + _ATOM_CHARS + rb"]++)*+)>"
    rb"|([" + _ATOM_CHARS + rb"]++(?:\.[" + _ATOM_CHARS + rb"]++)*+)"
    rb"@([" + _ATOM_CHARS + rb"]++(?:\.[" + _ATOM_CHARS + rb"]++)*+))[ \t]*+(?:,|\Z)"
)
_LEXEME = re.compile(
    rb"(?P<blank>[ \t\r\n]++)"
    rb"|(?P<atom>[" + _ATOM_CHARS + rb"]++)"
    rb'|"(?P<quoted>(?:[^"\\]|\\.)*+)"'
    rb"|(?P<comment>\()"
    rb"|(?P<literal>\[[^\[\]\\]*+\])"
    rb"|(?P<special>[<>@,;:.])"
    rb"|(?P<junk>.)",
    re.DOTALL,
)
_COMMENT_STEP = re.compile(rb"[^()\\]++|\\.|[()\\]", re.DOTALL)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)


def parse_addresses(value: bytes) -> list[Mailbox]:
    """The entries of an address list. ``value`` is unfolded. Empty entries (``a@b,,c@d``) are left out (RFC 5322
    4.4)."""
    found: list[Mailbox] = []
    at, size = 0, len(value)
    while at < size and len(found) < MAX_ADDRESSES:
        simple = _SIMPLE.match(value, at)
        if simple is None:
            _Reader(value, at, found).read_list()
            break
        quoted, phrase, local, domain, bare_local, bare_domain = simple.groups()
        found.append(Mailbox(quoted or phrase or None, None, local or bare_local, domain or bare_domain))
        at = simple.end()
    return found


class _Reader:
    """Reads a list the long way, one lexeme at a time. ``kind`` and ``text`` are the lexeme at hand; ``kind`` is
    empty at the end."""

    __slots__ = ("at", "comment", "found", "kind", "space", "text", "value")

    def __init__(self, value: bytes, at: int, found: list[Mailbox]) -> None:
        self.value = value
        self.at = at
        self.found = found
        self.kind = ""
        self.text = b""
        self.space = False
        self.comment: bytes | None = None

    def advance(self) -> None:
        """Move to the next lexeme; blanks and comments are passed over and remembered."""
        self.space = False
        while True:
            found = _LEXEME.match(self.value, self.at)
            if found is None:
                self.kind, self.text = "", b""
                return
            self.at = found.end()
            kind = found.lastgroup or ""
            if kind == "blank":
                self.space = True
            elif kind == "comment":
                self.space = True
                if not self._read_comment():
                    self.kind, self.text = "", b""
                    return
            else:
                self.kind, self.text = kind, found[kind]
                return

    def _read_comment(self) -> bool:
        """Pass over a comment whose parenthesis was just read. False: it never ends, and neither does the list."""
        depth, start = 1, self.at
        for step in _COMMENT_STEP.finditer(self.value, start):
            char = step[0]
            if char == b"(":
                depth += 1
            elif char == b")":
                depth -= 1
                if not depth:
                    self.at = step.end()
                    self.comment = _unquote(self.value[start : step.start()])
                    return True
        self.at = len(self.value)
        return False

    def read_list(self) -> None:
        """Read entries up to the end of the value, or to something that should not follow an entry: no guess is made
        about what comes after it."""
        self.advance()
        group = False
        while self.kind and len(self.found) < MAX_ADDRESSES:
            if self.at_special(b","):
                self.advance()
                continue
            if group and self.at_special(b";"):
                self.found.append(_GROUP_END)
                group = False
                self.advance()
            else:
                group, begun = self._read_entry(group), group
                if group and not begun:
                    continue
            if not (self.at_special(b",") or (group and self.at_special(b";"))):
                break
        if group:
            self.found.append(_GROUP_END)

    def at_special(self, char: bytes) -> bool:
        """Whether the lexeme at hand is this special character."""
        return self.kind == "special" and self.text == char

    def _read_entry(self, group: bool) -> bool:
        """Read a mailbox or the beginning of a group; returns whether a group is open now."""
        self.comment = None
        words, name, single = self._read_phrase()
        if self.at_special(b"<"):
            self._read_angle_address(name)
        elif self.at_special(b":") and not group and name is not None:
            self.found.append(Mailbox(None, None, name, None))
            self.advance()
            return True
        elif not single:
            self.found.append(Mailbox(name, None, MISSING_MAILBOX, MISSING_DOMAIN))
        elif words or self.at_special(b"@"):
            self._read_address(b"".join(words) if words else None)
        else:
            self.found.append(Mailbox(None, None, MISSING_MAILBOX, MISSING_DOMAIN))
        return group

    def _read_phrase(self) -> tuple[list[bytes], bytes | None, bool]:
        """Words and dots: their texts, the phrase they make, and whether they could be one local part."""
        words: list[bytes] = []
        phrase: list[bytes] = []
        single, after_word = True, False
        while True:
            if self.kind in ("atom", "quoted"):
                if after_word:
                    single = False
                if phrase and self.space:
                    phrase.append(b" ")
                text = _unquote(self.text) if self.kind == "quoted" else self.text
                after_word = True
            elif self.at_special(b"."):
                text, after_word = b".", False
            else:
                return words, b"".join(phrase) if phrase else None, single
            words.append(text)
            phrase.append(text)
            self.advance()

    def _read_address(self, local: bytes | None) -> None:
        """``@domain`` after a local part outside angle brackets; the comment after it is the name."""
        host = self._read_domain() if self.at_special(b"@") else None
        comment = self.comment.strip(b" \t") if self.comment else b""
        self.found.append(
            Mailbox(
                comment or None, None, MISSING_MAILBOX if local is None else local, host or MISSING_DOMAIN
            )
        )

    def _read_domain(self) -> bytes | None:
        """The domain after the at sign at hand; None if there is none or it is malformed."""
        self.advance()
        if self.kind == "literal":
            literal = self.text
            self.advance()
            return literal
        domain: list[bytes] = []
        while self.kind == "atom":
            domain.append(self.text)
            self.advance()
            if not self.at_special(b"."):
                return b"".join(domain)
            domain.append(b".")
            self.advance()
        return None

    def _read_angle_address(self, name: bytes | None) -> None:
        """``<route:local@domain>``."""
        self.advance()
        route = self._read_route() if self.at_special(b"@") else None
        local: list[bytes] = []
        after_word = False
        while (self.kind in ("atom", "quoted") and not after_word) or (self.at_special(b".")):
            after_word = self.kind != "special"
            local.append(_unquote(self.text) if self.kind == "quoted" else self.text)
            self.advance()
        host: bytes | None = None
        if self.at_special(b"@"):
            host = self._read_domain()
        if not self.at_special(b">"):
            host = SYNTAX_ERROR
        self.found.append(
            Mailbox(
                name or None, route, b"".join(local) if local else MISSING_MAILBOX, host or MISSING_DOMAIN
            )
        )
        if host is not SYNTAX_ERROR:
            self.advance()

    def _read_route(self) -> bytes:
        """An obsolete source route up to its colon (RFC 5322 4.4)."""
        domains: list[bytes] = []
        while self.kind == "special" and self.text in b"@,":
            if self.text == b",":
                self.advance()
                continue
            domain = self._read_domain()
            if domain is None:
                return INVALID_ROUTE
            domains.append(b"@" + domain)
        if self.at_special(b":"):
            self.advance()
            return b",".join(domains)
        return INVALID_ROUTE


def _unquote(text: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text
