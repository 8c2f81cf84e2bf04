"""LISTRIGHTS (RFC 4314 3.4)."""

from __future__ import annotations

from posthouse.access.imap.acl import administered, meant
from posthouse.access.imap.contract import ImapSession, No
from posthouse.store import acl
from posthouse.wire.imap.response import astring, mailbox
from posthouse.wire.imap.syntax import Acl, Command


async def run(session: ImapSession, command: Command) -> None:
    """Tell which rights somebody may be given: each by itself; the owner always has all."""
    arguments = command.arguments
    assert isinstance(arguments, Acl)
    found = await administered(session, arguments.mailbox)
    who = await found.sharing.database.read(meant, arguments.identifier, found.sharing.reach(session.user))
    if who is None:
        raise No("Nobody is called so here", b"NONEXISTENT")
    if who.key == acl.of_account(found.place.mailbox.account_id):
        rights = acl.shown(acl.ALL).encode("ascii")
    else:
        rights = b'"" ' + " ".join(acl.shown(acl.ALL)).encode("ascii")
    utf8 = session.state.utf8
    name = astring(arguments.identifier.encode("utf-8"), utf8)
    session.write(b"* LISTRIGHTS %s %s %s\r\n" % (mailbox(found.place.name, utf8), name, rights))
    session.ok(command, "LISTRIGHTS completed")
