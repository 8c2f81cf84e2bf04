"""Commands about mailboxes: SELECT, CREATE, RENAME, LIST, STATUS, quota (RFC 9051 6.3, RFC 9208)."""

from __future__ import annotations

from posthouse.wire.imap.cursor import LIST_MAILBOX, MAX_NUMBER64, Bad, Cursor
from posthouse.wire.imap.parse_sharing import parse_entries
from posthouse.wire.imap.syntax import (
    Create,
    List,
    MailboxName,
    QResync,
    QuotaRoot,
    Rename,
    Select,
    SequenceSet,
    SetQuota,
    Status,
)

STATUS_ITEMS = frozenset(
    (
        "MESSAGES",
        "RECENT",
        "UIDNEXT",
        "UIDVALIDITY",
        "UNSEEN",
        "DELETED",
        "SIZE",
        "HIGHESTMODSEQ",
        "APPENDLIMIT",
        "MAILBOXID",
        "DELETED-STORAGE",
    )
)
_SELECTION = frozenset(("SUBSCRIBED", "REMOTE", "RECURSIVEMATCH", "SPECIAL-USE"))
_RETURNS = frozenset(("SUBSCRIBED", "CHILDREN", "SPECIAL-USE", "MYRIGHTS"))
MAX_PATTERNS = 64
"""Most patterns in one LIST."""
MAX_PATTERN = 2048
"""Longest reference or pattern, in octets."""


def parse_select(cursor: Cursor) -> Select:
    """``SELECT mailbox [(CONDSTORE | QRESYNC (…))]``; EXAMINE too."""
    cursor.space()
    mailbox = cursor.mailbox()
    condstore = False
    qresync: QResync | None = None
    if not cursor.done():
        cursor.space()
        cursor.expect(b"(", "a parenthesised parameter list")
        while True:
            word = cursor.word("a parameter")
            if word == "CONDSTORE" and not condstore:
                condstore = True
            elif word == "QRESYNC" and qresync is None:
                cursor.space()
                qresync = _qresync(cursor)
            else:
                raise Bad("Unknown or repeated parameter; known are CONDSTORE and QRESYNC")
            if cursor.take(b")"):
                break
            cursor.space()
    cursor.end()
    return Select(mailbox, condstore, qresync)


def _qresync(cursor: Cursor) -> QResync:
    cursor.expect(b"(", "the QRESYNC parameters")
    uidvalidity = cursor.positive("a UIDVALIDITY")
    cursor.space()
    modseq = cursor.number("a mod-sequence", MAX_NUMBER64)
    known: SequenceSet | None = None
    match: tuple[SequenceSet, SequenceSet] | None = None
    if cursor.take(b" ") and not cursor.at(b"("):
        known = cursor.known_uids()
        if not cursor.at(b")"):
            cursor.space()
    if cursor.take(b"("):
        numbers = cursor.known_uids()
        cursor.space()
        match = (numbers, cursor.known_uids())
        cursor.expect(b")", "a closing parenthesis after the sequence match data")
    cursor.expect(b")", "a closing parenthesis after the QRESYNC parameters")
    return QResync(uidvalidity, modseq, known, match)


def parse_create(cursor: Cursor) -> Create:
    """``CREATE mailbox [(USE (\\Sent …))]`` (RFC 6154)."""
    cursor.space()
    mailbox = cursor.mailbox()
    uses: tuple[str, ...] = ()
    if not cursor.done():
        cursor.space()
        cursor.expect(b"(", "a parenthesised parameter list")
        if cursor.word("a parameter") != "USE":
            raise Bad("Unknown parameter; known is USE")
        cursor.space()
        uses = cursor.flags()
        if any(not use.startswith("\\") for use in uses):
            raise Bad("A special use begins with a backslash")
        cursor.expect(b")", "a closing parenthesis")
    cursor.end()
    return Create(mailbox, uses)


def parse_name(cursor: Cursor) -> MailboxName:
    """One mailbox name: DELETE, SUBSCRIBE, UNSUBSCRIBE, GETQUOTAROOT."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.end()
    return MailboxName(mailbox)


def parse_rename(cursor: Cursor) -> Rename:
    """``RENAME old new``."""
    cursor.space()
    old = cursor.mailbox()
    cursor.space()
    new = cursor.mailbox()
    cursor.end()
    return Rename(old, new)


def parse_lsub(cursor: Cursor) -> List:
    """``LSUB reference pattern`` (RFC 3501 6.3.9)."""
    cursor.space()
    reference = _pattern(cursor, cursor.astring("a reference name"))
    cursor.space()
    pattern = _list_mailbox(cursor)
    cursor.end()
    return List(reference, (pattern,))


def parse_list(cursor: Cursor) -> List:
    """``LIST [(selection)] reference pattern|(patterns) [RETURN (options)]`` (RFC 5258, RFC 5819)."""
    cursor.space()
    extended = False
    selection: frozenset[str] = frozenset()
    if cursor.at(b"("):
        extended = True
        selection = _selection(cursor)
        cursor.space()
    reference = _pattern(cursor, cursor.astring("a reference name"))
    cursor.space()
    patterns: list[str] = []
    if cursor.take(b"("):
        extended = True
        while not patterns or not cursor.take(b")"):
            if patterns:
                cursor.space()
            if len(patterns) >= MAX_PATTERNS:
                raise Bad(f"More than {MAX_PATTERNS} patterns in one LIST")
            patterns.append(_list_mailbox(cursor))
    else:
        patterns.append(_list_mailbox(cursor))
    returns: frozenset[str] = frozenset()
    status: tuple[str, ...] | None = None
    metadata: tuple[str, ...] = ()
    if not cursor.done():
        extended = True
        cursor.space()
        if cursor.word("RETURN") != "RETURN":
            raise Bad("Expected RETURN after the patterns")
        cursor.space()
        returns, status, metadata = _list_returns(cursor)
    cursor.end()
    return List(reference, tuple(patterns), selection, returns, status, extended, metadata)


def _selection(cursor: Cursor) -> frozenset[str]:
    cursor.expect(b"(", "the selection options")
    if cursor.take(b")"):
        return frozenset()
    cursor.position -= 1
    words = cursor.words("selection options")
    unknown = set(words) - _SELECTION
    if unknown:
        raise Bad(f"Unknown LIST selection option {min(unknown)[:40]}")
    found = frozenset(words)
    if "RECURSIVEMATCH" in found and not found & {"SUBSCRIBED", "SPECIAL-USE"}:
        raise Bad("RECURSIVEMATCH needs SUBSCRIBED or SPECIAL-USE beside it")
    return found


def _list_returns(
    cursor: Cursor,
) -> tuple[frozenset[str], tuple[str, ...] | None, tuple[str, ...]]:
    cursor.expect(b"(", "the return options")
    found: set[str] = set()
    status: tuple[str, ...] | None = None
    metadata: tuple[str, ...] = ()
    if cursor.take(b")"):
        return frozenset(), None, ()
    while True:
        word = cursor.word("a return option")
        if word == "STATUS":
            cursor.space()
            status = _status_items(cursor)
        elif word == "METADATA":
            cursor.space()
            if not cursor.at(b"("):
                raise Bad("Expected the entries in parentheses")
            metadata = parse_entries(cursor)
        elif word in _RETURNS:
            found.add(word)
        else:
            raise Bad(f"Unknown LIST return option {word[:40]}")
        if cursor.take(b")"):
            return frozenset(found), status, metadata
        cursor.space()


def _list_mailbox(cursor: Cursor) -> str:
    found = LIST_MAILBOX.match(cursor.text, cursor.position)
    if found is None:
        return _pattern(cursor, cursor.string("a mailbox pattern"))
    cursor.position = found.end()
    return _pattern(cursor, found.group())


def _pattern(cursor: Cursor, raw: bytes) -> str:
    if len(raw) > MAX_PATTERN:
        raise Bad("The mailbox pattern is too long")
    return cursor.decode_mailbox(raw)


def parse_status(cursor: Cursor) -> Status:
    """``STATUS mailbox (items)``."""
    cursor.space()
    mailbox = cursor.mailbox()
    cursor.space()
    items = _status_items(cursor)
    cursor.end()
    return Status(mailbox, items)


def _status_items(cursor: Cursor) -> tuple[str, ...]:
    items = cursor.words("status items")
    for item in items:
        if item not in STATUS_ITEMS:
            raise Bad(f"Unknown status item {item[:40]}")
    return tuple(dict.fromkeys(items))


def parse_getquota(cursor: Cursor) -> QuotaRoot:
    """``GETQUOTA root`` (RFC 9208 4.2)."""
    cursor.space()
    root = _root(cursor)
    cursor.end()
    return QuotaRoot(root)


def parse_setquota(cursor: Cursor) -> SetQuota:
    """``SETQUOTA root (STORAGE 512 …)`` (RFC 9208 4.1)."""
    cursor.space()
    root = _root(cursor)
    cursor.space()
    cursor.expect(b"(", "a parenthesised list of limits")
    limits: list[tuple[str, int]] = []
    while not cursor.take(b")"):
        if limits:
            cursor.space()
        resource = cursor.word("a resource name")
        cursor.space()
        limits.append((resource, cursor.number("a limit", MAX_NUMBER64)))
    cursor.end()
    return SetQuota(root, tuple(limits))


def _root(cursor: Cursor) -> str:
    raw = cursor.astring("a quota root")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Bad("The quota root is not UTF-8") from None
