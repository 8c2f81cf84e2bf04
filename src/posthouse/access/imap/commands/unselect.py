"""UNSELECT (RFC 9051 6.4.2, RFC 3691)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Leave the mailbox and expunge nothing."""
    session.close_view()
    session.ok(command, "UNSELECT completed")
