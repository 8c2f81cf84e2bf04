"""A mail store in memory, for tests of sessions: the contract's behaviour without a database.

``fail_with`` raises that exception from every coming call of a method, by its name.
"""

from __future__ import annotations

import hashlib
import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from posthouse.database.contract import Transaction
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
    Sync,
)
from posthouse.store.facts import compute

STANDARD = {
    "INBOX": "",
    "Drafts": "\\Drafts",
    "Sent": "\\Sent",
    "Junk": "\\Junk",
    "Trash": "\\Trash",
    "Archive": "\\Archive",
}


@dataclass
class Box:
    """One mailbox and who watches it."""

    row: Mailbox
    messages: dict[int, Message] = field(default_factory=dict)
    content: dict[int, bytes] = field(default_factory=dict)
    tombstones: list[tuple[int, int]] = field(default_factory=list)
    watchers: list[MemoryView] = field(default_factory=list)
    deleted: bool = False
    scratch: dict[str, object] = field(default_factory=dict)

    def modseq(self) -> int:
        self.row.highest_modseq += 1
        return self.row.highest_modseq

    def changed(self) -> None:
        """Count again and tell the watchers."""
        row, now = self.row, self.messages.values()
        row.messages = len(self.messages)
        row.unseen = sum(1 for m in now if not m.flags & SEEN)
        row.deleted = sum(1 for m in now if m.flags & DELETED)
        row.deleted_size = sum(m.size for m in now if m.flags & DELETED)
        row.size = sum(m.size for m in now)
        for watcher in list(self.watchers):
            if watcher.call is not None:
                watcher.call()


class MemoryView:
    """A session's cursor over a Box."""

    def __init__(self, box: Box) -> None:
        self._box = box
        self._uids = sorted(box.messages)
        self._told = {uid: message.modseq for uid, message in box.messages.items()}
        self._modseq = box.row.highest_modseq
        self._keywords: tuple[str, ...] = ()
        self.call: Callable[[], None] | None = None
        box.watchers.append(self)

    @property
    def mailbox(self) -> Mailbox:
        return self._box.row

    @property
    def uids(self) -> Sequence[int]:
        return self._uids

    @property
    def modseq(self) -> int:
        return self._modseq

    @property
    def keywords(self) -> Sequence[str]:
        now = tuple(sorted({word for m in self._box.messages.values() for word in m.keywords}))
        if now != self._keywords:
            self._keywords = now
        return self._keywords

    def get(self, uid: int) -> Message | None:
        return self._box.messages.get(uid)

    def sequence(self, uid: int) -> int | None:
        place = bisect_left(self._uids, uid)
        return place + 1 if self._uids[place : place + 1] == [uid] else None

    def messages(self, uids: Iterable[int]) -> list[Message]:
        found = (self.get(uid) for uid in uids)
        return [message for message in found if message is not None]

    def rows(self) -> Sequence[Message | None]:
        return [self.get(uid) for uid in self._uids]

    def snapshot(self) -> Sequence[Message | None]:
        return self.rows()

    def changed(self, modseq: int) -> list[tuple[int, Message]]:
        return [(n, m) for n, m in enumerate(self.rows(), 1) if m is not None and m.modseq > modseq]

    def flagged(self, bit: int, value: int, most: int | None = None) -> list[int]:
        return [n for n, m in enumerate(self.rows()) if m is not None and m.flags & bit == value][:most]

    @property
    def packed(self) -> bool:
        return False

    @property
    def scratch(self) -> dict[str, object]:
        return self._box.scratch

    def _changed(self) -> list[Message]:
        rows = (self.get(uid) for uid in self._uids)
        return [m for m in rows if m is not None and m.modseq > self._told[m.uid]]

    def _new(self) -> list[int]:
        last = self._uids[-1] if self._uids else 0
        return sorted(uid for uid in self._box.messages if uid > last)

    def pending(self) -> bool:
        return bool(self._new() or self._changed() or any(self.get(uid) is None for uid in self._uids))

    def sync(self, *, expunges: bool) -> Sync:
        expunged: list[tuple[int, int]] = []
        if expunges:
            for uid in [uid for uid in self._uids if self.get(uid) is None]:
                expunged.append((self._uids.index(uid) + 1, uid))
                self._uids.remove(uid)
        changed = self._changed()
        new = self._new()
        self._uids += new
        self._told |= {uid: self._box.messages[uid].modseq for uid in new}
        self.mute(changed)
        self._modseq = self._box.row.highest_modseq
        pairs = [(self._uids.index(m.uid) + 1, m) for m in changed]
        return Sync(expunged, len(self._uids) if new else None, pairs)

    def mute(self, messages: Iterable[Message]) -> None:
        self._told |= {message.uid: message.modseq for message in messages}

    def on_change(self, call: Any) -> None:
        self.call = call

    async def refresh(self) -> None:
        if self._box.deleted:
            raise StoreRefusal("NONEXISTENT", "The mailbox is gone")

    def close(self) -> None:
        if self in self._box.watchers:
            self._box.watchers.remove(self)


class MemoryStore:
    """The store. Accounts exist as soon as they are named."""

    def __init__(self) -> None:
        self.boxes: dict[int, Box] = {}
        self.names: dict[int, dict[str, Box]] = {}
        self.subscribed: dict[int, set[str]] = {}
        self.limit = 0
        self.failures: dict[str, Exception] = {}
        self._next = 1

    def fail_with(self, method: str, error: Exception | None) -> None:
        """From now on this method raises (None: works again)."""
        self.failures.pop(method, None)
        if error is not None:
            self.failures[method] = error

    def _check(self, method: str) -> None:
        if method in self.failures:
            raise self.failures[method]

    def _number(self) -> int:
        self._next += 1
        return self._next

    def _box(self, mailbox_id: int) -> Box:
        box = self.boxes.get(mailbox_id)
        if box is None or box.deleted:
            raise StoreRefusal("NONEXISTENT", "There is no such mailbox")
        return box

    def _named(self, account_id: int, name: str) -> Box:
        box = self.names.get(account_id, {}).get(name)
        if box is None:
            raise StoreRefusal("NONEXISTENT", "There is no such mailbox")
        return box

    # mailboxes
    async def mailboxes(self, account_id: int) -> list[Mailbox]:
        self._check("mailboxes")
        return [replace(box.row) for box in self.names.get(account_id, {}).values()]

    async def subscriptions(self, account_id: int) -> list[str]:
        return sorted(self.subscribed.get(account_id, ()))

    async def find(self, account_id: int, name: str) -> Mailbox | None:
        self._check("find")
        box = self.names.get(account_id, {}).get(name)
        return None if box is None else replace(box.row)

    async def create(self, account_id: int, name: str, special_use: str = "") -> Mailbox:
        names = self.names.setdefault(account_id, {})
        if name in names:
            raise StoreRefusal("ALREADYEXISTS", "There is one already")
        levels = name.split("/")
        for depth in range(1, len(levels) + 1):
            above = "/".join(levels[:depth])
            if above not in names:
                number = self._number()
                use = special_use if above == name else ""
                row = Mailbox(number, account_id, above, f"M{number}", 1000 + number, 1, 1, use)
                self.boxes[number] = names[above] = Box(row)
        return replace(names[name].row)

    async def delete(self, account_id: int, name: str) -> None:
        box = self._named(account_id, name)
        if name == "INBOX":
            raise StoreRefusal("CANNOT", "INBOX stays")
        if any(other.startswith(name + "/") for other in self.names[account_id]):
            raise StoreRefusal("HASCHILDREN", "There are mailboxes below it")
        del self.names[account_id][name]
        box.deleted = True
        box.changed()

    async def rename(self, account_id: int, old: str, new: str) -> None:
        names = self.names[account_id]
        if new in names:
            raise StoreRefusal("ALREADYEXISTS", "There is one already")
        if old == "INBOX":
            target = await self.create(account_id, new)
            inbox = names["INBOX"]
            await self.move(inbox.row.id, sorted(inbox.messages), target.id)
            return
        for name in [name for name in names if name == old or name.startswith(old + "/")]:
            box = names.pop(name)
            box.row.name = new + name[len(old) :]
            names[box.row.name] = box

    async def subscribe(self, account_id: int, name: str, subscribed: bool) -> None:
        names = self.subscribed.setdefault(account_id, set())
        (names.add if subscribed else names.discard)(name)

    async def provision(self, account_id: int) -> None:
        for name, use in STANDARD.items():
            if name not in self.names.setdefault(account_id, {}):
                await self.create(account_id, name, use)

    async def select(self, mailbox_id: int, reader: int = 0) -> tuple[MemoryView, int]:
        self._check("select")
        box = self._box(mailbox_id)
        first, box.row.recent_from = box.row.recent_from, box.row.uidnext
        return MemoryView(box), first

    async def examine(self, mailbox_id: int, reader: int = 0) -> MemoryView:
        return MemoryView(self._box(mailbox_id))

    # messages
    async def append(
        self, mailbox_id: int, messages: Sequence[NewMessage], reader: int = 0
    ) -> list[Appended]:
        self._check("append")
        box = self._box(mailbox_id)
        used = sum(b.row.size for b in self.boxes.values() if b.row.account_id == box.row.account_id)
        if self.limit and used + sum(m.body.size + len(m.prefix) for m in messages) > self.limit:
            raise StoreRefusal("OVERQUOTA", "The mailbox is full")
        return [self._put(box, bytes(m.body.buffer()), m) for m in messages]

    def _put(self, box: Box, content: bytes, new: NewMessage) -> Appended:
        uid, modseq, number = box.row.uidnext, box.modseq(), self._number()
        box.row.uidnext += 1
        data = new.prefix + content
        digest = hashlib.sha256(content).hexdigest()
        date = int(time.time()) if new.internal_date is None else new.internal_date
        box.messages[uid] = Message(
            number, uid, modseq, new.flags, new.keywords, date, new.zone, int(time.time()), len(data), digest,
            len(new.prefix), f"E{digest[:16]}", f"T{digest[:16]}",
        )  # fmt: skip
        box.content[uid] = data
        box.changed()
        return Appended(box.row.id, box.row.uidvalidity, uid, modseq, number)

    def deliver(self, account_id: int, name: str, content: bytes) -> None:
        """A message arrives."""

        @dataclass
        class Given:
            digest: str
            size: int

            def buffer(self) -> bytes:
                return content

            def discard(self) -> None:
                pass

        self._put(self._named(account_id, name), content, NewMessage(Given("", len(content))))

    async def flags(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        change: FlagChange,
        unchanged_since: int | None = None,
        reader: int = 0,
    ) -> FlagOutcome:
        self._check("flags")
        box = self._box(mailbox_id)
        outcome = FlagOutcome()
        for uid in uids:
            old = box.messages.get(uid)
            if old is None:
                outcome.gone.append(uid)
            elif unchanged_since is not None and old.modseq > unchanged_since:
                outcome.modified.append(uid)
            else:
                outcome.changed.append(self._change(box, old, change))
        outcome.modseq = box.row.highest_modseq
        box.changed()
        return outcome

    def _change(self, box: Box, old: Message, change: FlagChange) -> Message:
        words = dict.fromkeys(old.keywords)
        if change.mode == "set":
            flags, words = change.flags, dict.fromkeys(change.keywords)
        elif change.mode == "add":
            flags = old.flags | change.flags
            words |= dict.fromkeys(change.keywords)
        else:
            flags = old.flags & ~change.flags
            words = {word: None for word in words if word not in change.keywords}
        if (flags, tuple(words)) == (old.flags, old.keywords):
            return old
        new = replace(old, flags=flags, keywords=tuple(words), modseq=box.modseq(), line=None)
        box.messages[old.uid] = new
        return new

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
        assert also is None, "there are no units here"
        source, target = self._box(source_id), self._box(target_id)
        there = [uid for uid in uids if uid in source.messages]
        made = []
        for uid in there:
            old, row = source.messages[uid], target.row
            new = replace(old, id=self._number(), uid=row.uidnext, modseq=target.modseq(), line=None)
            target.messages[new.uid], target.content[new.uid] = new, source.content[uid]
            row.uidnext += 1
            made.append(new.uid)
        target.changed()
        return CopyOutcome(target.row.uidvalidity, tuple(there), tuple(made), source.row.highest_modseq)

    async def move(
        self, source_id: int, uids: Sequence[int], target_id: int, reader: int = 0, mask: int = 63
    ) -> CopyOutcome:
        outcome = await self.copy(source_id, uids, target_id)
        self._remove(self._box(source_id), outcome.source_uids)
        return outcome

    def _remove(self, box: Box, uids: Iterable[int]) -> None:
        for uid in uids:
            del box.messages[uid], box.content[uid]
            box.tombstones.append((uid, box.modseq()))
        box.changed()

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None = None) -> list[int]:
        self._check("expunge")
        box = self._box(mailbox_id)
        gone = [
            m.uid for m in box.messages.values() if m.flags & DELETED and (uids is None or m.uid in set(uids))
        ]
        self._remove(box, gone)
        return gone

    async def expunge_any(self, mailbox_id: int, uids: Sequence[int]) -> list[int]:
        box = self._box(mailbox_id)
        gone = [uid for uid in uids if uid in box.messages]
        self._remove(box, gone)
        return gone

    async def vanished(self, mailbox_id: int, since: int) -> list[int]:
        return sorted(uid for uid, modseq in self._box(mailbox_id).tombstones if modseq > since)

    # content
    def _content(self, message: Message) -> bytes:
        for box in self.boxes.values():
            found = box.messages.get(message.uid)
            if found is not None and found.id == message.id:
                return box.content[message.uid]
        raise LookupError("the message is gone")

    async def content(self, message: Message) -> bytes:
        self._check("content")
        return self._content(message)

    async def slice(self, message: Message, start: int, length: int) -> bytes:
        return self._content(message)[start : start + length]

    async def prefix(self, message: Message) -> bytes:
        return self._content(message)[: message.prefix_size]

    async def buffer(self, message: Message) -> bytes:
        return self._content(message)[message.prefix_size :]

    async def facts(self, messages: Sequence[Message]) -> list[Facts]:
        return [compute(await self.buffer(message)) for message in messages]

    async def candidates(
        self, mailbox: Mailbox, messages: Sequence[Message], needle: str
    ) -> Sequence[Message]:
        return messages

    async def quota(self, account_id: int) -> Quota:
        boxes = [box.row for box in self.boxes.values() if box.row.account_id == account_id]
        return Quota(sum(row.size for row in boxes), self.limit, sum(row.messages for row in boxes))
