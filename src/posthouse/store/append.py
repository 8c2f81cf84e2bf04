"""Appending, as a part of the caller's unit (acceptance) and as a unit of its own (APPEND)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from posthouse.bodies.contract import Bodies
from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Transaction
from posthouse.store.boxes import LockedBox, lock_box
from posthouse.store.contract import Appended, NewMessage, StoreRefusal
from posthouse.store.facts import encode
from posthouse.store.keywords import ensure_keywords
from posthouse.store.naming import create_in, mailbox_id_in
from posthouse.store.quota import used_in
from posthouse.store.records import INSERT_MESSAGE, facts, message_id
from posthouse.store.rows import email_of, thread_of

MAX_PREFIX = 4096
"""Bytes of a copy's own lines before the shared body."""

_FLAGS = 31


class MailAppender:
    """The Appender of contract.py. ``clock`` gives seconds since 1970."""

    def __init__(
        self,
        bodies: Bodies,
        feed: Feed,
        side: SideRecord | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._bodies = bodies
        self._feed = feed
        self._side = side
        self._clock = clock

    def append_in(self, tx: Transaction, mailbox_id: int, messages: Sequence[NewMessage]) -> list[Appended]:
        box = lock_box(tx, mailbox_id)
        now = int(self._clock())
        if len(messages) > 1:
            ensure_keywords(tx, mailbox_id, [name for message in messages for name in message.keywords])
        rows = [self._row(tx, box, message, now) for message in messages]
        if len(rows) == 1:
            tx.execute(INSERT_MESSAGE, rows[0])
        else:
            tx.execute_many(INSERT_MESSAGE, rows)
        box.save(tx, self._feed)
        if self._side is not None:
            tx.after_commit(lambda: self._note(mailbox_id, rows))
        mailbox = box.mailbox
        first = mailbox.uidnext
        return [
            Appended(mailbox_id, mailbox.uidvalidity, first + index, box.modseq, row["id"])
            for index, row in enumerate(rows)
        ]

    def inbox_in(self, tx: Transaction, account_id: int) -> int:
        found = mailbox_id_in(tx, account_id, "INBOX")
        if found is None:
            found = create_in(tx, account_id, "INBOX", "", self._feed, self._side, now=int(self._clock())).id
        return found

    def mailbox_in(self, tx: Transaction, account_id: int, name: str) -> int | None:
        return mailbox_id_in(tx, account_id, name)

    def used_in(self, tx: Transaction, account_id: int) -> int:
        return used_in(tx, account_id)[0]

    def _row(self, tx: Transaction, box: LockedBox, message: NewMessage, now: int) -> dict[str, Any]:
        if message.facts is None:
            raise ValueError("append_in needs facts")
        if len(message.prefix) > MAX_PREFIX:
            raise StoreRefusal("LIMIT", f"The lines before the message may have {MAX_PREFIX} bytes")
        body = message.body
        digest = bytes.fromhex(body.digest)
        self._bodies.claim(tx, body.digest, body.size)
        tx.insert_ignore(facts, {"body": digest, "data": encode(message.facts)})
        keywords = ensure_keywords(tx, box.mailbox.id, message.keywords) if message.keywords else ()
        flags, size = message.flags & _FLAGS, len(message.prefix) + body.size
        box.count(flags, size, 1)
        return {
            "id": message_id(box.mailbox.id, box.take_uid()),
            "mailbox_id": box.mailbox.id,
            "modseq": box.modseq,
            "flags": flags,
            "zone": message.zone,
            "internal_date": now if message.internal_date is None else message.internal_date,
            "save_date": now,
            "size": size,
            "prefix_size": len(message.prefix),
            "thread": thread_of(message.facts, digest),
            "body": digest,
            "email": email_of(digest, message.prefix),
            "keywords": " ".join(keywords),
            "prefix": message.prefix,
        }

    def _note(self, mailbox_id: int, rows: list[dict[str, Any]]) -> None:
        assert self._side is not None
        self._side.notes(copy_line(mailbox_id, row) for row in rows)


def copy_line(mailbox_id: int, row: dict[str, Any]) -> dict[str, Any]:
    """The side record's line for a new copy."""
    return {
        "t": "copy",
        "m": mailbox_id,
        "q": row["modseq"],
        "u": row["id"] & 0xFFFFFFFF,
        "b": row["body"].hex(),
        "p": row["prefix"],
        "f": row["flags"],
        "k": row["keywords"].split(" ") if row["keywords"] else [],
        "d": row["internal_date"],
        "z": row["zone"],
        "s": row["save_date"],
    }
