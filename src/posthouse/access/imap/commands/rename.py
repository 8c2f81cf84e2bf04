"""RENAME (RFC 9051 6.3.6)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.foreign import same, site
from posthouse.access.imap.mailboxes import locate
from posthouse.wire.imap.names import INBOX, SEPARATOR, complaint
from posthouse.wire.imap.response import list_line
from posthouse.wire.imap.syntax import Command, Rename


async def run(session: ImapSession, command: Command) -> None:
    """Give a mailbox and those below it another name. INBOX: its messages move, it stays."""
    arguments = command.arguments
    assert isinstance(arguments, Rename)
    new = arguments.new.removesuffix(SEPARATOR)
    problem = complaint(new)
    if problem:
        raise No(problem, b"CANNOT")
    place = await locate(session, arguments.old, "x")
    old, mailbox = place.name, place.mailbox
    if place.foreign and mailbox.name == INBOX:
        raise No("The inbox of somebody else stays where it is", b"CANNOT")
    target = await site(session, new)
    same(mailbox, target)
    await session.store.rename(mailbox.account_id, mailbox.name, target.name)
    await session.refresh()
    if session.state.rev2:
        session.write(list_line((), new, session.state.utf8, old_name=old))
    session.ok(command, "RENAME completed")
