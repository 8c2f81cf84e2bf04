"""EXPUNGE and UID EXPUNGE (RFC 9051 6.4.3, 6.4.9; RFC 4315)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.writing import demand_rights, demand_writable, highest_modseq
from posthouse.wire.imap.syntax import Command, Expunge


async def run(session: ImapSession, command: Command) -> None:
    """Remove what carries \\Deleted (among the named UIDs), and tell it."""
    demand_writable(session)
    demand_rights(session, "e")
    arguments = command.arguments
    uids: list[int] | None = None
    if isinstance(arguments, Expunge) and arguments.messages is not None:
        uids = [uid for _, uid in session.resolve(arguments.messages, True)]
    gone = await session.store.expunge(session.selected.mailbox.id, uids)
    await session.refresh()
    name = "UID EXPUNGE" if command.uid else "EXPUNGE"
    session.ok(command, f"{name} completed", highest_modseq(session) if gone else b"")
