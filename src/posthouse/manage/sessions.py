"""Open sessions: who is connected, and how to end it."""

from __future__ import annotations

from typing import Protocol

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.names import own_address
from posthouse.manage.audit import note
from posthouse.manage.context import Actor
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, narrows, use

MOST = 1000
"""Sessions in one answer."""


class OpenSession(msgspec.Struct, frozen=True, kw_only=True):
    """One open connection. ``id`` is that of the log, too. ``since`` in seconds since 1970; ``received`` and
    ``sent`` in bytes without TLS. ``client`` is what the peer calls itself (HELO, or ID in IMAP), ``command`` its
    last command word, ``account`` "" before the sign-in."""

    id: str
    protocol: str
    peer: str
    port: int
    tls: str
    cipher: str
    account: str
    client: str
    since: float
    command: str
    received: int
    sent: int
    worker: int


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions are meant; empty parts leave everything in. ``reach`` is None for all of the server, else
    the domains and the addresses that the caller looks after."""

    id: str = ""
    protocol: str = ""
    account: str = ""
    reach: list[str] | None = None
    limit: int = MOST

    def takes(self, id: str, protocol: str, account: str) -> bool:
        """Whether a session is meant."""
        if self.reach is not None and not (
            account and (account in self.reach or account.rpartition("@")[2] in self.reach)
        ):
            return False
        return (
            (not self.id or id == self.id)
            and (not self.protocol or protocol == self.protocol)
            and (not self.account or account == self.account)
        )


class OpenSessions(Protocol):
    """The sessions of all workers."""

    async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
        """Those that are meant, newest first and at most ``limit``, and how many there are."""

    async def dismiss(self, choice: Choice, reason: str) -> list[OpenSession]:
        """End those that are meant, each in the words of its protocol; which they were."""


class ListSessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``protocol`` and ``account`` narrow the list; at most ``limit`` sessions are shown."""

    protocol: str = ""
    account: str = ""
    limit: int = 200


class SessionList(msgspec.Struct, frozen=True):
    """Newest first; ``total`` counts all that match."""

    sessions: list[OpenSession]
    total: int


class Disconnect(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One session by its ``id``, or all of an ``account``."""

    id: str = ""
    account: str = ""


class Disconnected(msgspec.Struct, frozen=True):
    """Which sessions end now."""

    sessions: list[OpenSession]


@use("session.list", right="view", open_to="user", about=narrows)
async def list_sessions(call: Call, wanted: ListSessions) -> SessionList:
    """List who is connected over all workers: protocol, TLS, address, account, client, last command, bytes."""
    if call.context.sessions is None:
        return SessionList([], 0)
    choice = Choice(
        protocol=wanted.protocol,
        account=_account(wanted.account),
        reach=_reach(call.actor),
        limit=max(1, min(wanted.limit, MOST)),
    )
    return SessionList(*await call.context.sessions.find(choice))


@use("session.disconnect", right="change", open_to="user", about=narrows)
async def disconnect(call: Call, wanted: Disconnect) -> Disconnected:
    """End one session, or all sessions of an account; the peer is told why, and may connect again."""
    if bool(wanted.id) == bool(wanted.account):
        raise ManageError("invalid", "Either a session or an account is to be named.", "Give one of the two.")
    if call.context.sessions is None:
        raise ManageError("unavailable", "The server is stopped: there are no sessions.", "Start it first.")
    choice = Choice(id=wanted.id, account=_account(wanted.account), reach=_reach(call.actor))
    ended = await call.context.sessions.dismiss(choice, "The administrator ended this connection")
    if not ended and wanted.id:
        raise ManageError(
            "missing", f"There is no session {wanted.id}.", "It may have ended; list the sessions anew."
        )

    def op(tx: Transaction) -> None:
        for session in ended[:100]:
            about = {"session": session.id, "protocol": session.protocol, "peer": session.peer}
            note(tx, call.actor, "session.disconnect", session.account or session.peer, before=about)

    if ended:
        await call.context.database.run(op)
    return Disconnected(ended)


def _account(text: str) -> str:
    """An address as sessions know it. Raises DirectoryError."""
    return own_address(text).key if text else ""


def _reach(actor: Actor) -> list[str] | None:
    if actor.role == "server":
        return None
    own = [actor.account] if actor.account else []
    return [*own, *actor.domains] if actor.role == "domain" else own
