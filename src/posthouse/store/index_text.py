"""What the search index holds of a message, and what it is asked: both sides as trigrams of folded text.

SQLite's trigram tokenizer makes a token of every three characters that follow one another. A text can only contain a
search string if it contains each of the string's trigrams, so that their AND finds every match, and a few messages
more. It ends a text at the first NUL and takes no lone surrogates: both are replaced in texts, and no trigram of a
question may hold one.
"""

from __future__ import annotations

import re

from posthouse.mail.casemap import fold
from posthouse.mail.mime import Buffer
from posthouse.mail.text import all_texts, header_text
from posthouse.store.facts import decode, decode_parts

TEXTS = 1
"""Counts the changes of what :func:`document` makes of a message: an index of another count is made anew."""

MAX_DOCUMENT = 8 << 20
"""Characters of one message that are indexed at most; a longer message is looked into at every search."""

MAX_TRIGRAMS = 24
"""Trigrams that are asked of one search string at most."""

_BREAK = "\x01"
"""Between two texts. A question may hold it: then it finds a few messages too many."""

_UNASKABLE = re.compile("[\0\ud800-\udfff]")


def document(buffer: Buffer, facts: bytes, prefix: bytes) -> str | None:
    """All texts that SEARCH TEXT looks into, those of SEARCH BODY among them, folded; None when they are too long.
    ``facts`` are the encoded facts of the body."""
    texts = [fold(header_text(prefix))] if prefix else []
    size = 0
    for text in all_texts(buffer, decode_parts(decode(facts).parts)):
        folded = fold(text)
        size += len(folded)
        if size > MAX_DOCUMENT:
            return None
        texts.append(folded)
    whole = _BREAK.join(texts)
    if "\0" in whole:
        whole = whole.replace("\0", _BREAK)
    if not whole.isascii():
        whole = whole.encode("utf-8", "replace").decode("utf-8")
    return whole


def question(needle: str) -> str | None:
    """The FTS5 expression whose matches are all documents that may contain a folded search string; None when the index
    cannot tell (less than three characters)."""
    trigrams = [
        trigram
        for trigram in dict.fromkeys(needle[at : at + 3] for at in range(len(needle) - 2))
        if not _UNASKABLE.search(trigram)
    ]
    count = len(trigrams)
    if not count:
        return None
    if count > MAX_TRIGRAMS:
        trigrams = [trigrams[number * count // MAX_TRIGRAMS] for number in range(MAX_TRIGRAMS)]
    return " AND ".join(['"' + trigram.replace('"', '""') + '"' for trigram in trigrams])
