"""Finding a mailbox for a command, and its numbers for STATUS (RFC 9051 6.3.11)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass

from posthouse.access.imap.contract import ImapSession, No
from posthouse.settings.imap import APPEND_LIMIT
from posthouse.store.acl import ALL, PUBLIC
from posthouse.store.contract import Mailbox
from posthouse.wire.imap.names import INBOX


@dataclass(frozen=True, slots=True)
class Place:
    """A mailbox as one client sees it: ``name`` is its name for them, ``rights`` what they may do there."""

    mailbox: Mailbox
    name: str
    rights: str = ALL

    @property
    def foreign(self) -> bool:
        """Whether it is somebody else's."""
        return self.name != self.mailbox.name


async def locate(session: ImapSession, name: str, needed: str = "l", code: bytes = b"NONEXISTENT") -> Place:
    """The mailbox of this name, with every right in ``needed``. NO with ``code`` when there is none, or none that may
    be known of; NO [NOPERM] when it may be seen but a right is missing (RFC 4314 4, 6)."""
    sharing = session.sharing
    if sharing is None or not sharing.is_foreign(name):
        return Place(await find(session, name, code), name)
    own = await session.store.find(session.user.id, name)
    if own is not None:
        return Place(own, name)
    grant = (await sharing.seen(session.user.id)).by_name.get(name)
    missing = No("There is no such mailbox", code)
    if grant is None or not (set(needed) <= set(grant.rights) or "l" in grant.rights):
        raise missing
    if not set(needed) <= set(grant.rights):
        raise No("You may not do that in this mailbox", b"NOPERM")
    found = await session.store.some([grant.mailbox_id])
    if not found or found[0].account_id != grant.owner:
        raise missing
    return Place(found[0], name, grant.rights)


def reader_of(session: ImapSession, mailbox: Mailbox) -> int:
    """Whose \\Seen counts in a mailbox: this account's where each reader has their own, else 0."""
    return session.user.id if mailbox.own_seen else 0


async def append_limit(session: ImapSession, mailbox: Mailbox) -> int:
    """The largest message, in octets, that may be put into a mailbox (RFC 7889): the server's limit, or what its owner
    takes at most."""
    limit = session.settings.now[APPEND_LIMIT]
    if session.largest is None or mailbox.account_id == PUBLIC:
        return limit
    return min(limit, await session.largest(mailbox.account_id) or limit)


async def find(session: ImapSession, name: str, code: bytes = b"NONEXISTENT") -> Mailbox:
    """The account's own mailbox of this name; NO with ``code`` when there is none. INBOX always is: it is made where
    missing."""
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
        if item == "UNSEEN" and mailbox.own_seen:
            found.append((item, await session.store.unseen(mailbox, session.user.id)))
        elif item == "RECENT":
            found.append((item, await _recent(session, mailbox)))
        elif item == "APPENDLIMIT":
            found.append((item, await append_limit(session, mailbox)))
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
