"""DELETE (RFC 9051 6.3.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.mailboxes import locate
from posthouse.wire.imap.syntax import Command, MailboxName

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Remove a mailbox and its messages. If it is this session's own, that is back in the authenticated state."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    place = await locate(session, arguments.mailbox, "x")
    mailbox = place.mailbox
    await session.store.delete(mailbox.account_id, mailbox.name)
    if session.view is not None and session.view.mailbox.id == mailbox.id:
        session.close_view()
    session.ok(command, "DELETE completed")
