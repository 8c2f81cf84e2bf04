"""Rows of the tables as objects."""

from __future__ import annotations

import hashlib
from typing import Any

from posthouse.database.contract import Row
from posthouse.store.contract import Facts, Mailbox, Message
from posthouse.store.records import UID_BITS, UID_MASK

_DIGEST, _EMAIL = 32, 48
_keyword_sets: dict[str, tuple[str, ...]] = {"": ()}
"""One tuple for each set of keywords met, shared by all messages that carry it."""
_MOST_KEYWORD_SETS = 10_000


class StoredMessage(Message):
    """A Message whose long ids are made when asked for: a mailbox of 20,000 is held in memory as 20,000 of
    these."""

    __slots__ = ("_key", "_mailbox")

    def __init__(self, row: Row) -> None:
        (
            number,
            self.modseq,
            self.flags,
            self.zone,
            self.internal_date,
            self.save_date,
            self.size,
            self.prefix_size,
            thread,
            digest,
            email,
            keywords,
        ) = row[:12]
        self.uid = number & UID_MASK
        self._mailbox: int = number >> UID_BITS
        self._key: bytes = digest + email + thread
        self.keywords = _keyword_sets.get(keywords) or keyword_set(keywords)
        self.line = None

    def row(self) -> Row:
        """What it was made from."""
        return (
            self.id,
            self.modseq,
            self.flags,
            self.zone,
            self.internal_date,
            self.save_date,
            self.size,
            self.prefix_size,
            self._key[_EMAIL:],
            self._key[:_DIGEST],
            self._key[_DIGEST:_EMAIL],
            " ".join(self.keywords),
        )

    @property
    def id(self) -> int:  # type: ignore[override]
        return self._mailbox << UID_BITS | self.uid

    @property
    def body(self) -> str:  # type: ignore[override]
        return self._key[:_DIGEST].hex()

    @property
    def email_id(self) -> str:  # type: ignore[override]
        return "e" + self._key[_DIGEST:_EMAIL].hex()

    @property
    def thread_id(self) -> str:  # type: ignore[override]
        return "t" + self._key[_EMAIL:].hex()


def keyword_set(text: str) -> tuple[str, ...]:
    """The keywords of a row."""
    known = _keyword_sets.get(text)
    if known is None:
        if len(_keyword_sets) >= _MOST_KEYWORD_SETS:
            _keyword_sets.clear()
            _keyword_sets[""] = ()
        known = _keyword_sets[text] = tuple(text.split(" "))
    return known


def mailbox_from(row: Row, *, subscribed: bool = False) -> Mailbox:
    """A Mailbox from the columns of ``records.SELECT_MAILBOX``."""
    (
        number,
        account,
        name,
        object_id,
        uidvalidity,
        uidnext,
        modseq,
        use,
        messages,
        unseen,
        deleted,
        deleted_size,
        size,
        recent,
    ) = row[:14]
    return Mailbox(
        number,
        account,
        name,
        object_id,
        uidvalidity,
        uidnext,
        modseq,
        use,
        subscribed,
        messages,
        unseen,
        deleted,
        deleted_size,
        size,
        recent,
        own_seen=bool(row[15]),
    )


def tombstones_from(row: Row) -> int:
    """The modseq up to which tombstones were pruned, from the columns of ``records.SELECT_MAILBOX``."""
    found: int = row[14]
    return found


def email_of(digest: bytes, prefix: bytes) -> bytes:
    """RFC 8474's EMAILID as 16 bytes: copies of the same content share it, a different prefix is other
    content."""
    if not prefix:
        return digest[:16]
    return hashlib.sha256(digest + prefix).digest()[:16]


def thread_of(facts: Facts, digest: bytes) -> bytes:
    """RFC 8474's THREADID as 8 bytes: derived from the first message the References name, so that it is known
    without a look-up. A reply whose References were cut at the front begins a thread of its own."""
    root = facts.references[0] if facts.references else facts.message_id
    if not root:
        return digest[:8]
    return hashlib.sha256(root.encode("utf-8", "surrogatepass")).digest()[:8]


def whole_row(row: Row) -> dict[str, Any]:
    """A row of ``records.SELECT_WHOLE`` as parameters of ``records.INSERT_MESSAGE`` (ids and modseq still to
    set)."""
    return {
        "flags": row[2],
        "zone": row[3],
        "internal_date": row[4],
        "save_date": row[5],
        "size": row[6],
        "prefix_size": row[7],
        "thread": row[8],
        "body": row[9],
        "email": row[10],
        "keywords": row[11],
        "prefix": row[12],
    }
