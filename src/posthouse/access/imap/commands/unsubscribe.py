"""UNSUBSCRIBE (RFC 9051 6.3.8)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Forget a subscription; a name that has none is fine too."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    await session.store.subscribe(session.user.id, arguments.mailbox, False)
    session.ok(command, "UNSUBSCRIBE completed")
