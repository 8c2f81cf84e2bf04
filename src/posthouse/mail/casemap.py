"""Comparing text without regard to case: the collation i;unicode-casemap (RFC 5051), which IMAP's SEARCH, SORT and
THREAD use.

``fold`` goes over both sides; a search is then a plain substring test, a sort a plain comparison. Each character is
mapped to its title case, then decomposed (NFKD): ``a`` is found in ``ä``, and ``ﬁ`` is ``FI``'s equal only after
decomposition, as the RFC has it.
"""

from __future__ import annotations

from unicodedata import normalize

_KEPT = 0x10000


class _TitleCase(dict[int, int]):
    """Simple title-case mappings, looked up once. Only the basic plane is remembered, to bound its size."""

    def __missing__(self, code: int) -> int:
        title = chr(code).title()
        mapped = ord(title) if len(title) == 1 else code
        if code < _KEPT:
            self[code] = mapped
        return mapped


_TITLE_CASE = _TitleCase()


def fold(text: str) -> str:
    """The form in which two texts are compared. Idempotent for practical purposes: folding twice does no harm."""
    if text.isascii():
        return text.upper()
    return normalize("NFKD", text.translate(_TITLE_CASE))
