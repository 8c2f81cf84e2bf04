"""FETCH and UID FETCH (RFC 9051 6.4.5, RFC 7162 3.1.4 and 3.2.6)."""

from __future__ import annotations

from posthouse.access.imap.contract import BadCommand, ImapSession
from posthouse.access.imap.fetch import Fetching
from posthouse.access.imap.sequence import within
from posthouse.wire.imap.response import uid_set
from posthouse.wire.imap.syntax import SAVED, Command, Fetch, Messages


async def run(session: ImapSession, command: Command) -> None:
    """Send what was asked of the messages."""
    arguments: Fetch = command.arguments
    if arguments.vanished and not session.qresync:
        raise BadCommand("VANISHED needs ENABLE QRESYNC")
    if arguments.changed_since is not None or "MODSEQ" in arguments.items:
        session.enable_condstore()
    if arguments.vanished and arguments.changed_since is not None:
        await _vanished(session, arguments.messages, arguments.changed_since)
    fetching = Fetching(session, arguments, command.uid)
    await fetching.run()
    await session.refresh()
    if fetching.unknown_encoding:
        session.no(command, "A part's transfer encoding is not known", b"UNKNOWN-CTE")
    elif fetching.missing and not command.uid:
        session.no(command, "Some messages have been expunged meanwhile", b"EXPUNGEISSUED")
    else:
        session.ok(command, "FETCH completed")


async def _vanished(session: ImapSession, messages: Messages, since: int) -> None:
    """Tell which of the UIDs asked for were expunged after ``since``. Those whose expunge this session has yet to
    be told as such are left for that."""
    view = session.selected
    gone = [uid for uid in await session.store.vanished(view.mailbox.id, since) if view.sequence(uid) is None]
    if messages == SAVED:
        saved = set(session.saved)
        gone = [uid for uid in gone if uid in saved]
    else:
        gone = within(messages, gone, view.uids[-1] if view.uids else 0)
    if gone:
        session.write(b"* VANISHED (EARLIER) %s\r\n" % uid_set(gone))
