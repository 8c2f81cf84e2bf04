"""LIST (RFC 9051 6.3.9), with LIST-EXTENDED, LIST-STATUS, CHILDREN, SPECIAL-USE, LIST-MYRIGHTS (RFC 8440) and
LIST-METADATA (RFC 9590)."""

from __future__ import annotations

from posthouse.access.imap import mailboxes
from posthouse.access.imap.commands.myrights import myrights_line
from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.foreign import Forest, forest
from posthouse.access.imap.listing import Listed, patterns_of
from posthouse.access.imap.metadata import chosen, line, sharing_of, whole_notes
from posthouse.store.acl import ALL
from posthouse.wire.imap.response import list_line, status_line
from posthouse.wire.imap.syntax import Command, List


async def run(session: ImapSession, command: Command) -> None:
    """Name the mailboxes that match."""
    arguments = command.arguments
    assert isinstance(arguments, List)
    if not arguments.extended and arguments.patterns == ("",):
        # The special request for the separator and the root (RFC 9051 6.3.9).
        session.write(b'* LIST (\\Noselect) "/" ""\r\n')
        session.ok(command, "LIST completed")
        return
    if arguments.status is not None and "HIGHESTMODSEQ" in arguments.status:
        session.enable_condstore()
    trees = await forest(session)
    for listed in trees.tree.listed(arguments, patterns_of(arguments)):
        session.write(
            list_line(listed.attributes, listed.name, session.state.utf8, child_info=listed.child_info)
        )
        if listed.mailbox is not None:
            await _more(session, arguments, trees, listed)
    session.ok(command, "LIST completed")


async def _more(session: ImapSession, arguments: List, trees: Forest, listed: Listed) -> None:
    """What else was asked for of each mailbox."""
    mailbox, utf8 = listed.mailbox, session.state.utf8
    assert mailbox is not None
    rights = trees.rights.get(listed.name, ALL)
    if arguments.status is not None and "r" in rights:
        values = await mailboxes.status(session, mailbox, arguments.status)
        session.write(status_line(listed.name, values, utf8))
    if "MYRIGHTS" in arguments.returns:
        session.write(myrights_line(listed.name, rights, utf8))
    if arguments.metadata and "r" in rights:
        notes = await sharing_of(session).database.read(whole_notes, mailbox.id, session.user.id)
        session.write(line(listed.name, chosen(notes, arguments.metadata, 0), utf8))
