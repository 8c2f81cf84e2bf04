"""Carrying out one command: is it allowed now, and by which module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.contract import SELECTED
from posthouse.access.imap.guard import guarded
from posthouse.access.imap.table import TABLE
from posthouse.access.imap.upload import Upload
from posthouse.wire.imap.syntax import Append, Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def carry_out(session: Session, command: Command) -> None:
    """Run a command's handler; whatever happens, the client gets one tagged answer or the connection ends."""
    try:
        await guarded(session, command, _answer(session, command))
    finally:
        if type(command.arguments) is Append:
            _let_go(command.arguments)
        session.push()


async def _answer(session: Session, command: Command) -> None:
    entry = TABLE.get(command.name)
    if entry is None:
        session.bad(command, "Unknown command")
        return
    state = session.state_name
    if state not in entry.states:
        session.bad(command, f"{command.name} is not possible in the {state} state")
        return
    session.expunges = entry.expunges or command.uid
    if state is SELECTED:
        await session.refresh()
    await entry.run(session, command)


def _let_go(append: Append) -> None:
    """The messages of an APPEND were stored or refused: their spools end here in any case."""
    for message in append.messages:
        if isinstance(message.data, Upload):
            message.data.abandon()
