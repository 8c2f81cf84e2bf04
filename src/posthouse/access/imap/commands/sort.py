"""SORT and UID SORT (RFC 5256, RFC 5957; RETURN by RFC 5267 3)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.search import Searcher, mentions
from posthouse.access.imap.search_answer import extended, names, plain, remember
from posthouse.access.imap.sort_order import in_order
from posthouse.store.contract import StoreRefusal
from posthouse.wire.imap.syntax import Command, Sort


async def run(session: ImapSession, command: Command) -> None:
    """Find messages and put them in order."""
    arguments: Sort = command.arguments
    returns = arguments.returns
    with_modseq = mentions(arguments.key, "MODSEQ")
    if with_modseq:
        session.enable_condstore()
    searcher = Searcher(session)
    try:
        found = await searcher.run(arguments.key)
        found = await in_order(session, found, arguments.criteria, searcher.pace)
    except (No, StoreRefusal):
        if returns and "SAVE" in returns:
            session.saved = []
        raise
    if returns is None:
        highest = max((message.modseq for message in found), default=0)
        numbers = names(session, found, command.uid, ordered=False)
        session.write(plain(b"SORT", numbers, highest if with_modseq else None))
    else:
        line = extended(session, command, found, returns, with_modseq, ordered=False)
        if "SAVE" in returns:
            remember(session, found, returns)
        if line:
            session.write(line)
    session.ok(command, "SORT completed")
