"""STARTTLS (RFC 9051 6.2.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand
from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Begin TLS. What the client sent ahead in the clear is dropped, never carried out."""
    if session.tls is not None:
        raise BadCommand("TLS is on already")
    if not session.can_start_tls:
        raise BadCommand("TLS is not offered here")
    session.write(tagged(command.tag, b"OK", "Begin TLS now"))
    await session.begin_tls()
