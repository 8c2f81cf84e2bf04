"""STORE: decided in the unit, never by a view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store import seen
from posthouse.store.boxes import lock_box
from posthouse.store.contract import SEEN, FlagChange, FlagOutcome, Message
from posthouse.store.keywords import ensure_keywords
from posthouse.store.records import SELECT_SOME, SET_FLAGS, message_id
from posthouse.store.rows import StoredMessage

_FLAGS, _KEYWORDS = 31, 32


def store_in(
    tx: Transaction,
    mailbox_id: int,
    uids: Sequence[int],
    change: FlagChange,
    unchanged_since: int | None,
    feed: Feed,
    side: SideRecord | None,
    reader: int = 0,
) -> FlagOutcome:
    """Change the flags of at most CHUNK messages. ``reader``: whose \\Seen it is where each reader has their own."""
    box = lock_box(tx, mailbox_id)
    names = (
        ensure_keywords(tx, mailbox_id, change.keywords, add=change.mode != "remove")
        if change.keywords and change.mask & _KEYWORDS
        else ()
    )
    rows = tx.execute(SELECT_SOME, {"ids": [message_id(mailbox_id, uid) for uid in uids]})
    own = reader if box.mailbox.own_seen else 0
    marks = seen.marks_of(tx, own, [row[0] for row in rows]) if own else {}
    marked: dict[bool, list[int]] = {True: [], False: []}
    outcome = FlagOutcome(modseq=box.mailbox.highest_modseq)
    groups: dict[tuple[int, tuple[str, ...]], list[StoredMessage]] = {}
    touched: list[StoredMessage] = []
    told: list[tuple[StoredMessage, int]] = []
    found = set()
    for row in rows:
        message = StoredMessage(row)
        shared = message.flags
        if own:
            message.flags = seen.flags_for(shared, marks.get(message.id))
        found.add(message.uid)
        if unchanged_since is not None and message.modseq > unchanged_since:
            outcome.modified.append(message.uid)
            continue
        outcome.changed.append(message)
        after = _after(message, change, names)
        if after == (message.flags, message.keywords):
            continue
        if own:
            if (after[0] ^ message.flags) & SEEN:
                marked[bool(after[0] & SEEN)].append(message.id)
            told.append((message, after[0]))
            message.flags = shared
            after = (after[0] & ~SEEN | shared & SEEN, after[1])
        if after == (message.flags, message.keywords):
            touched.append(message)
        else:
            groups.setdefault(after, []).append(message)
    outcome.gone = sorted(set(uids) - found)
    if not groups and not touched:
        return outcome
    for (flags, keywords), messages in groups.items():
        to = {"to_flags": flags, "to_keywords": " ".join(keywords), "to_modseq": box.modseq}
        tx.execute(SET_FLAGS, {"ids": [message.id for message in messages], **to})
        for message in messages:
            box.recount(message.flags, flags, message.size)
            message.flags, message.keywords, message.modseq = flags, keywords, box.modseq
    for value, ids in marked.items():
        if ids:
            seen.set_marks(tx, own, ids, value)
    if touched:
        seen.touch(tx, box, [message.id for message in touched])
        for message in touched:
            message.modseq = box.modseq
    for message, flags in told:
        message.flags = flags
    box.save(tx, feed)
    outcome.modseq = box.modseq
    if side is not None:
        lines = [_line(mailbox_id, box.modseq, group, messages) for group, messages in groups.items()]
        tx.after_commit(lambda: side.notes(lines))
    return outcome


def _after(message: Message, change: FlagChange, names: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Flags and keywords once the change is made."""
    asked = change.flags & _FLAGS & change.mask
    if change.mode == "set":
        kept = message.flags & ~change.mask
        return kept | asked, names if change.mask & _KEYWORDS else message.keywords
    if not change.mask & _KEYWORDS:
        names = ()
    if change.mode == "add":
        if not names or set(names) <= set(message.keywords):
            return message.flags | asked, message.keywords
        return message.flags | asked, tuple(sorted({*message.keywords, *names}))
    if not names:
        return message.flags & ~asked, message.keywords
    return message.flags & ~asked, tuple(name for name in message.keywords if name not in names)


def _line(
    mailbox_id: int, modseq: int, group: tuple[int, tuple[str, ...]], messages: list[StoredMessage]
) -> dict[str, Any]:
    uids = [message.uid for message in messages]
    return {"t": "flags", "m": mailbox_id, "q": modseq, "u": uids, "f": group[0], "k": list(group[1])}
