"""The mail store: whole units, one method each, over the parts of this folder.

What is larger than a unit is done in several. COPY is all or none all the same: when a later unit fails, the
copies made so far are expunged again before the refusal is passed on (RFC 9051 6.4.7 allows UIDNEXT to have
moved). A large MOVE is several atomic moves; STORE and EXPUNGE of many messages are several units, each
complete in itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from posthouse.bodies.contract import Bodies, Durability
from posthouse.bodies.side import SideRecord
from posthouse.cluster.contract import Feed
from posthouse.database.contract import Database, Transaction
from posthouse.mail.mime import Buffer
from posthouse.settings.contract import CurrentSettings
from posthouse.settings.keeping import UNDELETE_DAYS
from posthouse.settings.store import FACTS_CACHE, MAX_MAILBOXES, TOMBSTONES
from posthouse.store import acl, deleted, metadata, naming, seen, upkeep
from posthouse.store.append import MailAppender
from posthouse.store.boxes import CHUNK, lock_row
from posthouse.store.content import Content, compute_facts
from posthouse.store.contract import (
    DELETED,
    SEEN,
    Appended,
    CopyOutcome,
    Facts,
    FlagChange,
    FlagOutcome,
    Mailbox,
    Message,
    NewMessage,
    Quota,
    StoreRefusal,
)
from posthouse.store.copy import copy_in
from posthouse.store.expunge import expunge_in, expunge_next
from posthouse.store.flags import store_in
from posthouse.store.index import SearchIndex
from posthouse.store.openings import Openings
from posthouse.store.quota import Check, QuotaLimit, QuotaRooms, Rooms, total_in, usage_of_in, used_in
from posthouse.store.records import (
    DELETE_SUBSCRIPTION,
    DELETE_SUBSCRIPTIONS,
    SELECT_IDS,
    SELECT_MAILBOX,
    SELECT_MAILBOX_NAMED,
    SELECT_MAILBOXES,
    SELECT_MAILBOXES_BY_ID,
    SELECT_NAMES,
    SELECT_SUBSCRIPTIONS,
    SELECT_TOMBSTONES,
    SET_RECENT,
    message_id,
    subscriptions,
)
from posthouse.store.rows import mailbox_from, tombstones_from
from posthouse.store.sharing_records import DELETE_SHARED_MAILBOX
from posthouse.store.undelete import DeletedMail
from posthouse.store.view import MailboxView
from posthouse.wire.imap.names import INBOX, canonical, complaint

_UID = 0xFFFFFFFF


class MailStore:
    """The Store and Keeping of contract.py; ``appender`` is its Appender. ``clock`` gives seconds since
    1970."""

    def __init__(
        self,
        database: Database,
        bodies: Bodies,
        durability: Durability,
        feed: Feed,
        settings: CurrentSettings,
        *,
        quota_limit: QuotaLimit,
        rooms: Rooms | None = None,
        side: SideRecord | None = None,
        index: SearchIndex | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._index = index
        self._database = database
        self._durability = durability
        self._feed = feed
        self._settings = settings
        self._rooms = rooms if rooms is not None else QuotaRooms(quota_limit)
        self._side = side
        self._clock = clock
        self._content = Content(database, bodies, settings.now[FACTS_CACHE])
        self._openings = Openings(database, feed, settings)
        self.appender = MailAppender(bodies, feed, side, clock)
        self.deleted = DeletedMail(database, feed, settings, side, self._rooms, clock)

    async def close(self) -> None:
        """Let go of every open mailbox, and of the search index."""
        if self._index is not None:
            await self._index.close()
        await self._openings.close()

    # mailboxes

    async def mailboxes(self, account_id: int) -> list[Mailbox]:
        return await self._database.read(_mailboxes, account_id)

    async def subscriptions(self, account_id: int) -> list[str]:
        return await self._database.read(_subscriptions, account_id)

    async def find(self, account_id: int, name: str) -> Mailbox | None:
        name = canonical(name)
        if complaint(name):
            return (
                None  # nobody could make it; and not every database takes every character even in a question
            )
        return await self._database.read(_find, account_id, name)

    async def some(self, mailbox_ids: Sequence[int]) -> list[Mailbox]:
        return await self._database.read(_some, mailbox_ids)

    async def unseen(self, mailbox: Mailbox, reader: int) -> int:
        return await self._database.read(seen.unseen_for, mailbox, reader)

    async def create(self, account_id: int, name: str, special_use: str = "") -> Mailbox:
        def op(tx: Transaction) -> Mailbox:
            most = self._settings.now[MAX_MAILBOXES]
            return naming.make_in(
                tx, account_id, name, special_use, most, self._feed, self._side, now=int(self._clock())
            )

        return await self._database.run(op)

    async def delete(self, account_id: int, name: str) -> None:
        number = await self._database.run(
            naming.detach_in, account_id, name, self._feed, self._side, self._keep()
        )
        await self._purge([number])

    async def rename(self, account_id: int, old: str, new: str) -> None:
        if canonical(old) == INBOX:
            await self._rename_inbox(account_id, new)
            return

        def op(tx: Transaction) -> None:
            most = self._settings.now[MAX_MAILBOXES]
            naming.rename_in(tx, account_id, old, new, most, self._feed, self._side, now=int(self._clock()))

        await self._database.run(op)

    async def subscribe(self, account_id: int, name: str, subscribed: bool) -> None:
        name = canonical(name)
        if subscribed:
            naming.refuse_bad(name)
        elif complaint(name):
            return  # nobody can have subscribed to it
        await self._database.run(_subscribe, account_id, name, subscribed, self._feed)

    async def provision(self, account_id: int) -> None:
        if not await self._database.read(_provisioned, account_id):
            await self._database.run(self.provision_in, account_id)

    def provision_in(self, tx: Transaction, account_id: int) -> None:
        naming.provision_in(tx, account_id, self._feed, self._side, now=int(self._clock()))

    def total_in(self, tx: Transaction) -> tuple[int, int]:
        return total_in(tx)

    def usage_of_in(self, tx: Transaction, accounts: Sequence[int]) -> dict[int, tuple[int, int]]:
        return usage_of_in(tx, accounts)

    async def remove_account(self, account_id: int) -> None:
        def op(tx: Transaction) -> list[int]:
            ids = sorted(row[0] for row in tx.execute(SELECT_NAMES, {"account_id": account_id}))
            for number in ids:
                naming.detach_id(tx, account_id, number, self._feed, self._side)
            tx.execute(DELETE_SUBSCRIPTIONS, {"account_id": account_id})
            acl.forget_identifier(tx, acl.of_account(account_id), self._feed)
            seen.forget_account(tx, account_id)
            tx.change(DELETE_SHARED_MAILBOX, {"of_account": account_id})
            metadata.forget_account(tx, account_id)
            return ids

        await self._database.run(deleted.forget_mailboxes_in, account_id)
        await self._purge(await self._database.run(op))
        await deleted.forget_account(self._database, account_id)

    async def _purge(self, mailbox_ids: Sequence[int]) -> None:
        for mailbox_id in mailbox_ids:
            await upkeep.purge(self._database, mailbox_id)
        if self._index is not None:
            await self._index.forget(mailbox_ids)

    async def upkeep(self) -> None:
        """The store's periodic job (an hour apart is enough): finish interrupted deletions, prune
        tombstones, tidy the search index."""
        await upkeep.purge_all(self._database)
        await upkeep.sweep_marks(self._database)
        await upkeep.prune_tombstones(self._database, self._settings.now[TOMBSTONES])
        if self._index is not None:
            await self._index.sweep()

    async def select(self, mailbox_id: int, reader: int = 0) -> tuple[MailboxView, int]:
        view = await self._openings.view(mailbox_id, reader)
        mailbox = view.mailbox
        first = mailbox.recent_from
        try:
            if first < mailbox.uidnext:
                first, last = await self._database.run(_claim_recent, mailbox_id)
                mailbox.recent_from = last
        except BaseException:
            view.close()
            raise
        return view, first

    async def examine(self, mailbox_id: int, reader: int = 0) -> MailboxView:
        return await self._openings.view(mailbox_id, reader)

    # messages

    async def append(
        self, mailbox_id: int, messages: Sequence[NewMessage], reader: int = 0
    ) -> list[Appended]:
        if len(messages) > CHUNK:
            raise StoreRefusal("LIMIT", f"At most {CHUNK} messages can be appended at once")
        account_id = await self._database.read(_account_of, mailbox_id)
        fits = await self._rooms.room(account_id)
        ready = [
            message
            if message.facts is not None
            else replace(message, facts=await compute_facts(message.body.buffer()))
            for message in messages
        ]
        size = sum(len(message.prefix) + message.body.size for message in ready)

        def op(tx: Transaction) -> list[Appended]:
            if fits is not None:
                lock_row(tx, mailbox_id)
                fits(tx, size, len(ready))
            if not reader or not mailbox_from(lock_row(tx, mailbox_id)).own_seen:
                return self.appender.append_in(tx, mailbox_id, ready)
            made = self.appender.append_in(
                tx, mailbox_id, [replace(message, flags=message.flags & ~SEEN) for message in ready]
            )
            pairs = zip(made, ready, strict=True)
            read = [one.message_id for one, message in pairs if message.flags & SEEN]
            seen.set_marks(tx, reader, read, True)
            return made

        return await self._durability.commit([message.body for message in ready], op)

    async def flags(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        change: FlagChange,
        unchanged_since: int | None = None,
        reader: int = 0,
    ) -> FlagOutcome:
        whole = FlagOutcome()
        for chunk in _chunks(uids):
            part = await self._database.run(
                store_in, mailbox_id, chunk, change, unchanged_since, self._feed, self._side, reader
            )
            whole.changed += part.changed
            whole.modified += part.modified
            whole.gone += part.gone
            whole.modseq = part.modseq
        return whole

    async def copy(
        self,
        source_id: int,
        uids: Sequence[int],
        target_id: int,
        reader: int = 0,
        mask: int = 63,
        *,
        also: Callable[[Transaction], None] | None = None,
    ) -> CopyOutcome:
        fits = await self._room_of(target_id)
        parts: list[CopyOutcome] = []
        chunks = _chunks(uids)
        try:
            for number, chunk in enumerate(chunks, 1):
                parts.append(
                    await self._database.run(
                        copy_in if also is None or number < len(chunks) else partial(_copy_and, also),
                        source_id,
                        chunk,
                        target_id,
                        fits,
                        self._feed,
                        self._side,
                        reader=reader,
                        mask=mask,
                    )
                )
        except BaseException:
            made = [uid for part in parts for uid in part.target_uids]
            if made:
                await self._expunge(target_id, made, 0, keep=0)  # nobody had them: nothing to restore
            raise
        return _joined(parts)

    async def move(
        self, source_id: int, uids: Sequence[int], target_id: int, reader: int = 0, mask: int = 63
    ) -> CopyOutcome:
        fits = await self._room_of(target_id)
        parts = []
        for chunk in _chunks(uids):
            parts.append(
                await self._database.run(
                    copy_in,
                    source_id,
                    chunk,
                    target_id,
                    fits,
                    self._feed,
                    self._side,
                    moving=True,
                    reader=reader,
                    mask=mask,
                )
            )
        return _joined(parts)

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None = None) -> list[int]:
        if uids is not None:
            return await self._expunge(mailbox_id, uids, DELETED, keep=self._keep())
        gone: list[int] = []
        after = 0
        keep = self._keep()
        while True:
            part, after = await self._database.run(
                expunge_next, mailbox_id, after, self._feed, self._side, keep
            )
            gone += part
            if not after:
                return gone

    async def expunge_any(self, mailbox_id: int, uids: Sequence[int]) -> list[int]:
        return await self._expunge(mailbox_id, uids, 0, keep=self._keep())

    async def vanished(self, mailbox_id: int, since: int) -> list[int]:
        return await self._database.scan(_vanished, mailbox_id, since)

    # content

    async def content(self, message: Message) -> bytes:
        return await self._content.content(message)

    async def slice(self, message: Message, start: int, length: int) -> bytes:
        return await self._content.slice(message, start, length)

    async def prefix(self, message: Message) -> bytes:
        return await self._content.prefix(message)

    async def buffer(self, message: Message) -> Buffer:
        return await self._content.buffer(message)

    async def facts(self, messages: Sequence[Message]) -> list[Facts]:
        return await self._content.facts(messages)

    async def candidates(
        self, mailbox: Mailbox, messages: Sequence[Message], needle: str
    ) -> Sequence[Message]:
        if self._index is None:
            return messages
        return await self._index.candidates(mailbox, messages, needle)

    async def quota(self, account_id: int) -> Quota:
        limit, most = await self._rooms.limits(account_id)
        used, messages = await self._database.read(used_in, account_id)
        return Quota(used, limit, messages, most)

    def _keep(self) -> int:
        """What is deleted now is kept as deleted at this time, 0 while nothing is kept."""
        return int(self._clock()) if self._settings.now[UNDELETE_DAYS] else 0

    async def _expunge(self, mailbox_id: int, uids: Sequence[int], mask: int, *, keep: int) -> list[int]:
        gone: list[int] = []
        for chunk in _chunks(sorted(uids)):
            gone += await self._database.run(
                expunge_in, mailbox_id, chunk, mask, self._feed, self._side, keep
            )
        return gone

    async def _room_of(self, mailbox_id: int) -> Check | None:
        try:
            account_id = await self._database.read(_account_of, mailbox_id)
        except StoreRefusal:
            raise StoreRefusal("TRYCREATE", "The target mailbox does not exist") from None
        return await self._rooms.room(account_id)

    async def _rename_inbox(self, account_id: int, new: str) -> None:
        target = await self.create(account_id, new)
        source = await self.find(account_id, INBOX)
        if source is None:
            return
        uids = await self._database.scan(_all_uids, source.id)
        await self.move(source.id, uids, target.id)


def _copy_and(also: Callable[[Transaction], None], tx: Transaction, *args: Any, **named: Any) -> CopyOutcome:
    outcome = copy_in(tx, *args, **named)
    also(tx)
    return outcome


def _chunks(uids: Sequence[int]) -> Sequence[Sequence[int]]:
    """Pieces of at most CHUNK; one empty piece for none, so that a missing mailbox is noticed all the
    same."""
    if not uids:
        return ((),)
    return [uids[start : start + CHUNK] for start in range(0, len(uids), CHUNK)]


def _joined(parts: list[CopyOutcome]) -> CopyOutcome:
    if len(parts) == 1:
        return parts[0]
    return CopyOutcome(
        parts[-1].uidvalidity,
        tuple(uid for part in parts for uid in part.source_uids),
        tuple(uid for part in parts for uid in part.target_uids),
        parts[-1].modseq,
    )


def _mailboxes(tx: Transaction, account_id: int) -> list[Mailbox]:
    key = {"account_id": account_id}
    subscribed = {row[0] for row in tx.execute(SELECT_SUBSCRIPTIONS, key)}
    return [mailbox_from(row, subscribed=row[2] in subscribed) for row in tx.execute(SELECT_MAILBOXES, key)]


def _subscriptions(tx: Transaction, account_id: int) -> list[str]:
    return [row[0] for row in tx.execute(SELECT_SUBSCRIPTIONS, {"account_id": account_id})]


def _subscribe(tx: Transaction, account_id: int, name: str, subscribed: bool, feed: Feed) -> None:
    key = {"account_id": account_id, "name": name}
    if subscribed:
        tx.insert_ignore(subscriptions, key)
    else:
        tx.execute(DELETE_SUBSCRIPTION, key)
    naming.changed(tx, feed, account_id)


def _some(tx: Transaction, mailbox_ids: Sequence[int]) -> list[Mailbox]:
    found: list[Mailbox] = []
    for ids in _chunks(mailbox_ids):
        found += [mailbox_from(row) for row in tx.execute(SELECT_MAILBOXES_BY_ID, {"ids": list(ids)})]
    return found


def _find(tx: Transaction, account_id: int, name: str) -> Mailbox | None:
    rows = tx.execute(SELECT_MAILBOX_NAMED, {"account_id": account_id, "name": name})
    return mailbox_from(rows[0]) if rows else None


def _provisioned(tx: Transaction, account_id: int) -> bool:
    return any(row[1] != INBOX for row in tx.execute(SELECT_NAMES, {"account_id": account_id}))


def _account_of(tx: Transaction, mailbox_id: int) -> int:
    rows = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not rows or rows[0][1] < 0:
        raise StoreRefusal("NONEXISTENT", "The mailbox does not exist")
    return int(rows[0][1])


def _claim_recent(tx: Transaction, mailbox_id: int) -> tuple[int, int]:
    """The first UID that is \\Recent to the caller alone, and uidnext. Not a change a session is told of."""
    box = mailbox_from(lock_row(tx, mailbox_id))
    if box.recent_from < box.uidnext:
        tx.execute(SET_RECENT, {"of_id": mailbox_id, "to": box.uidnext})
    return box.recent_from, box.uidnext


def _all_uids(tx: Transaction, mailbox_id: int) -> list[int]:
    span = {"after": message_id(mailbox_id, 0), "last": message_id(mailbox_id + 1, 0) - 1}
    return [row[0] & _UID for row in tx.execute(SELECT_IDS, {**span, "count": 1 << 31})]


def _vanished(tx: Transaction, mailbox_id: int, since: int) -> list[int]:
    rows = tx.execute(SELECT_MAILBOX, {"of_id": mailbox_id})
    if not rows or rows[0][1] < 0:
        raise StoreRefusal("NONEXISTENT", "The mailbox does not exist")
    if since >= tombstones_from(rows[0]):
        found = tx.execute(SELECT_TOMBSTONES, {"mailbox_id": mailbox_id, "since": since})
        return sorted({row[0] for row in found})
    there = set(_all_uids(tx, mailbox_id))
    return [uid for uid in range(1, rows[0][5]) if uid not in there]
