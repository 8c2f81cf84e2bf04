"""Flags between their two forms: bits and keywords in the store, words on the wire (RFC 9051 2.3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from posthouse.access.imap.contract import BadCommand
from posthouse.store.contract import ANSWERED, DELETED, DRAFT, FLAGGED, MAX_KEYWORDS, SEEN
from posthouse.wire.imap.response import flag_list

SYSTEM: tuple[tuple[int, str], ...] = (
    (ANSWERED, "\\Answered"),
    (FLAGGED, "\\Flagged"),
    (DELETED, "\\Deleted"),
    (SEEN, "\\Seen"),
    (DRAFT, "\\Draft"),
)
_BITS = {word.lower(): bit for bit, word in SYSTEM}
_SYSTEM_WORDS = tuple(word for _, word in SYSTEM)

MAX_KEYWORD = 64
"""Longest keyword, in characters."""


@lru_cache(maxsize=8192)
def flag_bytes(flags: int, keywords: tuple[str, ...], recent: bool) -> bytes:
    """The parenthesised list for FETCH."""
    words = [word for bit, word in SYSTEM if flags & bit]
    words.extend(keywords)
    if recent:
        words.append("\\Recent")
    return flag_list(words)


def parse_flags(words: Iterable[str]) -> tuple[int, tuple[str, ...]]:
    """Bits and keywords (each once, in the given order). Raises BadCommand for ``\\Recent``, other unknown
    words with a backslash, and keywords that are too long."""
    bits = 0
    keywords: dict[str, str] = {}
    for word in words:
        if word.startswith("\\"):
            bit = _BITS.get(word.lower())
            if bit is None:
                raise BadCommand(f"{word[:40]} is not a flag that can be stored")
            bits |= bit
        elif len(word) > MAX_KEYWORD:
            raise BadCommand(f"A keyword is longer than {MAX_KEYWORD} characters")
        else:
            keywords.setdefault(word.lower(), word)
    return bits, tuple(keywords.values())


def defined_flags(keywords: Iterable[str]) -> bytes:
    """The list of the FLAGS response: all that may be found in the mailbox."""
    return flag_list((*_SYSTEM_WORDS, *keywords))


WRITING = frozenset("swtei")
"""A mailbox with none of these rights is read-only (RFC 4314 5.2)."""

KEYWORDS = 32
"""In a mask of flags: keywords too."""


def mask_of(rights: str) -> int:
    """The flags that may be changed: ``s`` is about \\Seen, ``t`` about \\Deleted, ``w`` about all others."""
    mask = SEEN if "s" in rights else 0
    if "t" in rights:
        mask |= DELETED
    if "w" in rights:
        mask |= ANSWERED | FLAGGED | DRAFT | KEYWORDS
    return mask


def permanent_flags(keywords: Iterable[str], writable: bool, rights: str = "stw") -> bytes:
    """The list of PERMANENTFLAGS: ``\\*`` while new keywords may still be made, nothing in a read-only
    mailbox."""
    if not writable:
        return b"()"
    mask = mask_of(rights)
    words = [word for bit, word in SYSTEM if mask & bit]
    if mask & KEYWORDS:
        known = tuple(keywords)
        words += [*known, *(("\\*",) if len(known) < MAX_KEYWORDS else ())]
    return flag_list(words)
