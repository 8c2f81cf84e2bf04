"""Carrying out one command: is it allowed now, and what is answered when it fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.contract import SELECTED, BadCommand, BadSequence, No
from posthouse.access.imap.table import TABLE
from posthouse.access.imap.upload import Upload
from posthouse.database.contract import DatabaseUnavailable
from posthouse.mail.refusal import Refusal
from posthouse.observe.log import logger
from posthouse.store.contract import StoreRefusal
from posthouse.wire.imap.syntax import Append, Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

log = logger("access.imap")


async def carry_out(session: Session, command: Command) -> None:
    """Run a command's handler; whatever happens, the client gets one tagged answer or the connection ends."""
    try:
        await _answer(session, command)
    except (BadSequence, BadCommand) as mistake:
        session.bad(command, str(mistake))
    except No as refusal:
        session.no(command, refusal.text, refusal.code)
    except StoreRefusal as refusal:
        session.no(command, refusal.text, refusal.code.encode("ascii"))
    except (DatabaseUnavailable, Refusal) as error:
        log.error("imap.unavailable", command=command.name, reason=str(error), peer=session.peer.address)
        session.no(command, "Temporarily not possible, please try again later", b"UNAVAILABLE")
    except ConnectionError:
        raise
    except Exception:
        log.exception("imap.command_failed", command=command.name, peer=session.peer.address)
        session.no(command, "Internal error; it has been logged", b"SERVERBUG")
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
