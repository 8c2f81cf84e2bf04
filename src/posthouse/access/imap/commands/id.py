"""ID (RFC 2971)."""

from __future__ import annotations

from posthouse import __version__
from posthouse.access.imap.contract import ImapSession
from posthouse.observe.log import logger
from posthouse.wire.imap.response import string
from posthouse.wire.imap.syntax import Command, Id

log = logger("access.imap")


async def run(session: ImapSession, command: Command) -> None:
    """Say who we are (the version only to those who have signed in), and log who they are."""
    arguments = command.arguments
    assert isinstance(arguments, Id)
    if arguments.fields:
        told = {
            name.decode("ascii", "replace"): (value or b"").decode("utf-8", "replace")
            for name, value in arguments.fields
        }
        log.debug("imap.client", client=told)
        session.client = f"{told.get('name', '')} {told.get('version', '')}".strip()[:200]
        session.tell_client()
    fields = [b"name", b"Posthouse"]
    if session.account is not None:
        fields += [b"version", __version__.encode("ascii")]
    session.write(b"* ID (%s)\r\n" % b" ".join(string(field) for field in fields))
    session.ok(command, "ID completed")
