"""SELECT (RFC 9051 6.3.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.opening import open_mailbox
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Open a mailbox for reading and writing."""
    await open_mailbox(session, command, writable=True)
