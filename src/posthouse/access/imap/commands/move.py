"""MOVE and UID MOVE (RFC 9051 6.4.8, RFC 6851)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.access.imap.flags import mask_of
from posthouse.access.imap.mailboxes import locate
from posthouse.access.imap.writing import (
    copy_code,
    demand_present,
    demand_rights,
    demand_writable,
    highest_modseq,
)
from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import Command, Copy


async def run(session: ImapSession, command: Command) -> None:
    """Move the messages in one step. COPYUID comes before the expunges, so that the client can follow."""
    demand_writable(session)
    demand_rights(session, "te")
    arguments = command.arguments
    assert isinstance(arguments, Copy)
    uids = [uid for _, uid in session.resolve(arguments.messages, command.uid)]
    if not command.uid:
        demand_present(session, uids)
    place = await locate(session, arguments.mailbox, "i", b"TRYCREATE")
    target = place.mailbox
    if not uids:
        session.ok(command, "There was nothing to move")
        return
    outcome = await session.store.move(
        session.selected.mailbox.id, uids, target.id, session.user.id, mask_of(place.rights)
    )
    code = copy_code(outcome)
    if code:
        session.write(tagged(b"*", b"OK", "Moved", code))
    await session.refresh()
    session.ok(command, "MOVE completed", highest_modseq(session) if code else b"")
