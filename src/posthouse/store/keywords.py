"""Keywords: compared without regard to case, kept in the spelling first used, at most MAX_KEYWORDS in a
mailbox."""

from __future__ import annotations

from collections.abc import Container, Iterable

from posthouse.database.contract import Transaction
from posthouse.store.contract import MAX_KEYWORDS, StoreRefusal
from posthouse.store.records import (
    DELETE_KEYWORD,
    INSERT_KEYWORD,
    SELECT_KEYWORDS,
    SELECT_KEYWORDS_IN_USE,
    message_id,
)

MAX_LENGTH = 100
"""Characters of one keyword."""


def ensure_keywords(
    tx: Transaction, mailbox_id: int, names: Iterable[str], *, add: bool = True
) -> tuple[str, ...]:
    """The mailbox's spellings of these keywords, sorted, each once; new ones are entered (with ``add`` False
    they are left out). The mailbox is locked. Whoever inserts several messages asks for all their keywords
    once before: room is made by forgetting what no row has yet. Raises StoreRefusal LIMIT."""
    wanted = {name.lower(): name for name in names}
    if not wanted:
        return ()
    known: dict[str, str] = dict(tx.execute(SELECT_KEYWORDS, {"mailbox_id": mailbox_id}))
    new = [folded for folded in wanted if folded not in known]
    if new and add:
        if any(len(folded) > MAX_LENGTH for folded in new):
            raise StoreRefusal("LIMIT", f"A keyword may have {MAX_LENGTH} characters")
        if len(known) + len(new) > MAX_KEYWORDS:
            _forget_unused(tx, mailbox_id, known, wanted)
        if len(known) + len(new) > MAX_KEYWORDS:
            raise StoreRefusal("LIMIT", f"A mailbox may have {MAX_KEYWORDS} keywords")
        for folded in new:
            known[folded] = wanted[folded]
            tx.execute(INSERT_KEYWORD, {"mailbox_id": mailbox_id, "folded": folded, "name": wanted[folded]})
    return tuple(sorted(known[folded] for folded in wanted if folded in known))


def _forget_unused(tx: Transaction, mailbox_id: int, known: dict[str, str], wanted: Container[str]) -> None:
    """Drop keywords no message carries any more and nobody asks for now, from the table and from
    ``known``."""
    used: set[str] = set()
    span = {"after": message_id(mailbox_id, 0), "last": message_id(mailbox_id + 1, 0) - 1}
    for (text,) in tx.execute(SELECT_KEYWORDS_IN_USE, {**span, "none": ""}):
        used.update(text.lower().split(" "))
    for folded in [folded for folded in known if folded not in used and folded not in wanted]:
        del known[folded]
        tx.execute(DELETE_KEYWORD, {"mailbox_id": mailbox_id, "folded": folded})
