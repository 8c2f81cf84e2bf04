"""GETQUOTAROOT (RFC 9208 4.3)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.mailboxes import locate
from posthouse.access.imap.quota import ROOT, quota_line
from posthouse.wire.imap.response import astring, mailbox
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Tell which root a mailbox counts towards (the account's, for all), and its numbers. Without a limit there is no
    root: a QUOTA response of no resources is not in the grammar (RFC 9208 7), and Thunderbird cannot read it."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    place = await locate(session, arguments.mailbox, "r")
    name = place.name
    quota = await session.store.quota(session.user.id)
    # A folder of somebody else counts to its owner, whose quota is theirs to know.
    if place.foreign or not (quota.limit or quota.message_limit):
        session.write(b"* QUOTAROOT %s\r\n" % mailbox(name, session.state.utf8))
        session.ok(command, "GETQUOTAROOT completed")
        return
    root = astring(ROOT.encode("ascii"))
    session.write(b"* QUOTAROOT %s %s\r\n" % (mailbox(name, session.state.utf8), root))
    session.write(quota_line(quota))
    session.ok(command, "GETQUOTAROOT completed")
