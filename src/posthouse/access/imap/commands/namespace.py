"""NAMESPACE (RFC 9051 6.3.10, RFC 2342)."""

from __future__ import annotations

from posthouse.access.imap.contract import ImapSession
from posthouse.wire.imap.names import SEPARATOR, encode_name
from posthouse.wire.imap.response import string
from posthouse.wire.imap.syntax import Command


async def run(session: ImapSession, command: Command) -> None:
    """Tell the account's own namespace, that of what others share, and that of the public folders."""
    sharing = session.sharing
    others = _space(session, sharing.shared) if sharing is not None else b"NIL"
    public = _space(session, sharing.public) if sharing is not None else b"NIL"
    session.write(b'* NAMESPACE (("" "/")) %s %s\r\n' % (others, public))
    session.ok(command, "NAMESPACE completed")


def _space(session: ImapSession, root: str) -> bytes:
    if not root:
        return b"NIL"
    utf8 = session.state.utf8
    return b'((%s "/"))' % string(encode_name(root + SEPARATOR, utf8), utf8)
