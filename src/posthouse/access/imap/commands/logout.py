"""LOGOUT (RFC 9051 6.1.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Part as friends: BYE, OK, and the connection ends."""
    session.close_view()
    session.logged_out = True
    session.write(b"* BYE Until next time\r\n" + tagged(command.tag, b"OK", "LOGOUT completed"))
    session.close()
