"""SUBSCRIBE (RFC 9051 6.3.7)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.mailboxes import locate
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Remember a name as one the client wants to see; it must be a mailbox."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    await locate(session, arguments.mailbox)
    await session.store.subscribe(session.user.id, arguments.mailbox, True)
    session.ok(command, "SUBSCRIBE completed")
