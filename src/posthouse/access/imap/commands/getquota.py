"""GETQUOTA (RFC 9208 4.2)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.quota import ROOT, quota_line
from posthouse.wire.imap.syntax import Command, QuotaRoot


async def run(session: ImapSession, command: Command) -> None:
    """Tell use and limit of a quota root."""
    arguments = command.arguments
    assert isinstance(arguments, QuotaRoot)
    if arguments.root != ROOT:
        raise No("There is no such quota root", b"NONEXISTENT")
    session.write(quota_line(await session.store.quota(session.user.id)))
    session.ok(command, "GETQUOTA completed")
