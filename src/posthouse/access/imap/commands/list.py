"""LIST (RFC 9051 6.3.9), with LIST-EXTENDED, LIST-STATUS, CHILDREN and SPECIAL-USE."""

from __future__ import annotations

from posthouse.access.imap import mailboxes
from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.listing import Tree, patterns_of
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
    account_id = session.user.id
    if arguments.status is not None and "HIGHESTMODSEQ" in arguments.status:
        session.enable_condstore()
    tree = Tree(await session.store.mailboxes(account_id), await session.store.subscriptions(account_id))
    utf8 = session.state.utf8
    for listed in tree.listed(arguments, patterns_of(arguments)):
        session.write(list_line(listed.attributes, listed.name, utf8, child_info=listed.child_info))
        if arguments.status is not None and listed.mailbox is not None:
            values = await mailboxes.status(session, listed.mailbox, arguments.status)
            session.write(status_line(listed.name, values, utf8))
    session.ok(command, "LIST completed")
