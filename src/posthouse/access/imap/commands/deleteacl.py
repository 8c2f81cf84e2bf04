"""DELETEACL (RFC 4314 3.2)."""

from __future__ import annotations

from posthouse.access.imap.acl import administered, meant, tell
from posthouse.access.imap.contract import ImapSession
from posthouse.database.contract import Transaction
from posthouse.wire.imap.syntax import Acl, Command


async def run(session: ImapSession, command: Command) -> None:
    """Remove the entry of somebody; there need not be one."""
    arguments = command.arguments
    assert isinstance(arguments, Acl)
    found = await administered(session, arguments.mailbox)
    mailbox, sharing = found.place.mailbox, found.sharing

    def op(tx: Transaction) -> None:
        who = meant(tx, arguments.identifier)
        before = who.before(tx, mailbox.id) if who is not None else ""
        if who is not None and before:
            who.put(tx, mailbox.id, "", sharing.feed)
            tell(tx, sharing, session.user, mailbox, who.key, before, "")

    await sharing.database.run(op)
    session.ok(command, "DELETEACL completed")
