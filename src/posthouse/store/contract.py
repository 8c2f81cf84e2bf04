"""What ``access``, ``deliver`` and ``manage`` may assume of the mail store.

Two halves. The *functions with a transaction* (``append_in``) are composed by acceptance into its own unit.
The :class:`Store` methods are whole units: when they return, what they did is durable (flag changes too, on
this layout). Every change takes the mailbox's next modseq in its transaction and is published on the feed
after commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from posthouse.bodies.contract import Body
from posthouse.database.contract import Transaction
from posthouse.mail.mime import Buffer

if TYPE_CHECKING:
    from posthouse.store.undelete import DeletedMail

SEEN, ANSWERED, FLAGGED, DELETED, DRAFT = 1, 2, 4, 8, 16
"""System flags as bits of ``Message.flags`` (RFC 9051 2.3.2). \\Recent is not stored: see
``Mailbox.recent_from``."""

MAX_KEYWORDS = 64
"""Keywords per mailbox; a STORE or APPEND beyond it raises StoreRefusal LIMIT."""


@dataclass(slots=True)
class Mailbox:
    """A mailbox. ``name`` is Unicode NFC with ``/`` as separator; the inbox is exactly ``INBOX``.

    ``object_id`` is RFC 8474's MAILBOXID. ``special_use`` is e.g. ``\\Sent`` or "". ``size`` in bytes.
    ``recent_from``: messages with UID >= this are \\Recent to the next session that selects read-write.
    ``own_seen``: \\Seen is kept for each reader (``store.seen``).
    """

    id: int
    account_id: int
    name: str
    object_id: str
    uidvalidity: int
    uidnext: int
    highest_modseq: int
    special_use: str = ""
    subscribed: bool = False
    messages: int = 0
    unseen: int = 0
    deleted: int = 0
    deleted_size: int = 0
    size: int = 0
    recent_from: int = 1
    own_seen: bool = False


@dataclass(slots=True, eq=False)
class Message:
    """One copy of a message in a mailbox. Treat as immutable: a flag change makes a new object.

    ``internal_date`` in seconds since 1970, ``zone`` in minutes east as it was given. ``size`` = prefix +
    body (what RFC822.SIZE says). ``body`` is the digest. ``email_id`` and ``thread_id`` are RFC 8474's.
    ``line`` is a place where access keeps the finished end of this state's FETCH answer; the store never
    reads it.
    """

    id: int
    uid: int
    modseq: int
    flags: int
    keywords: tuple[str, ...]
    internal_date: int
    zone: int
    save_date: int
    size: int
    body: str
    prefix_size: int
    email_id: str
    thread_id: str
    line: bytes | None = None


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message to append. ``prefix`` (at most 4 KiB, whole CRLF lines) stands before the shared body in this
    copy. ``facts`` None: computed by the store from the body's buffer, off the loop when large."""

    body: Body
    prefix: bytes = b""
    flags: int = 0
    keywords: tuple[str, ...] = ()
    internal_date: int | None = None
    zone: int = 0
    facts: Facts | None = None


@dataclass(frozen=True, slots=True)
class Appended:
    """Where an appended message went (RFC 4315 APPENDUID)."""

    mailbox_id: int
    uidvalidity: int
    uid: int
    modseq: int
    message_id: int


@dataclass(slots=True)
class Facts:
    """What a message looks like, computed once per body (offsets are into the body, without prefix).

    ``envelope``, ``body_structure`` and ``body`` are finished IMAP bytes (RFC 9051 7.5.2): the parenthesised
    lists of ENVELOPE, BODYSTRUCTURE (with extension data) and BODY. ``parts`` is the encoded part tree
    (``store.facts`` decodes it to mail.mime.Part). The rest feeds SORT, THREAD and SEARCH: ``sent_date``
    seconds since 1970 or None, ``sent_zone`` its zone in minutes east; ``base_subject`` by RFC 5256 2.1;
    ``sort_from``/``sort_to``/``sort_cc`` the first mailbox's local part; ``display_from``/``display_to`` by
    RFC 5957 (these six folded by ``mail.casemap.fold``, ready to compare); ``message_id`` and ``references``
    normalised with angle brackets (references end with the parent; In-Reply-To's first id when References is
    absent). ``header_size`` is the length of the header with its blank line.
    """

    envelope: bytes
    body_structure: bytes
    body: bytes
    parts: bytes
    header_size: int
    sent_date: int | None
    base_subject: str
    is_reply: bool
    sort_from: str
    sort_to: str
    sort_cc: str
    display_from: str
    display_to: str
    message_id: str
    references: tuple[str, ...] = ()
    preview: bytes | None = None
    sent_zone: int = 0


@dataclass(frozen=True, slots=True)
class FlagChange:
    """STORE: ``mode`` sets, adds or removes these flags and keywords. Only what is in ``mask`` changes; its bit 32 are
    the keywords."""

    mode: Literal["set", "add", "remove"]
    flags: int = 0
    keywords: tuple[str, ...] = ()
    mask: int = 63


@dataclass(slots=True)
class FlagOutcome:
    """``changed``: messages as they are now (also those whose flags were so already: their modseq did not
    move); ``modified``: UIDs whose modseq was above UNCHANGEDSINCE (RFC 7162 3.1.3); ``gone``: UIDs already
    expunged."""

    changed: list[Message] = field(default_factory=list)
    modified: list[int] = field(default_factory=list)
    gone: list[int] = field(default_factory=list)
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class CopyOutcome:
    """COPYUID data: source and target UIDs pair up in order (RFC 4315). ``modseq`` is the source's after a
    MOVE."""

    uidvalidity: int
    source_uids: tuple[int, ...]
    target_uids: tuple[int, ...]
    modseq: int = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Storage use and limit of an account, in bytes, and its messages; limits 0 = none."""

    used: int
    limit: int
    messages: int
    message_limit: int = 0


class StoreRefusal(Exception):
    """The store declines. ``code`` is IMAP's response code word (RFC 5530, 9051): NONEXISTENT, ALREADYEXISTS,
    OVERQUOTA, LIMIT, CANNOT, NOPERM, TRYCREATE, HASCHILDREN, USEATTR, EXPUNGEISSUED. ``text`` is public."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(f"[{code}] {text}")
        self.code = code
        self.text = text


@dataclass(slots=True)
class Sync:
    """What a session must tell its client, in this order: ``expunged`` as (sequence number at that moment,
    uid) in an order in which they can be sent one by one; ``exists`` the new count or None; ``changed`` as
    (sequence number, message) after the expunges."""

    expunged: list[tuple[int, int]]
    exists: int | None
    changed: list[tuple[int, Message]]


class View(Protocol):
    """An open mailbox as one session sees it: a cursor over the state shared by all sessions of this process.

    Sequence numbers are this session's; they move only in ``sync(expunges=True)``. All methods but
    ``refresh`` are synchronous and cheap.
    """

    @property
    def mailbox(self) -> Mailbox:
        """The mailbox as last refreshed (shared: do not change)."""

    @property
    def uids(self) -> Sequence[int]:
        """The UIDs this session knows, ascending; index + 1 is the sequence number."""

    @property
    def modseq(self) -> int:
        """The highest modseq whose changes this session has been told (or has loaded at open)."""

    @property
    def keywords(self) -> Sequence[str]:
        """The keywords in use in this mailbox (those FLAGS and PERMANENTFLAGS name), sorted. Cheap: the same
        object as long as nothing changed."""

    def get(self, uid: int) -> Message | None:
        """The newest state of a message; None once it is expunged (even when the session was not told
        yet)."""

    def sequence(self, uid: int) -> int | None:
        """The session's sequence number of a UID."""

    def messages(self, uids: Iterable[int]) -> list[Message]:
        """Those of ``uids`` that still exist, in the given order."""

    def rows(self) -> Sequence[Message | None]:
        """The newest state of every message of ``uids``, in the same order; None where it is expunged. Cheap
        when nothing changed (20,000 rows: a shared or copied list, no look-up each). Do not change it, nor
        keep it over an await. Of a large mailbox the messages are made while they are looked at: take a slice of it at
        a time."""

    def snapshot(self) -> Sequence[Message | None]:
        """The same, to be kept over an await: it shows what was there when it was asked for."""

    def changed(self, modseq: int) -> list[tuple[int, Message]]:
        """The messages changed after a modseq that are there, with this session's numbers, ascending."""

    def flagged(self, bit: int, value: int, most: int | None = None) -> list[int]:
        """The places in ``rows`` of the messages there whose flags and ``bit`` is ``value``, ascending; of these the
        first ``most``."""

    @property
    def packed(self) -> bool:
        """Whether messages are made while they are looked at: then what is kept on them is soon gone, and finished
        answers are not worth keeping."""

    @property
    def scratch(self) -> dict[str, object]:
        """A place on the state shared by all views of this mailbox in this process, where ``access`` keeps
        answers it has finished. The store never reads it; it goes with the mailbox's last view."""

    def pending(self) -> bool:
        """Whether sync has something to tell."""

    def sync(self, *, expunges: bool) -> Sync:
        """Move the cursor to the newest loaded state. With expunges=False removed messages keep their numbers
        and stay pending (RFC 9051 7.5.1: none during FETCH, STORE, SEARCH without UID)."""

    def mute(self, messages: Iterable[Message]) -> None:
        """These states were (or, for .SILENT, need not be) told: sync must not report them again."""

    def on_change(self, call: object) -> None:
        """Set ``call()`` (a callable or None), called in the event loop when something new was loaded (for
        IDLE)."""

    async def refresh(self) -> None:
        """Load what changed since; cheap when nothing did. Raises StoreRefusal NONEXISTENT when the mailbox
        is gone."""

    def close(self) -> None:
        """Give the shared state back. May be called twice."""


class Store(Protocol):
    """The mail store. Names are as in Mailbox.name; INBOX in any case is INBOX. All raise StoreRefusal."""

    # mailboxes
    async def mailboxes(self, account_id: int) -> list[Mailbox]: ...
    async def subscriptions(self, account_id: int) -> list[str]: ...
    async def find(self, account_id: int, name: str) -> Mailbox | None: ...
    async def some(self, mailbox_ids: Sequence[int]) -> list[Mailbox]:
        """Those of these mailboxes that are there, whoever owns them."""

    async def unseen(self, mailbox: Mailbox, reader: int) -> int:
        """How many messages of a mailbox with ``own_seen`` this reader has not read."""

    async def create(self, account_id: int, name: str, special_use: str = "") -> Mailbox:
        """Create it with any missing parents (RFC 9051 6.3.4). ALREADYEXISTS, CANNOT (bad name), LIMIT,
        USEATTR."""

    async def delete(self, account_id: int, name: str) -> None:
        """INBOX: CANNOT. With children: HASCHILDREN. Its UIDVALIDITY is never used again."""

    async def rename(self, account_id: int, old: str, new: str) -> None:
        """Children move along. Renaming INBOX moves its messages into the new mailbox and leaves it empty."""

    async def subscribe(self, account_id: int, name: str, subscribed: bool) -> None: ...
    async def provision(self, account_id: int) -> None:
        """Make the mailboxes of a new account (INBOX, Drafts, Sent, Junk, Trash, Archive); nothing if they
        exist."""

    async def select(self, mailbox_id: int, reader: int = 0) -> tuple[View, int]:
        """Open a view; read-write SELECT that claims \\Recent: returns the first UID that is \\Recent to this
        session. ``reader``, here and below: the account whose \\Seen it is in a mailbox with ``own_seen``; give it
        for no other mailbox."""

    async def examine(self, mailbox_id: int, reader: int = 0) -> View:
        """Open a view without claiming anything."""

    # messages
    async def append(
        self, mailbox_id: int, messages: Sequence[NewMessage], reader: int = 0
    ) -> list[Appended]:
        """All or none, durable on return. OVERQUOTA, NONEXISTENT, LIMIT."""

    async def flags(
        self,
        mailbox_id: int,
        uids: Sequence[int],
        change: FlagChange,
        unchanged_since: int | None = None,
        reader: int = 0,
    ) -> FlagOutcome: ...
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
        """All or none; expunged UIDs are left out. Flags and internal date are kept. ``also`` is run in the unit that
        copies (the last one where there are more UIDs than one unit takes, CHUNK)."""

    async def move(
        self, source_id: int, uids: Sequence[int], target_id: int, reader: int = 0, mask: int = 63
    ) -> CopyOutcome:
        """As copy, with the expunge of the source in the same unit (RFC 6851)."""

    async def expunge(self, mailbox_id: int, uids: Sequence[int] | None = None) -> list[int]:
        """Expunge messages with \\Deleted (among ``uids`` when given); returns the UIDs expunged, in
        order."""

    async def expunge_any(self, mailbox_id: int, uids: Sequence[int]) -> list[int]:
        """Expunge these whatever their flags (POP3)."""

    async def vanished(self, mailbox_id: int, since: int) -> list[int]:
        """UIDs expunged after this modseq (QRESYNC), ascending. If tombstones that old are gone: every
        missing UID below uidnext."""

    # content
    async def content(self, message: Message) -> bytes:
        """Prefix + body whole. For sizes above a megabyte use ``slice``."""

    async def slice(self, message: Message, start: int, length: int) -> bytes:
        """Bytes of prefix + body."""

    async def prefix(self, message: Message) -> bytes: ...
    async def buffer(self, message: Message) -> Buffer:
        """The body alone (no prefix): bytes or memory map; offsets of Facts apply."""

    async def facts(self, messages: Sequence[Message]) -> list[Facts]:
        """Facts of these messages in order, from cache, table or a new scan."""

    async def candidates(
        self, mailbox: Mailbox, messages: Sequence[Message], needle: str
    ) -> Sequence[Message]:
        """Those of ``messages`` (all of ``mailbox``, ascending by UID) whose texts (header, prefix, text parts)
        may contain ``needle``, which is folded by ``mail.casemap``. In the same order; all that contain it are
        among them, and others too: look into each. The search index answers; without one, all messages."""

    async def quota(self, account_id: int) -> Quota: ...


class Appender(Protocol):
    """The half of the store that acceptance composes into its own unit (``store/append.py``)."""

    def append_in(self, tx: Transaction, mailbox_id: int, messages: Sequence[NewMessage]) -> list[Appended]:
        """Claim the bodies, allocate UIDs and modseq, insert rows and facts, move counters, publish after
        commit. ``facts`` must be given. Does not check quota (that was decided at RCPT or by the caller)."""

    def inbox_in(self, tx: Transaction, account_id: int) -> int:
        """The id of the account's INBOX, created if it is missing."""

    def mailbox_in(self, tx: Transaction, account_id: int, name: str) -> int | None:
        """The id of a mailbox by name."""

    def used_in(self, tx: Transaction, account_id: int) -> int:
        """Bytes used by an account."""


class Keeping(Protocol):
    """What administration needs of the store, beside :class:`Store`. The ``_in`` methods join the caller's
    unit."""

    @property
    def deleted(self) -> DeletedMail:
        """What was deleted and may come back."""

    def provision_in(self, tx: Transaction, account_id: int) -> None:
        """As ``Store.provision``, within the unit that makes the account."""

    def total_in(self, tx: Transaction) -> tuple[int, int]:
        """(bytes, messages) of all accounts together."""

    def usage_of_in(self, tx: Transaction, accounts: Sequence[int]) -> dict[int, tuple[int, int]]:
        """(bytes, messages) of up to a thousand accounts by id, from the mailboxes' counters; accounts without
        mailboxes are absent."""

    async def remove_account(self, account_id: int) -> None:
        """Remove every mailbox and subscription of an account that was removed, in units of bounded size.
        Harmless when repeated; open views find their mailbox gone."""
