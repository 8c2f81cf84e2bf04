"""From a command's text to its value: the tag, the name, and the parser that knows its arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from posthouse.wire.imap import parse_mailbox, parse_message, parse_search, parse_session, parse_sharing
from posthouse.wire.imap.cursor import Bad, Cursor
from posthouse.wire.imap.parse_fetch import parse_fetch
from posthouse.wire.imap.syntax import Command, ReaderState, SyntaxProblem

Parser = Callable[[Cursor], Any]

_HEAD = re.compile(
    rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,128}) (?:([Uu][Ii][Dd]) )?([A-Za-z0-9_.\-]{1,40})(?= |$)"
)
_TAG = re.compile(rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,128})(?= |$)")


class Head(NamedTuple):
    """The beginning of a command: its arguments start at ``position``."""

    tag: bytes
    name: bytes
    uid: bool
    position: int


def _nothing(cursor: Cursor) -> None:
    """Commands without arguments."""
    cursor.end()


_COMMANDS: dict[bytes, Parser] = {
    b"NOOP": _nothing,
    b"CAPABILITY": _nothing,
    b"LOGOUT": _nothing,
    b"STARTTLS": _nothing,
    b"CHECK": _nothing,
    b"CLOSE": _nothing,
    b"UNSELECT": _nothing,
    b"IDLE": _nothing,
    b"NAMESPACE": _nothing,
    b"ID": parse_session.parse_id,
    b"ENABLE": parse_session.parse_enable,
    b"AUTHENTICATE": parse_session.parse_authenticate,
    b"LOGIN": parse_session.parse_login,
    b"COMPRESS": parse_session.parse_compress,
    b"SELECT": parse_mailbox.parse_select,
    b"EXAMINE": parse_mailbox.parse_select,
    b"CREATE": parse_mailbox.parse_create,
    b"DELETE": parse_mailbox.parse_name,
    b"SUBSCRIBE": parse_mailbox.parse_name,
    b"UNSUBSCRIBE": parse_mailbox.parse_name,
    b"GETQUOTAROOT": parse_mailbox.parse_name,
    b"RENAME": parse_mailbox.parse_rename,
    b"LIST": parse_mailbox.parse_list,
    b"LSUB": parse_mailbox.parse_lsub,
    b"STATUS": parse_mailbox.parse_status,
    b"GETACL": parse_mailbox.parse_name,
    b"MYRIGHTS": parse_mailbox.parse_name,
    b"SETACL": parse_sharing.parse_setacl,
    b"DELETEACL": parse_sharing.parse_identifier,
    b"LISTRIGHTS": parse_sharing.parse_identifier,
    b"GETMETADATA": parse_sharing.parse_getmetadata,
    b"SETMETADATA": parse_sharing.parse_setmetadata,
    b"GETQUOTA": parse_mailbox.parse_getquota,
    b"SETQUOTA": parse_mailbox.parse_setquota,
    b"EXPUNGE": parse_message.parse_expunge,
    b"STORE": parse_message.parse_store,
    b"COPY": parse_message.parse_copy,
    b"MOVE": parse_message.parse_copy,
    b"FETCH": parse_fetch,
    b"SEARCH": parse_search.parse_search,
    b"SORT": parse_search.parse_sort,
    b"THREAD": parse_search.parse_thread,
}
"""APPEND is not here: its literals are read while they arrive (``parse_append``)."""

_WITH_UID = frozenset((b"FETCH", b"STORE", b"COPY", b"MOVE", b"SEARCH", b"SORT", b"THREAD", b"EXPUNGE"))


def head(line: bytes) -> Head | SyntaxProblem:
    """The tag and the name a command begins with."""
    found = _HEAD.match(line)
    if found is None:
        tag = _TAG.match(line)
        if tag is None:
            return SyntaxProblem(b"*", "Expected a tag and a command")
        return SyntaxProblem(tag.group(1), "Expected a command after the tag")
    name = found.group(3).upper()
    uid = found.group(2) is not None
    if uid:
        if name not in _WITH_UID:
            return SyntaxProblem(found.group(1), "Unknown UID command")
    elif name not in _COMMANDS and name != b"APPEND":
        return SyntaxProblem(found.group(1), "Unknown command")
    return Head(found.group(1), name, uid, found.end())


def tag_of(line: bytes) -> bytes:
    """The tag a line begins with, or ``*``."""
    found = _TAG.match(line)
    return found.group(1) if found else b"*"


def parse(start: Head, text: bytes, literals: list[bytes], state: ReaderState) -> Command | SyntaxProblem:
    """The whole command (anything but APPEND)."""
    cursor = Cursor(text, literals, state, start.position, start.uid)
    try:
        arguments = _COMMANDS[start.name](cursor)
    except Bad as problem:
        return SyntaxProblem(start.tag, problem.text, problem.code, problem.no)
    return Command(start.tag, start.name.decode("ascii"), arguments, start.uid)
