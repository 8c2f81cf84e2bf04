"""SETMETADATA (RFC 5464 4.3)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.metadata import COMMON, PRIVATE, box_of, check_size, sharing_of
from posthouse.database.contract import Transaction
from posthouse.store import metadata
from posthouse.wire.imap.syntax import Command, SetMetadata


async def run(session: ImapSession, command: Command) -> None:
    """Set or remove notes: all of them, or none. Shared ones on a mailbox need the right ``w`` there; those on the
    server are the administrator's."""
    arguments = command.arguments
    assert isinstance(arguments, SetMetadata)
    sharing = sharing_of(session)
    check_size(session, [value for _, value in arguments.values])
    own, shared = _parts(arguments)
    if shared and not arguments.mailbox:
        raise No("The shared notes on the server are the administrator's", b"NOPERM")
    number = await box_of(session, arguments.mailbox, "lrw" if shared else "lr")

    def op(tx: Transaction) -> None:
        if own:
            metadata.put_in(tx, number, session.user.id, own)
        if shared:
            metadata.put_in(tx, number, metadata.SHARED, shared)

    await sharing.database.run(op)
    session.ok(command, "SETMETADATA completed")


def _parts(arguments: SetMetadata) -> tuple[dict[str, bytes | None], dict[str, bytes | None]]:
    """What is private and what is shared, without these words."""
    own: dict[str, bytes | None] = {}
    shared: dict[str, bytes | None] = {}
    for entry, value in arguments.values:
        if entry.startswith(PRIVATE + "/"):
            own[entry.removeprefix(PRIVATE)] = value
        else:
            shared[entry.removeprefix(COMMON)] = value
    return own, shared
