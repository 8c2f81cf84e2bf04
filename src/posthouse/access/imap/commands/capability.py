"""CAPABILITY (RFC 9051 6.1.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.capability import capabilities
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Tell what is possible now."""
    session.write(b"* CAPABILITY %s\r\n" % capabilities(session))
    session.ok(command, "CAPABILITY completed")
