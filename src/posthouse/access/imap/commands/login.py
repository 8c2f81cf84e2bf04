"""LOGIN (RFC 9051 6.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.signin import PROTOCOL, conclude, count_failure, demand_privacy
from posthouse.wire.imap.syntax import Command, Login

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Sign in with a name and a password, read as UTF-8."""
    demand_privacy(session)
    arguments = command.arguments
    assert isinstance(arguments, Login)
    try:
        login, password = arguments.user.decode("utf-8"), arguments.password.decode("utf-8")
    except UnicodeDecodeError:
        count_failure(session, command)
        return
    result = await session.directory.sign_in(login, password, peer=session.peer.address, protocol=PROTOCOL)
    await conclude(session, command, result)
