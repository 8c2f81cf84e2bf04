"""Opening a mailbox: what SELECT and EXAMINE tell (RFC 9051 6.3.2), and the quick resynchronisation of RFC 7162."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand
from posthouse.access.imap.flags import WRITING, defined_flags, permanent_flags
from posthouse.access.imap.mailboxes import locate, reader_of
from posthouse.access.imap.notices import flags_line, recent_count
from posthouse.access.imap.sequence import expand, within
from posthouse.store.contract import SEEN, View
from posthouse.wire.imap.response import list_line, number_set
from posthouse.wire.imap.syntax import Command, QResync, Select

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

_LINES = 500
"""FETCH lines of a resynchronisation written between two looks at whether the client still reads."""


async def open_mailbox(session: Session, command: Command, writable: bool) -> None:
    """Close what was selected, open the mailbox, tell its state."""
    arguments = command.arguments
    assert isinstance(arguments, Select)
    if arguments.qresync is not None and not session.qresync:
        raise BadCommand("QRESYNC was not enabled")
    if session.view is not None:
        session.close_view()
        session.write(b"* OK [CLOSED] The mailbox before is closed\r\n")
    if arguments.condstore:
        session.enable_condstore()
    place = await locate(session, arguments.mailbox, "r")
    mailbox, reader = place.mailbox, reader_of(session, place.mailbox)
    writable = writable and bool(WRITING.intersection(place.rights))
    if writable:
        view, first_recent = await session.store.select(mailbox.id, reader)
    else:
        view, first_recent = await session.store.examine(mailbox.id, reader), mailbox.recent_from
    session.open_view(view, writable, first_recent, place)
    _tell_state(session, view)
    if arguments.qresync is not None:
        await _resynchronise(session, view, arguments.qresync)
    word = b"READ-WRITE" if writable else b"READ-ONLY"
    session.ok(command, f"{command.name} completed", word)


def _tell_state(session: Session, view: View) -> None:
    mailbox = view.mailbox
    rev2 = session.state.rev2
    lines = [
        b"* FLAGS %s\r\n" % defined_flags(view.keywords),
        b"* OK [PERMANENTFLAGS %s] Kept\r\n"
        % permanent_flags(view.keywords, session.writable, session.rights),
        b"* %d EXISTS\r\n" % len(view.uids),
    ]
    if not rev2:
        lines.append(b"* %d RECENT\r\n" % recent_count(session, view))
        unseen = first_unseen(view)
        if unseen is not None:
            lines.append(b"* OK [UNSEEN %d] First unseen\r\n" % unseen)
    lines += [
        b"* OK [UIDVALIDITY %d] UIDs are valid\r\n" % mailbox.uidvalidity,
        b"* OK [UIDNEXT %d] Predicted next UID\r\n" % mailbox.uidnext,
        b"* OK [HIGHESTMODSEQ %d] Highest\r\n" % view.modseq,
        b"* OK [MAILBOXID (%s)] Ok\r\n" % mailbox.object_id.encode("ascii"),
    ]
    if rev2:
        lines.append(list_line((), session.place.name if session.place else mailbox.name, session.state.utf8))
    session.write(b"".join(lines))


def first_unseen(view: View) -> int | None:
    """The sequence number of the first message without \\Seen (IMAP4rev1's UNSEEN code)."""
    if not view.mailbox.unseen:
        return None
    found = view.flagged(SEEN, 0, 1)
    return found[0] + 1 if found else None


async def _resynchronise(session: Session, view: View, known: QResync) -> None:
    """Tell what changed since the client's mod-sequence: VANISHED (EARLIER), then FETCH (RFC 7162 3.2.5)."""
    if known.uidvalidity != view.mailbox.uidvalidity:
        return
    floor = _matched(view, known)
    vanished = await session.store.vanished(view.mailbox.id, known.modseq)
    gone = [uid for uid in _wanted(known, vanished) if uid > floor and view.sequence(uid) is None]
    if gone:
        session.write(b"* VANISHED (EARLIER) %s\r\n" % number_set(gone))
    changed = view.changed(known.modseq)
    wanted = set(_wanted(known, [message.uid for _, message in changed]))
    changed = [pair for pair in changed if pair[1].uid in wanted]
    for begin in range(0, len(changed), _LINES):
        lines = [flags_line(session, number, message) for number, message in changed[begin : begin + _LINES]]
        session.write(b"".join(lines))
        await session.drain()


def _wanted(known: QResync, uids: Sequence[int]) -> Sequence[int]:
    """Those of ascending ``uids`` that the client knows."""
    return uids if known.known_uids is None else within(known.known_uids, uids)


def _matched(view: View, known: QResync) -> int:
    """The highest UID of the client's sequence match data whose number is still the same: nothing at or below it has
    vanished, since numbers only ever fall (RFC 7162 3.2.5.2)."""
    if known.sequence_match is None:
        return 0
    count = len(view.uids)
    numbers = expand(known.sequence_match[0], count + 1)
    uids = expand(known.sequence_match[1], count + 1)
    found = 0
    for number, uid in zip(numbers, uids, strict=False):
        if number > count or view.uids[number - 1] != uid:
            break
        found = uid
    return found
