"""A session that keeps what commands write, over a store in memory that looks into its messages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from memory_store import MemoryStore, MemoryView

from posthouse.access.imap.contract import BadCommand, BadSequence, No
from posthouse.access.imap.flags import flag_bytes
from posthouse.access.imap.sequence import by_number, by_uid
from posthouse.access.imap.table import TABLE
from posthouse.directory.contract import Account
from posthouse.settings.contract import CurrentSettings
from posthouse.store.acl import ALL
from posthouse.store.contract import Facts, Message, NewMessage, StoreRefusal
from posthouse.store.facts import compute
from posthouse.wire.imap.reader import Reader
from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import SAVED, Command, Messages, ReaderState, SyntaxProblem


class _NoSinks:
    def open(self, size: int, binary: bool) -> SyntaxProblem:
        return SyntaxProblem(b"", "no uploads here")


class _Body:
    def __init__(self, content: bytes) -> None:
        self.content = content
        self.size = len(content)
        self.digest = ""

    def buffer(self) -> bytes:
        return self.content

    def discard(self) -> None:
        """Nothing was kept."""


class SearchedStore(MemoryStore):
    """The INBOX of account 1. ``reads`` counts how often message content was read."""

    def __init__(self) -> None:
        super().__init__()
        self.reads = 0
        self.facts_asked = 0

    async def begin(self) -> None:
        """Make the mailbox."""
        await self.provision(1)
        self.box = self.names[1]["INBOX"]

    def put(self, content: bytes, *, prefix: bytes = b"", save_date: int = 0, **fields: Any) -> Message:
        """A message arrives. ``fields`` as in NewMessage."""
        body: Any = _Body(content)
        new = NewMessage(body, prefix, **{"internal_date": 0, **fields})
        uid = self._put(self.box, content, new).uid
        return self.change(uid, save_date=save_date)

    def fill(self, count: int, content: bytes) -> None:
        """Many messages with one content, quickly."""
        pattern = self.put(content)
        for _ in range(count - 1):
            uid = self.box.row.uidnext
            self.box.row.uidnext += 1
            self.box.messages[uid] = replace(pattern, id=uid, uid=uid, modseq=self.box.modseq())
            self.box.content[uid] = content

    def change(self, uid: int, **fields: Any) -> Message:
        """Another session changes a message."""
        new = replace(self.box.messages[uid], modseq=self.box.modseq(), line=None, **fields)
        self.box.messages[uid] = new
        self.box.changed()
        return new

    def expunge_now(self, *uids: int) -> None:
        """Another session expunges messages."""
        self._remove(self.box, uids)

    def _content(self, message: Message) -> bytes:
        self.reads += 1
        return super()._content(message)

    async def facts(self, messages: Sequence[Message]) -> list[Facts]:
        self.facts_asked += len(messages)
        return [compute(super(SearchedStore, self)._content(m)[m.prefix_size :]) for m in messages]


async def recorded(*contents: bytes, writable: bool = True) -> RecordedSession:
    """A session with these messages in its mailbox."""
    store = SearchedStore()
    await store.begin()
    for content in contents:
        store.put(content)
    return RecordedSession(store, writable=writable)


class RecordedSession:
    """Like a session in the selected state."""

    def __init__(self, store: SearchedStore, *, writable: bool = True) -> None:
        self.store: Any = store
        self.settings = CurrentSettings()
        self.state = ReaderState(authenticated=True)
        self.writable = writable
        self.saved: list[int] = []
        self.condstore = False
        self.qresync = False
        self.first_recent = 1 << 40
        self.out: list[bytes] = []
        self.largest_write = 0
        self.drains = 0
        self.directory: Any = None
        self.account: Any = None
        self.sharing: Any = None
        self.place: Any = None
        self.rights = ALL
        self.reselect()

    def reselect(self) -> None:
        """Open the mailbox anew."""
        self.view: Any = MemoryView(self.store.box)

    async def ask(self, line: str | bytes) -> bytes:
        """Run one command and return everything it wrote."""
        data = line.encode() if isinstance(line, str) else line
        reader = Reader(self.state, _NoSinks())
        reader.feed(b"A1 " + data + b"\r\n")
        command = reader.next_event()
        assert isinstance(command, Command), command
        self.out.clear()
        try:
            await TABLE[command.name].run(self, command)
        except (BadSequence, BadCommand) as mistake:
            self.bad(command, str(mistake))
        except No as refusal:
            self.no(command, refusal.text, refusal.code)
        except StoreRefusal as refusal:
            self.no(command, refusal.text, refusal.code.encode())
        return b"".join(self.out)

    @property
    def user(self) -> Any:
        return self.account or Account(1, 1, "anna@example.org", 0)

    @property
    def selected(self) -> Any:
        return self.view

    def write(self, data: bytes) -> None:
        self.out.append(data)
        self.largest_write = max(self.largest_write, len(data))

    async def drain(self) -> None:
        self.drains += 1

    def ok(self, command: Command, text: str, code: bytes = b"") -> None:
        self.write(tagged(command.tag, b"OK", text, code))

    def no(self, command: Command, text: str, code: bytes = b"") -> None:
        self.write(tagged(command.tag, b"NO", text, code))

    def bad(self, command: Command, text: str) -> None:
        self.write(tagged(command.tag, b"BAD", text))

    def resolve(self, messages: Messages, uid: bool) -> list[tuple[int, int]]:
        uids = self.view.uids
        if messages == SAVED:
            return [(uids.index(name) + 1, name) for name in self.saved if name in uids]
        return by_uid(messages, uids) if uid else by_number(messages, uids)

    def enable_condstore(self) -> None:
        self.condstore = True

    def is_recent(self, uid: int) -> bool:
        return uid >= self.first_recent and not self.state.rev2

    def flags(self, message: Message) -> bytes:
        return flag_bytes(message.flags, message.keywords, self.is_recent(message.uid))

    def tell_flags(self, messages: Iterable[Message]) -> None:
        raise NotImplementedError

    async def refresh(self) -> None:
        """The store in memory is always current."""
