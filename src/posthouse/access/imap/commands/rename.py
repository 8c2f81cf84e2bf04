"""RENAME (RFC 9051 6.3.6)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.mailboxes import find
from posthouse.wire.imap.names import SEPARATOR, complaint
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
    old = (await find(session, arguments.old)).name
    await session.store.rename(session.user.id, old, new)
    await session.refresh()
    if session.state.rev2:
        session.write(list_line((), new, session.state.utf8, old_name=old))
    session.ok(command, "RENAME completed")
