"""NOOP (RFC 9051 6.1.2)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.syntax import Command


async def run(session: ImapSession, command: Command) -> None:
    """Do nothing, but tell what is new."""
    session.ok(command, "NOOP completed")
