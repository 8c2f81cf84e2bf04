"""NAMESPACE (RFC 9051 6.3.10, RFC 2342)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.syntax import Command


async def run(session: ImapSession, command: Command) -> None:
    """There is one namespace, the account's own."""
    session.write(b'* NAMESPACE (("" "/")) NIL NIL\r\n')
    session.ok(command, "NAMESPACE completed")
