"""GETACL (RFC 4314 3.3)."""

from __future__ import annotations

from posthouse.access.imap.acl import administered, named_entries
from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.sharing import owner_address
from posthouse.database.contract import Transaction
from posthouse.store import acl
from posthouse.wire.imap.response import astring, mailbox
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Tell every entry, the owner first."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    found = await administered(session, arguments.mailbox)
    box = found.place.mailbox

    def op(tx: Transaction) -> list[tuple[str, str]]:
        owner = owner_address(tx, box.account_id)
        return ([(owner, acl.ALL)] if owner else []) + named_entries(tx, box.id)

    utf8 = session.state.utf8
    words = [
        b" %s %s" % (astring(name.encode("utf-8"), utf8), acl.shown(rights).encode("ascii"))
        for name, rights in await found.sharing.database.read(op)
    ]
    session.write(b"* ACL %s%s\r\n" % (mailbox(found.place.name, utf8), b"".join(words)))
    session.ok(command, "GETACL completed")
