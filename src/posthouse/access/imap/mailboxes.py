"""Finding a mailbox for a command, and its numbers for STATUS (RFC 9051 6.3.11)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from posthouse.access.imap.contract import ImapSession, No
from posthouse.settings.imap import APPEND_LIMIT
from posthouse.store.contract import Mailbox
from posthouse.wire.imap.names import INBOX


async def find(session: ImapSession, name: str, code: bytes = b"NONEXISTENT") -> Mailbox:
    """The mailbox of this name; NO with ``code`` when there is none. INBOX always is: it is made where missing."""
    account_id = session.user.id
    mailbox = await session.store.find(account_id, name)
    if mailbox is None and name == INBOX:
        await session.store.provision(account_id)
        mailbox = await session.store.find(account_id, name)
    if mailbox is None:
        raise No("There is no such mailbox", code)
    return mailbox


async def status(session: ImapSession, mailbox: Mailbox, items: Iterable[str]) -> list[tuple[str, int | str]]:
    """The values of STATUS items, in the order asked."""
    found: list[tuple[str, int | str]] = []
    for item in items:
        if item == "RECENT":
            found.append((item, await _recent(session, mailbox)))
        else:
            found.append((item, _value(session, mailbox, item)))
    return found


def _value(session: ImapSession, mailbox: Mailbox, item: str) -> int | str:
    match item:
        case "MESSAGES":
            return mailbox.messages
        case "UIDNEXT":
            return mailbox.uidnext
        case "UIDVALIDITY":
            return mailbox.uidvalidity
        case "UNSEEN":
            return mailbox.unseen
        case "DELETED":
            return mailbox.deleted
        case "DELETED-STORAGE":
            return mailbox.deleted_size
        case "SIZE":
            return mailbox.size
        case "HIGHESTMODSEQ":
            return mailbox.highest_modseq
        case "MAILBOXID":
            return mailbox.object_id
        case "APPENDLIMIT":
            return session.settings.now[APPEND_LIMIT]
    raise AssertionError(f"the parser let STATUS item {item} through")


async def _recent(session: ImapSession, mailbox: Mailbox) -> int:
    """How many messages nobody has been shown: counted, since some of them may have been expunged."""
    if mailbox.recent_from >= mailbox.uidnext or not mailbox.messages:
        return 0
    view = await session.store.examine(mailbox.id)
    try:
        return len(view.uids) - bisect_left(view.uids, mailbox.recent_from)
    finally:
        view.close()
