"""CREATE (RFC 9051 6.3.4), with CREATE-SPECIAL-USE (RFC 6154). Which uses there are is the store's to say."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession, No
from posthouse.access.imap.foreign import site
from posthouse.wire.imap.names import SEPARATOR, complaint
from posthouse.wire.imap.response import list_line
from posthouse.wire.imap.syntax import Command, Create


async def run(session: ImapSession, command: Command) -> None:
    """Make a mailbox, with what is missing above it."""
    arguments = command.arguments
    assert isinstance(arguments, Create)
    # A separator at the end says that children will follow (RFC 9051 6.3.4); every mailbox here may have some.
    name = arguments.mailbox.removesuffix(SEPARATOR)
    problem = complaint(name)
    if problem:
        raise No(problem, b"CANNOT")
    place = await site(session, name)
    mailbox = await session.store.create(place.owner, place.name, _special_use(arguments.special_use))
    if session.state.rev2 and name != arguments.mailbox:
        session.write(list_line((), name, session.state.utf8, old_name=arguments.mailbox))
    session.ok(command, "CREATE completed", b"MAILBOXID (%s)" % mailbox.object_id.encode("ascii"))


def _special_use(words: tuple[str, ...]) -> str:
    if not words:
        return ""
    if len(words) > 1:
        raise No("A mailbox has one special use at most", b"USEATTR")
    return words[0]
