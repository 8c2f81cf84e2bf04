"""The end of LOGIN and AUTHENTICATE: the same for both, whatever proved the password."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from posthouse.access.imap.capability import capabilities
from posthouse.access.imap.contract import No
from posthouse.directory.contract import SignIn
from posthouse.observe.log import logger
from posthouse.settings.imap import APPEND_LIMIT, IDLE_TIMEOUT, MAX_FAILURES
from posthouse.wire.imap.response import tagged
from posthouse.wire.imap.syntax import Command

if TYPE_CHECKING:
    from posthouse.access.imap.session import Session

log = logger("access.imap")

PROTOCOL = "imap"


def demand_privacy(session: Session) -> None:
    """Raise No where passwords may not be sent: no TLS, and not from this machine (RFC 9051 6.2.3, 11.2)."""
    if not session.secure:
        raise No("Begin TLS before you sign in", b"PRIVACYREQUIRED")


async def conclude(session: Session, command: Command, result: SignIn) -> None:
    """Answer a finished sign-in attempt, and enter the authenticated state if it was good."""
    if result.delay > 0:
        session.push()
        await asyncio.sleep(result.delay)
    if session.closing:
        raise ConnectionAbortedError("closed while signing in")
    account = result.account
    if account is None:
        _refuse(session, command, result)
        return
    if not session.service.enter(account.id):
        log.info("imap.too_many_sessions", account=account.address, peer=session.peer.address)
        raise No("Too many sessions of this account", b"LIMIT")
    session.quota_setter = session.quotas is not None and await session.quotas.governs(account.id)
    if session.largest is not None:
        session.limits_differ = 0 < await session.largest(account.id) < session.settings.now[APPEND_LIMIT]
    session.signed_in(account)
    session.set_deadline(session.settings.now[IDLE_TIMEOUT])
    session.ok(command, "Signed in", b"CAPABILITY " + capabilities(session))


def _refuse(session: Session, command: Command, result: SignIn) -> None:
    if result.temporary:
        raise No("Signing in is not possible at the moment", b"UNAVAILABLE")
    count_failure(session, command, result.text, expired=result.expired)


def count_failure(session: Session, command: Command, text: str = "", *, expired: bool = False) -> None:
    """Answer a failed sign-in; the last one a connection may have is followed by BYE. ``text`` is what somebody with
    the right password may know of the reason (RFC 5530's AUTHORIZATIONFAILED, or EXPIRED)."""
    session.failures += 1
    code = b"EXPIRED" if expired else b"AUTHORIZATIONFAILED" if text else b"AUTHENTICATIONFAILED"
    session.write(tagged(command.tag, b"NO", text or "The name or the password is wrong", code))
    if session.failures >= session.settings.now[MAX_FAILURES]:
        session.bye("Too many failed sign-ins")
