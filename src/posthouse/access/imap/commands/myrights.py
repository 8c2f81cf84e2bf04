"""MYRIGHTS (RFC 4314 3.5)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.mailboxes import locate
from posthouse.store import acl
from posthouse.wire.imap.response import mailbox
from posthouse.wire.imap.syntax import Command, MailboxName


async def run(session: ImapSession, command: Command) -> None:
    """Tell what this account may do. One of these rights has to be there: l, r, i, k, x or a."""
    arguments = command.arguments
    assert isinstance(arguments, MailboxName)
    place = await locate(session, arguments.mailbox, "")
    if not set("lrikxa") & set(place.rights):
        raise No("There is no such mailbox", b"NONEXISTENT")
    line = myrights_line(place.name, place.rights, session.state.utf8)
    session.write(line)
    session.ok(command, "MYRIGHTS completed")


def myrights_line(name: str, rights: str, utf8: bool) -> bytes:
    """``* MYRIGHTS mailbox rights``, also for LIST (RFC 8440)."""
    return b"* MYRIGHTS %s %s\r\n" % (mailbox(name, utf8), acl.shown(rights).encode("ascii"))
