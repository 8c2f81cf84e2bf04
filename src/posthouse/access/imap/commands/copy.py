"""COPY and UID COPY (RFC 9051 6.4.7)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.flags import mask_of
from posthouse.access.imap.mailboxes import locate
from posthouse.access.imap.writing import copy_code, demand_present
from posthouse.wire.imap.syntax import Command, Copy


async def run(session: ImapSession, command: Command) -> None:
    """Copy all of the messages, or none."""
    arguments = command.arguments
    assert isinstance(arguments, Copy)
    uids = [uid for _, uid in session.resolve(arguments.messages, command.uid)]
    if not command.uid:
        demand_present(session, uids)
    place = await locate(session, arguments.mailbox, "i", b"TRYCREATE")
    target = place.mailbox
    if not uids:
        session.ok(command, "There was nothing to copy")
        return
    source = session.selected.mailbox.id
    outcome = await session.store.copy(source, uids, target.id, session.user.id, mask_of(place.rights))
    if target.id == source:
        await session.refresh()
    session.ok(command, "COPY completed", copy_code(outcome))
