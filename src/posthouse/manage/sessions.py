"""Open sessions: who is connected, and how to end it."""

from __future__ import annotations

import ipaddress
import math
from functools import lru_cache
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
    """Which sessions are meant; empty parts leave everything in. ``peer`` is an address or a network. ``reach`` is
    None for all of the server, else the domains and the addresses that the caller looks after. ``after`` is the
    ``since`` and ``id`` of the session that a page of the list begins behind."""

    id: str = ""
    protocol: str = ""
    account: str = ""
    peer: str = ""
    reach: list[str] | None = None
    limit: int = MOST
    after: tuple[float, str] | None = None

    def takes(self, id: str, protocol: str, account: str, peer: str = "") -> bool:
        """Whether a session is meant."""
        if self.reach is not None and not (
            account and (account in self.reach or account.rpartition("@")[2] in self.reach)
        ):
            return False
        return (
            (not self.id or id == self.id)
            and (not self.protocol or protocol == self.protocol)
            and (not self.account or account == self.account)
            and (not self.peer or _lies_in(peer, self.peer))
        )

    def follows(self, since: float, id: str) -> bool:
        """Whether a session stands behind the place that the page begins at, newest first."""
        return self.after is None or (-since, id) > (-self.after[0], self.after[1])


class OpenSessions(Protocol):
    """The sessions of all workers."""

    async def find(self, choice: Choice) -> tuple[list[OpenSession], int]:
        """Those that are meant, newest first and at most ``limit``, and how many there are."""

    async def dismiss(self, choice: Choice, reason: str) -> list[OpenSession]:
        """End those that are meant, each in the words of its protocol; which they were."""


class ListSessions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``id``, ``protocol``, ``account`` and ``peer`` (an address, or a network such as 192.0.2.0/24) narrow the list;
    at most ``limit`` sessions are shown, those behind the place ``after``."""

    protocol: str = ""
    account: str = ""
    limit: int = 200
    peer: str = ""
    id: str = ""
    after: str = ""


class SessionList(msgspec.Struct, frozen=True):
    """Newest first; ``total`` counts all that match. ``next`` is the ``after`` of the page that follows, "" on the
    last."""

    sessions: list[OpenSession]
    total: int
    next: str = ""


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
    limit = max(1, min(wanted.limit, MOST))
    choice = Choice(
        id=wanted.id,
        protocol=wanted.protocol,
        account=_account(wanted.account),
        peer=_network(wanted.peer),
        reach=_reach(call.actor),
        limit=limit + 1,  # one more tells whether a page follows
        after=_place(wanted.after),
    )
    found, total = await call.context.sessions.find(choice)
    last = found[limit - 1] if len(found) > limit else None
    return SessionList(found[:limit], total, f"{last.since!r}_{last.id}" if last else "")


@use("session.disconnect", right="change", open_to="user", about=narrows)
async def disconnect(call: Call, wanted: Disconnect) -> Disconnected:
    """End one session, or all sessions of an account; the peer is told why, and may connect again."""
    if bool(wanted.id) == bool(wanted.account):
        raise ManageError("invalid", "Either a session or an account is to be named.", "Give one of the two.")
    if call.context.sessions is None:
        raise ManageError("unavailable", "The server is stopped: there are no sessions.", "Start it first.")
    choice = Choice(id=wanted.id, account=_account(wanted.account), reach=_reach(call.actor))
    who = "You" if call.actor.role == "user" else "The administrator"
    ended = await call.context.sessions.dismiss(choice, f"{who} ended this connection")
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


def _network(text: str) -> str:
    text = text.strip()
    try:
        return str(ipaddress.ip_network(text, strict=False)) if text else ""
    except ValueError:
        raise ManageError(
            "invalid",
            f"{text[:60]} is no address and no network.",
            "Write it like 192.0.2.1, 192.0.2.0/24 or 2001:db8::/32.",
        ) from None


def _place(text: str) -> tuple[float, str] | None:
    if not text:
        return None
    since, _, id = text.partition("_")
    try:
        at = float(since)
    except ValueError:
        at = math.nan
    if not math.isfinite(at):
        raise ManageError("invalid", f"{text[:60]} is no place in the list.", "Give a page's `next`.")
    return at, id


@lru_cache(16)
def _parsed(network: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    return ipaddress.ip_network(network)


def _lies_in(peer: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(peer) in _parsed(network)
    except ValueError:  # a Unix socket has no address
        return False


def _reach(actor: Actor) -> list[str] | None:
    if actor.role == "server":
        return None
    own = [actor.account] if actor.account else []
    return [*own, *actor.domains] if actor.role == "domain" else own
