"""GETQUOTA (RFC 9208 4.2)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.quota import quota_line, quota_of
from posthouse.wire.imap.syntax import Command, QuotaRoot


async def run(session: ImapSession, command: Command) -> None:
    """Tell use and limit of a quota root."""
    arguments = command.arguments
    assert isinstance(arguments, QuotaRoot)
    session.write(quota_line(await quota_of(session, arguments.root), arguments.root))
    session.ok(command, "GETQUOTA completed")
