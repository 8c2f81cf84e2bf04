"""SETQUOTA (RFC 9208 4.1): quotas are the administrator's to set."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.wire.imap.syntax import Command


async def run(session: ImapSession, command: Command) -> None:
    """Refuse."""
    raise No("Quotas are set by the administrator", b"NOPERM")
