"""LSUB (RFC 3501 6.3.9; IMAP4rev2 has LIST (SUBSCRIBED) instead)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.foreign import forest
from posthouse.access.imap.listing import patterns_of
from posthouse.wire.imap.response import list_line
from posthouse.wire.imap.syntax import Command, List


async def run(session: ImapSession, command: Command) -> None:
    """Name the subscriptions that match."""
    arguments = command.arguments
    assert isinstance(arguments, List)
    tree = (await forest(session)).tree
    for listed in tree.lsub(patterns_of(arguments)):
        session.write(list_line(listed.attributes, listed.name, session.state.utf8, word=b"LSUB"))
    session.ok(command, "LSUB completed")
