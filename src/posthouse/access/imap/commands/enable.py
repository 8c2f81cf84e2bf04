"""ENABLE (RFC 9051 6.3.1, RFC 5161)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from posthouse.access.imap.capability import ENABLEABLE
from posthouse.wire.imap.syntax import Command, Enable

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

_SPELLING = {"IMAP4REV2": "IMAP4rev2"}


async def run(session: Session, command: Command) -> None:
    """Switch on what the client asks for and we know; the rest is passed over in silence."""
    arguments = command.arguments
    assert isinstance(arguments, Enable)
    wanted = dict.fromkeys(word.upper() for word in arguments.capabilities)
    enabled = [word for word in wanted if word in ENABLEABLE and _switch_on(session, word)]
    words = "".join(" " + _SPELLING.get(word, word) for word in enabled)
    session.write(b"* ENABLED%s\r\n" % words.encode("ascii"))
    session.ok(command, "ENABLE completed")


def _switch_on(session: Session, word: str) -> bool:
    """Switch on one capability; False when it was on already."""
    match word:
        case "CONDSTORE":
            was = session.condstore
            session.enable_condstore()
        case "QRESYNC":
            was = session.qresync
            session.qresync = True
            session.enable_condstore()  # RFC 7162 3.2.3
        case "UTF8=ACCEPT":
            was = session.utf8_accept
            session.utf8_accept = True
            session.state.utf8 = True
        case _:
            was = session.state.rev2
            session.state.rev2 = True
            session.state.utf8 = True
    return not was
