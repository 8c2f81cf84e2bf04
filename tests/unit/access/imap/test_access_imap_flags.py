"""Flags between bits, keywords and words."""

from __future__ import annotations

import pytest

from posthouse.access.imap.contract import BadCommand
from posthouse.access.imap.flags import flag_bytes, parse_flags, permanent_flags
from posthouse.store.contract import DELETED, MAX_KEYWORDS, SEEN


def test_flags_are_read_in_any_case_and_keywords_once() -> None:
    """System flags in any case; a keyword twice in two spellings is one keyword, as first written."""
    assert parse_flags(["\\SEEN", "\\deleted", "Work", "work", "Play"]) == (SEEN | DELETED, ("Work", "Play"))


@pytest.mark.parametrize("word", ["\\Recent", "\\Unknown", "k" * 65])
def test_what_cannot_be_stored_is_bad(word: str) -> None:
    """\\Recent, unknown system flags and endless keywords are refused."""
    with pytest.raises(BadCommand):
        parse_flags([word])


def test_the_list_for_fetch() -> None:
    """Bits, keywords and \\Recent, in parentheses."""
    assert flag_bytes(SEEN, ("Work",), True) == b"(\\Seen Work \\Recent)"
    assert flag_bytes(0, (), False) == b"()"


def test_new_keywords_are_offered_while_there_is_room() -> None:
    """PERMANENTFLAGS has \\* below the limit only, and nothing in a read-only mailbox."""
    full = [f"k{number}" for number in range(MAX_KEYWORDS)]
    assert permanent_flags(full[:-1], True).endswith(b" \\*)")
    assert b"\\*" not in permanent_flags(full, True)
    assert permanent_flags(full, False) == b"()"
