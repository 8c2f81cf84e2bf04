"""What is answered when a command fails: their mistakes with BAD, refusals with NO, our faults with NO and
a log line."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand, BadSequence, No
from posthouse.database.contract import DatabaseUnavailable
from posthouse.mail.refusal import Refusal
from posthouse.observe.log import logger
from posthouse.store.contract import StoreRefusal
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

log = logger("access.imap")


async def guarded(session: Session, command: Command, work: Awaitable[None]) -> None:
    """Await the work of a command, and answer for it when it raises. ConnectionError passes: nobody listens."""
    try:
        await work
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
