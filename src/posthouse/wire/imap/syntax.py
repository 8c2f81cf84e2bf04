"""The commands of IMAP as values (RFC 3501, RFC 9051 and the extensions Posthouse speaks).

The reader makes these, the session consumes them. Mailbox names are decoded already (Unicode, NFC, INBOX
canonical). Strings of users are bytes unless a charset was settled.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

STAR = 0
"""``*`` in a set: the highest number in use."""

SequenceSet: TypeAlias = tuple[tuple[int, int], ...]
"""Ranges as (low, high) as written, STAR for ``*``; ``5:*`` is (5, STAR). ``$`` (SEARCHRES) is the string
SAVED.
"""

SAVED: Literal["$"] = "$"
Messages: TypeAlias = SequenceSet | Literal["$"]


@dataclass(frozen=True, slots=True)
class Command:
    """One complete, well-formed command. ``name`` in upper case without UID; ``uid`` True for the UID form.
    ``arguments`` is one of the dataclasses below, or None for commands without arguments (NOOP, CHECK,
    CLOSE, IDLE, …)."""

    tag: bytes
    name: str
    arguments: Any = None
    uid: bool = False


@dataclass(frozen=True, slots=True)
class Id:
    """ID (RFC 2971). None for NIL."""

    fields: tuple[tuple[bytes, bytes | None], ...] | None


@dataclass(frozen=True, slots=True)
class Enable:
    capabilities: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Authenticate:
    """``initial`` decoded from base64; None: absent; b"" for ``=``."""

    mechanism: str
    initial: bytes | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Login:
    user: bytes
    password: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Compress:
    """COMPRESS (RFC 4978): the mechanism in upper case."""

    mechanism: str


@dataclass(frozen=True, slots=True)
class QResync:
    """SELECT's QRESYNC parameter (RFC 7162 3.2.5)."""

    uidvalidity: int
    modseq: int
    known_uids: SequenceSet | None = None
    sequence_match: tuple[SequenceSet, SequenceSet] | None = None


@dataclass(frozen=True, slots=True)
class Select:
    """SELECT and EXAMINE."""

    mailbox: str
    condstore: bool = False
    qresync: QResync | None = None


@dataclass(frozen=True, slots=True)
class Create:
    mailbox: str
    special_use: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class MailboxName:
    """DELETE, SUBSCRIBE, UNSUBSCRIBE, GETQUOTAROOT, GETACL, MYRIGHTS."""

    mailbox: str


@dataclass(frozen=True, slots=True)
class Acl:
    """SETACL, DELETEACL, LISTRIGHTS (RFC 4314): ``rights`` as written, with ``+`` or ``-`` in front; "" but for
    SETACL."""

    mailbox: str
    identifier: str
    rights: str = ""


@dataclass(frozen=True, slots=True)
class GetMetadata:
    """GETMETADATA (RFC 5464 4.2). ``mailbox`` "" is the server, ``depth`` 0, 1 or -1 for all below; ``entries`` in
    lower case."""

    mailbox: str
    entries: tuple[str, ...]
    maxsize: int | None = None
    depth: int = 0


@dataclass(frozen=True, slots=True)
class SetMetadata:
    """SETMETADATA (RFC 5464 4.3): entries and values, None for NIL."""

    mailbox: str
    values: tuple[tuple[str, bytes | None], ...]


@dataclass(frozen=True, slots=True)
class QuotaRoot:
    """GETQUOTA: a quota root's name."""

    root: str


@dataclass(frozen=True, slots=True)
class SetQuota:
    root: str
    limits: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Rename:
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class List:
    """LIST and LSUB (RFC 5258). ``selection``: SUBSCRIBED, REMOTE, RECURSIVEMATCH, SPECIAL-USE;
    ``returns``: SUBSCRIBED, CHILDREN, SPECIAL-USE; ``status``: STATUS items of LIST-STATUS (RFC 5819), None
    when not asked. ``extended`` says that the extended syntax was used. ``metadata``: entries of LIST-METADATA (RFC
    9590); MYRIGHTS among ``returns`` is RFC 8440's."""

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[str] = frozenset()
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] | None = None
    extended: bool = False
    metadata: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    mailbox: str
    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppendMessage:
    """``data`` is what the session's literal sink gave back for the message literal (``sink.result()``), or
    bytes. ``utf8``: it came as ``UTF8 (~{n}…)``. ``date`` is (seconds since 1970, zone in minutes) or
    None."""

    flags: tuple[str, ...]
    date: tuple[int, int] | None
    data: Any
    binary: bool = False
    utf8: bool = False


@dataclass(frozen=True, slots=True)
class Append:
    mailbox: str
    messages: tuple[AppendMessage, ...]


@dataclass(frozen=True, slots=True)
class Store:
    """``mode``: set, add, remove. ``flags`` as written (``\\Seen``, keywords)."""

    messages: Messages
    mode: Literal["set", "add", "remove"]
    flags: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """COPY and MOVE."""

    messages: Messages
    mailbox: str


@dataclass(frozen=True, slots=True)
class Expunge:
    """UID EXPUNGE's set; None for plain EXPUNGE."""

    messages: Messages | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """``BODY[…]``, ``BINARY[…]``, ``BINARY.SIZE[…]`` and the RFC822 items, in one shape.

    ``kind``: BODY, BINARY, BINARY.SIZE, RFC822, RFC822.HEADER, RFC822.TEXT. ``path`` the part numbers;
    ``text``: "", HEADER, TEXT, MIME, HEADER.FIELDS, HEADER.FIELDS.NOT; ``fields`` the names as written.
    ``partial`` (offset, length). ``label`` the bytes to answer with, e.g. ``BODY[1.HEADER.FIELDS
    (Subject)]<0>``.
    """

    kind: str
    path: tuple[int, ...] = ()
    text: str = ""
    fields: tuple[bytes, ...] = ()
    partial: tuple[int, int] | None = None
    peek: bool = False
    label: bytes = b""


FetchItem: TypeAlias = str | Section
"""A word (UID, FLAGS, INTERNALDATE, RFC822.SIZE, ENVELOPE, BODY, BODYSTRUCTURE, MODSEQ, SAVEDATE, EMAILID,
THREADID, PREVIEW, PREVIEW.LAZY) or a Section. ALL, FULL and FAST are expanded by the parser."""


@dataclass(frozen=True, slots=True)
class Fetch:
    messages: Messages
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A search key. ``name`` and what ``value`` holds:

    ALL ANSWERED … (no value) · KEYWORD UNKEYWORD: str · FROM TO CC BCC SUBJECT BODY TEXT: str · HEADER:
    (str, str) · BEFORE ON SINCE SENTBEFORE SENTON SENTSINCE SAVEDBEFORE SAVEDON SAVEDSINCE: datetime.date ·
    SAVEDATESUPPORTED · LARGER SMALLER: int · YOUNGER OLDER: seconds · UID: Messages · SEQUENCE: Messages ·
    MODSEQ: int · EMAILID THREADID: str · NOT: Key · OR: (Key, Key) · AND: tuple[Key, ...].
    """

    name: str
    value: Any = None


@dataclass(frozen=True, slots=True)
class Search:
    """``returns`` is None without RETURN (RFC 3501's answer form); else of MIN MAX ALL COUNT SAVE (empty
    set = ALL).
    """

    key: Key
    returns: frozenset[str] | None = None
    charset: str = "US-ASCII"


@dataclass(frozen=True, slots=True)
class Sort:
    """``criteria``: (name, reverse) with name of ARRIVAL CC DATE DISPLAYFROM DISPLAYTO FROM SIZE SUBJECT
    TO.
    """

    criteria: tuple[tuple[str, bool], ...]
    charset: str
    key: Key
    returns: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Thread:
    """``algorithm``: REFERENCES or ORDEREDSUBJECT."""

    algorithm: str
    charset: str
    key: Key


@dataclass(frozen=True, slots=True)
class SyntaxProblem:
    """A line that is no command: answer ``tag BAD text`` (tag ``*`` if even the tag was unreadable), or NO
    with ``code`` (e.g. BADCHARSET) when ``no`` is set. ``close``: the stream cannot be followed any
    more."""

    tag: bytes
    text: str
    code: str = ""
    no: bool = False
    close: bool = False


@dataclass(frozen=True, slots=True)
class ContinuationWanted:
    """The client waits for ``+`` before it sends a synchronizing literal of ``size`` bytes."""

    size: int


@dataclass(frozen=True, slots=True)
class SaslResponse:
    """A line while AUTHENTICATE or IDLE is running: raw, without CRLF (b"*", base64, b"DONE")."""

    line: bytes


Event: TypeAlias = Command | SyntaxProblem | ContinuationWanted | SaslResponse


@dataclass(slots=True)
class ReaderState:
    """What the reader must know of the session; the session keeps it up to date.

    ``utf8``: UTF8=ACCEPT or IMAP4rev2 was enabled (names and strings are UTF-8). ``authenticated`` lifts
    the small literal limit (8 KiB before sign-in). ``raw_lines``: the next lines are SaslResponse
    events."""

    utf8: bool = False
    rev2: bool = False
    authenticated: bool = False
    raw_lines: bool = False
    max_line: int = 65536
    max_literal: int = 8192
    max_command: int = 1 << 20
    extra: dict[str, Any] = field(default_factory=dict)


# wire.imap.reader offers:
#   class Reader:
#       def __init__(self, state: ReaderState, sinks: Sinks) -> None
#       def feed(self, data: bytes) -> None
#       def next_event(self) -> Event | None      # None: more bytes needed
#       def clear(self) -> None                   # STARTTLS: drop all buffered input
#       buffered: int                             # bytes held
#   class Sinks(Protocol):
# def open(self, size: int, binary: bool) -> Sink | SyntaxProblem   # for the message literals of APPEND
# only class Sink(Protocol): def write(self, data: bytes | memoryview) -> None def result(self) -> Any
# # called when the literal is complete def abandon(self) -> None                 # the command failed to
# parse or the connection went
