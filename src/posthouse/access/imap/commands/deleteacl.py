"""DELETEACL (RFC 4314 3.2)."""

from __future__ import annotations

from posthouse.access.imap.acl import administered, identifier_key, tell
from posthouse.access.imap.contract import ImapSession
from posthouse.database.contract import Transaction
from posthouse.store import acl
from posthouse.wire.imap.syntax import Acl, Command


async def run(session: ImapSession, command: Command) -> None:
    """Remove the entry of somebody; there need not be one."""
    arguments = command.arguments
    assert isinstance(arguments, Acl)
    found = await administered(session, arguments.mailbox)
    mailbox, sharing = found.place.mailbox, found.sharing

    def op(tx: Transaction) -> None:
        key = identifier_key(tx, arguments.identifier)
        before = dict(acl.entries_in(tx, mailbox.id)).get(key or "", "")
        if key is not None and before:
            acl.set_entry(tx, mailbox.id, key, "", sharing.feed)
            tell(tx, sharing, session.user, mailbox, key, before, "")

    await sharing.database.run(op)
    session.ok(command, "DELETEACL completed")
