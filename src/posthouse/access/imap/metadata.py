"""Notes on mailboxes and on the server as IMAP tells and takes them (RFC 5464)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.mailboxes import locate
from posthouse.access.imap.sharing import Sharing
from posthouse.database.contract import Transaction
from posthouse.settings.sharing import METADATA_SIZE
from posthouse.store import metadata
from posthouse.wire.imap.response import astring, literal, mailbox, string

PRIVATE, COMMON = "/private", "/shared"


def sharing_of(session: ImapSession) -> Sharing:
    """Where notes are kept. Raises No where there is no such place."""
    if session.sharing is None:
        raise No("There are no notes here", b"CANNOT")
    return session.sharing


async def box_of(session: ImapSession, name: str, needed: str) -> int:
    """The id of the mailbox a command names, with the rights needed; the server's for an empty name."""
    if not name:
        return metadata.SERVER
    return (await locate(session, name, needed)).mailbox.id


def whole_notes(tx: Transaction, mailbox_id: int, account_id: int) -> dict[str, bytes]:
    """What an account may see on a mailbox, with whole names."""
    shared = metadata.notes_in(tx, mailbox_id, metadata.SHARED)
    own = metadata.notes_in(tx, mailbox_id, account_id)
    return {
        **{COMMON + entry: value for entry, value in shared.items()},
        **{PRIVATE + entry: value for entry, value in own.items()},
    }


def chosen(notes: Mapping[str, bytes], entries: Iterable[str], depth: int) -> dict[str, bytes | None]:
    """The entries asked for, with those below them to this depth (-1: all). What is asked for by name and is not
    there is None."""
    found: dict[str, bytes | None] = {}
    for entry in entries:
        if entry in notes or not depth:
            found[entry] = notes.get(entry)
        if not depth:
            continue
        for name, value in notes.items():
            below = name[len(entry) + 1 :] if name.startswith(entry + "/") else ""
            if below and (depth < 0 or "/" not in below):
                found[name] = value
    return found


def line(name: str, values: Mapping[str, bytes | None], utf8: bool) -> bytes:
    """``* METADATA mailbox (entry value …)`` (RFC 5464 4.4.1)."""
    pairs = []
    for entry, value in values.items():
        shown = b"NIL" if value is None else literal(value) if b"\0" in value else string(value)
        pairs.append(astring(entry.encode("ascii")) + b" " + shown)
    return b"* METADATA %s (%s)\r\n" % (mailbox(name, utf8) if name else b'""', b" ".join(pairs))


def check_size(session: ImapSession, values: Iterable[bytes | None]) -> None:
    """Raises No for a value that is too large."""
    most = session.settings.now[METADATA_SIZE]
    if any(value is not None and len(value) > most for value in values):
        raise No(f"A value may have {most} octets", b"METADATA MAXSIZE %d" % most)
