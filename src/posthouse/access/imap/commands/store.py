"""STORE and UID STORE (RFC 9051 6.4.6), with UNCHANGEDSINCE (RFC 7162 3.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap import notices
from posthouse.access.imap.contract import No
from posthouse.access.imap.flags import KEYWORDS, mask_of, parse_flags
from posthouse.access.imap.writing import demand_writable
from posthouse.store.contract import FlagChange, Message
from posthouse.wire.imap.response import number_set
from posthouse.wire.imap.syntax import Command, Store

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

_AT_ONCE = 500
"""Messages in one unit of the store; more of them are changed in several."""


async def run(session: Session, command: Command) -> None:
    """Change flags, in the store and not in the view; tell the result."""
    demand_writable(session)
    arguments = command.arguments
    assert isinstance(arguments, Store)
    flags, keywords = parse_flags(arguments.flags)
    mask = mask_of(session.rights)
    touched = flags | (KEYWORDS if keywords else 0)
    # FLAGS is about every flag there is; what may not be changed stays as it was (RFC 4314 4).
    if not mask or (arguments.mode != "set" and touched and not touched & mask):
        raise No("You may not change these flags", b"NOPERM")
    if arguments.unchanged_since is not None:
        session.enable_condstore()
    uids = [uid for _, uid in session.resolve(arguments.messages, command.uid)]
    # What others changed is told before, so that what .SILENT leaves out is known to the client.
    notices.notices(session, session.selected, session.expunges)
    work = _Work(session, arguments, FlagChange(arguments.mode, flags, keywords, mask))
    for begin in range(0, len(uids), _AT_ONCE):
        await work.change(uids[begin : begin + _AT_ONCE])
        await session.drain()
    code = b""
    if work.modified:
        numbers = work.modified if command.uid else [session.selected.sequence(uid) for uid in work.modified]
        code = b"MODIFIED " + number_set(sorted(number for number in numbers if number is not None))
    if work.gone and not command.uid:
        session.no(command, "Some of these messages have been expunged", code or b"EXPUNGEISSUED")
        return
    session.ok(command, "Some messages had changed" if work.modified else "STORE completed", code)


class _Work:
    """One STORE, a part of its messages at a time."""

    def __init__(self, session: Session, arguments: Store, change: FlagChange) -> None:
        self._session = session
        self._arguments = arguments
        self._change = change
        self.modified: list[int] = []
        self.gone = False

    async def change(self, uids: list[int]) -> None:
        """Change these, and tell their new flags; with .SILENT only what the client cannot know."""
        session, view = self._session, self._session.selected
        silent = self._arguments.silent
        expected = {m.uid: self._expected(m) for m in view.messages(uids)} if silent else {}
        outcome = await session.store.flags(
            view.mailbox.id, uids, self._change, self._arguments.unchanged_since, session.user.id
        )
        self.modified += outcome.modified
        self.gone = self.gone or bool(outcome.gone)
        if self._change.keywords and not set(self._change.keywords) <= set(session.told_keywords):
            await session.refresh()
            notices.tell_keywords(session, view)
        if not silent:
            session.tell_flags(outcome.changed)
            return
        surprising = [m for m in outcome.changed if expected.get(m.uid) != (m.flags, frozenset(m.keywords))]
        session.tell_flags(surprising)
        known = {m.uid for m in surprising}
        quiet = [m for m in outcome.changed if m.uid not in known]
        if session.condstore:
            self._tell_modseq(quiet)
        view.mute(quiet)

    def _expected(self, message: Message) -> tuple[int, frozenset[str]]:
        """What the client believes the flags to be after its STORE."""
        change = self._change
        keywords = frozenset(change.keywords)
        match change.mode:
            case "set":
                return change.flags, keywords
            case "add":
                return message.flags | change.flags, keywords.union(message.keywords)
            case _:
                return message.flags & ~change.flags, frozenset(message.keywords) - keywords

    def _tell_modseq(self, messages: list[Message]) -> None:
        view = self._session.selected
        pairs = ((view.sequence(message.uid), message) for message in messages)
        lines = [notices.modseq_line(number, message) for number, message in pairs if number is not None]
        if lines:
            self._session.write(b"".join(lines))
