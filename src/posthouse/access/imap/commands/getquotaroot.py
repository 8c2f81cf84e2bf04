"""GETQUOTAROOT (RFC 9208 4.3)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.mailboxes import locate
from posthouse.access.imap.quota import ROOT, quota_line
from posthouse.wire.imap.response import astring, mailbox
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Tell which root a mailbox counts towards (the account's, for all), and its numbers."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    place = await locate(session, arguments.mailbox, "r")
    name = place.name
    if place.foreign:  # it counts to its owner, whose quota is theirs to know
        session.write(b"* QUOTAROOT %s\r\n" % mailbox(name, session.state.utf8))
        session.ok(command, "GETQUOTAROOT completed")
        return
    root = astring(ROOT.encode("ascii"))
    session.write(b"* QUOTAROOT %s %s\r\n" % (mailbox(name, session.state.utf8), root))
    session.write(quota_line(await session.store.quota(session.user.id)))
    session.ok(command, "GETQUOTAROOT completed")
