"""SETACL (RFC 4314 3.1)."""

from __future__ import annotations

from posthouse.access.imap.acl import administered, change_entry
from posthouse.access.imap.contract import ImapSession
from posthouse.database.contract import Transaction
from posthouse.wire.imap.syntax import Acl, Command


async def run(session: ImapSession, command: Command) -> None:
    """Give somebody rights on a mailbox, or take them."""
    arguments = command.arguments
    assert isinstance(arguments, Acl)
    found = await administered(session, arguments.mailbox)
    mailbox, sharing = found.place.mailbox, found.sharing

    def op(tx: Transaction) -> None:
        change_entry(tx, sharing, session.user, mailbox, arguments.identifier, arguments.rights)

    await sharing.database.run(op)
    session.ok(command, "SETACL completed")
