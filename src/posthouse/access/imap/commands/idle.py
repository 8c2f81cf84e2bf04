"""IDLE (RFC 9051 6.3.13, RFC 2177)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap import idling
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Wait for DONE, telling what happens meanwhile. Nothing runs while nothing happens; the session answers DONE."""
    idling.begin(session, command)
