"""COMPRESS DEFLATE (RFC 4978)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.contract import BadCommand, No
from posthouse.wire.imap.syntax import Command, Compress

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session


async def run(session: Session, command: Command) -> None:
    """Compress both directions from here on."""
    arguments = command.arguments
    assert isinstance(arguments, Compress)
    if arguments.mechanism != "DEFLATE":
        raise BadCommand("The only mechanism is DEFLATE")
    if session.compressed:
        raise No("Compression is on already", b"COMPRESSIONACTIVE")
    session.ok(command, "Compression begins")
    session.begin_compression()
