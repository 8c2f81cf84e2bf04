"""GETMETADATA (RFC 5464 4.2)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.metadata import box_of, chosen, line, sharing_of, whole_notes
from posthouse.wire.imap.syntax import Command, GetMetadata


async def run(session: ImapSession, command: Command) -> None:
    """Tell notes on a mailbox, or on the server."""
    arguments = command.arguments
    assert isinstance(arguments, GetMetadata)
    sharing = sharing_of(session)
    number = await box_of(session, arguments.mailbox, "lr")
    notes = await sharing.database.read(whole_notes, number, session.user.id)
    found = chosen(notes, arguments.entries, arguments.depth)
    longest = 0
    if arguments.maxsize is not None:
        too_long = [entry for entry, value in found.items() if value and len(value) > arguments.maxsize]
        longest = max((len(found.pop(entry) or b"") for entry in too_long), default=0)
    if found:
        session.write(line(arguments.mailbox, found, session.state.utf8))
    session.ok(command, "GETMETADATA completed", b"METADATA LONGENTRIES %d" % longest if longest else b"")
