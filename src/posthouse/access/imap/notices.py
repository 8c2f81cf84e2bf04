"""What a session is told about its mailbox without having asked (RFC 9051 7.3, 7.4, 7.5)."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable
from typing import TYPE_CHECKING

from posthouse.access.imap.flags import defined_flags, permanent_flags
from posthouse.store.contract import Message, View
from posthouse.wire.imap.response import number_set

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


def notices(session: Session, view: View, expunges: bool) -> None:
    """Tell what is new in the view, in an order in which each line is true when it is read."""
    tell_keywords(session, view)
    if not view.pending():
        return
    sync = view.sync(expunges=expunges)
    lines: list[bytes] = []
    if sync.expunged:
        if session.qresync:
            gone = sorted(uid for _, uid in sync.expunged)
            lines.append(b"* VANISHED %s\r\n" % number_set(gone))
        else:
            lines += [b"* %d EXPUNGE\r\n" % number for number, _ in sync.expunged]
    if sync.exists is not None:
        lines.append(b"* %d EXISTS\r\n" % sync.exists)
        if not session.state.rev2:
            lines.append(b"* %d RECENT\r\n" % recent_count(session, view))
    lines += [flags_line(session, number, message) for number, message in sync.changed]
    if lines:
        session.write(b"".join(lines))


def tell_keywords(session: Session, view: View) -> None:
    """FLAGS and PERMANENTFLAGS again when the mailbox has keywords that were not told (RFC 9051 7.3.5)."""
    keywords = view.keywords
    if keywords is session.told_keywords:
        return
    known, session.told_keywords = session.told_keywords, keywords
    if set(keywords) <= set(known):
        return
    session.write(
        b"* FLAGS %s\r\n* OK [PERMANENTFLAGS %s] New keywords\r\n"
        % (defined_flags(keywords), permanent_flags(keywords, session.writable, session.rights))
    )


def flags_line(session: Session, number: int, message: Message) -> bytes:
    """An untagged FETCH with the flags of a message. The UID always comes along: it is allowed unasked, and
    required for UID STORE, by QRESYNC (RFC 7162 3.2.4) and by those who only count in UIDs."""
    if session.condstore:
        return b"* %d FETCH (UID %d MODSEQ (%d) FLAGS %s)\r\n" % (
            number,
            message.uid,
            message.modseq,
            session.flags(message),
        )
    return b"* %d FETCH (UID %d FLAGS %s)\r\n" % (number, message.uid, session.flags(message))


def modseq_line(number: int, message: Message) -> bytes:
    """An untagged FETCH with the mod-sequence alone (RFC 7162 3.1.3, STORE .SILENT)."""
    return b"* %d FETCH (UID %d MODSEQ (%d))\r\n" % (number, message.uid, message.modseq)


def tell_flags(session: Session, view: View, messages: Iterable[Message]) -> None:
    """Send the flags of these messages, and have the view not report them again."""
    told: list[Message] = []
    lines: list[bytes] = []
    for message in messages:
        number = view.sequence(message.uid)
        if number is not None:
            told.append(message)
            lines.append(flags_line(session, number, message))
    if lines:
        session.write(b"".join(lines))
    view.mute(told)


def recent_count(session: Session, view: View) -> int:
    """How many of the messages the session knows are \\Recent to it."""
    uids = view.uids
    return len(uids) - bisect_left(uids, session.first_recent)
