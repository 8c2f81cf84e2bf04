"""STORE: decided in the unit, never by a view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.boxes import lock_box
from posthouse.store.contract import FlagChange, FlagOutcome, Message
from posthouse.store.keywords import ensure_keywords
from posthouse.store.records import SELECT_SOME, SET_FLAGS, message_id
from posthouse.store.rows import StoredMessage

_FLAGS = 31


def store_in(
    tx: Transaction,
    mailbox_id: int,
    uids: Sequence[int],
    change: FlagChange,
    unchanged_since: int | None,
    feed: Feed,
    side: SideRecord | None,
) -> FlagOutcome:
    """Change the flags of at most CHUNK messages."""
    box = lock_box(tx, mailbox_id)
    names = (
        ensure_keywords(tx, mailbox_id, change.keywords, add=change.mode != "remove")
        if change.keywords
        else ()
    )
    rows = tx.execute(SELECT_SOME, {"ids": [message_id(mailbox_id, uid) for uid in uids]})
    outcome = FlagOutcome(modseq=box.mailbox.highest_modseq)
    groups: dict[tuple[int, tuple[str, ...]], list[StoredMessage]] = {}
    found = set()
    for row in rows:
        message = StoredMessage(row)
        found.add(message.uid)
        if unchanged_since is not None and message.modseq > unchanged_since:
            outcome.modified.append(message.uid)
            continue
        outcome.changed.append(message)
        after = _after(message, change, names)
        if after != (message.flags, message.keywords):
            groups.setdefault(after, []).append(message)
    outcome.gone = sorted(set(uids) - found)
    if not groups:
        return outcome
    for (flags, keywords), messages in groups.items():
        to = {"to_flags": flags, "to_keywords": " ".join(keywords), "to_modseq": box.modseq}
        tx.execute(SET_FLAGS, {"ids": [message.id for message in messages], **to})
        for message in messages:
            box.recount(message.flags, flags, message.size)
            message.flags, message.keywords, message.modseq = flags, keywords, box.modseq
    box.save(tx, feed)
    outcome.modseq = box.modseq
    if side is not None:
        lines = [_line(mailbox_id, box.modseq, group, messages) for group, messages in groups.items()]
        tx.after_commit(lambda: side.notes(lines))
    return outcome


def _after(message: Message, change: FlagChange, names: tuple[str, ...]) -> tuple[int, tuple[str, ...]]:
    """Flags and keywords once the change is made."""
    asked = change.flags & _FLAGS
    if change.mode == "set":
        return asked, names
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
