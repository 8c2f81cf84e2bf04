"""STATUS (RFC 9051 6.3.11, with RFC 7162, RFC 7889, RFC 8438, RFC 8474 and RFC 9208 items)."""

from __future__ import annotations

from posthouse.access.imap import mailboxes
from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.response import status_line
from posthouse.wire.imap.syntax import Command, Status


async def run(session: ImapSession, command: Command) -> None:
    """Tell a mailbox's numbers as they are now, also those of the selected one."""
    arguments = command.arguments
    assert isinstance(arguments, Status)
    if "HIGHESTMODSEQ" in arguments.items:
        session.enable_condstore()
    place = await mailboxes.locate(session, arguments.mailbox, "r")
    values = await mailboxes.status(session, place.mailbox, arguments.items)
    session.write(status_line(place.name, values, session.state.utf8))
    session.ok(command, "STATUS completed")
