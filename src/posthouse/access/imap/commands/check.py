"""CHECK (RFC 3501 6.4.1; gone in IMAP4rev2)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.syntax import Command


async def run(session: ImapSession, command: Command) -> None:
    """Everything is durable already, so this does what NOOP does."""
    session.ok(command, "CHECK completed")
