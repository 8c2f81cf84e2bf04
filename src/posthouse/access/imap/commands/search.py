"""SEARCH and UID SEARCH (RFC 9051 6.4.4, RFC 4731, RFC 5182, RFC 7162 3.1.5)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.search import Searcher, mentions
from posthouse.access.imap.search_answer import extended, names, plain, remember
from posthouse.access.imap.search_flags import flag_line
from posthouse.store.contract import StoreRefusal
from posthouse.wire.imap.syntax import Command, Search


async def run(session: ImapSession, command: Command) -> None:
    """Find messages. IMAP4rev2 answers with ESEARCH even where no RETURN was given."""
    arguments: Search = command.arguments
    returns = arguments.returns
    with_modseq = mentions(arguments.key, "MODSEQ")
    if with_modseq:
        session.enable_condstore()
    if returns is None and not session.state.rev2:
        line = await flag_line(session, arguments.key, command.uid)
        if line is not None:
            session.write(line)
            session.ok(command, "SEARCH completed")
            return
    try:
        found = await Searcher(session).run(arguments.key)
    except (No, StoreRefusal):
        if returns and "SAVE" in returns:
            session.saved = []  # RFC 5182 2.1: after NO the variable is empty
        raise
    if returns is None and session.state.rev2:
        returns = frozenset()
    if returns is None:
        highest = max((message.modseq for message in found), default=0)
        numbers = names(session, found, command.uid)
        session.write(plain(b"SEARCH", numbers, highest if with_modseq else None))
    else:
        line = extended(session, command, found, returns, with_modseq)
        if "SAVE" in returns:
            remember(session, found, returns)
        if line:
            session.write(line)
    session.ok(command, "SEARCH completed")
