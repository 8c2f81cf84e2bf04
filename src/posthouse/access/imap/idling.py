"""IDLE (RFC 9051 6.3.13): a session that waits for DONE has no task, and no timer but its deadline.

The view calls when something new was loaded; what comes within ``imap.notice_delay`` is told together. While the
client does not read, nothing is written: the news stay in the view, where they take no room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand
from posthouse.access.imap.guard import guarded
from posthouse.access.imap.notices import notices
from posthouse.database.contract import DatabaseUnavailable
from posthouse.observe.log import logger
from posthouse.settings.imap import NOTICE_DELAY
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


log = logger("access.imap")


def begin(session: Session, command: Command) -> None:
    """Enter IDLE; what is new already is told at once."""
    session.idling = command
    session.state.raw_lines = True
    session.write(b"+ idling\r\n")
    if session.view is not None:
        notices(session, session.view, True)
        session.view.on_change(lambda: arrange_news(session))


def arrange_news(session: Session) -> None:
    """Something happened in the mailbox: tell it shortly, together with what comes meanwhile."""
    if session.news is None and session.idling is not None:
        session.news = session.later(session.settings.now[NOTICE_DELAY], lambda: _tell(session))


def _tell(session: Session) -> None:
    session.news = None
    if session.idling is not None and not session.busy and not session.closing:
        session.perform(_tell_now(session))


async def _tell_now(session: Session) -> None:
    try:
        await session.refresh()
    except DatabaseUnavailable as error:
        log.error("imap.unavailable", command="IDLE", reason=str(error), peer=session.peer.address)
        return  # what was missed is told after the next change, or at the next command
    if session.view is not None and session.idling is not None:
        notices(session, session.view, True)
    session.push()


async def end(session: Session, line: bytes) -> None:
    """The client said something: DONE ends IDLE well, anything else with BAD."""
    command, session.idling = session.idling, None
    session.state.raw_lines = False
    if session.news is not None:
        session.news.cancel()
        session.news = None
    if session.view is not None:
        session.view.on_change(None)
    assert command is not None
    await guarded(session, command, _answer(session, command, line))
    session.push()


async def _answer(session: Session, command: Command, line: bytes) -> None:
    if line.upper() != b"DONE":
        raise BadCommand("IDLE ends with DONE")
    await session.refresh()
    session.expunges = True
    session.ok(command, "IDLE ended")
