"""CLOSE (RFC 9051 6.4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Expunge without a word, and leave the mailbox. A read-only mailbox is only left."""
    mailbox = session.selected.mailbox
    writable = session.writable
    expunges = "e" in session.rights
    session.close_view()
    if writable and expunges and mailbox.deleted:
        await session.store.expunge(mailbox.id)
    session.ok(command, "CLOSE completed")
