"""Signed-in browsers, one's own and everybody's; and the one-time link for whoever lost password or phone."""

from __future__ import annotations

import secrets

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, browser_sessions
from posthouse.directory.browser_sessions import StoredSession, digest
from posthouse.directory.contract import Account
from posthouse.directory.names import own_address
from posthouse.directory.roles import actor_of
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity import LINK_PATH
from posthouse.manage.me_account import account_id, lasting, now, own
from posthouse.manage.reach import guard, is_local
from posthouse.manage.setup_message import places
from posthouse.manage.use import Call, Nothing, narrows, use

LINK_SECONDS = 600

MOST_LISTED = 1000


class SessionId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A session by its number in the list."""

    id: int


class OfAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one account, or (left out) of all."""

    address: str | None = None


class LinkFor(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The account to sign in as."""

    address: str


class Browser(msgspec.Struct, frozen=True):
    """A signed-in browser: whose, from where, with what program, how it signed in; ``current``: the one that
    asks."""

    id: int
    address: str
    peer: str
    agent: str
    how: str
    created_at: float
    last_seen: float
    expires_at: float
    current: bool = False


class Browsers(msgspec.Struct, frozen=True):
    """The one used last first."""

    sessions: list[Browser]


class Link(msgspec.Struct, frozen=True):
    """Good once, until ``expires_at``. ``path`` is to be appended to the address of the web pages; ``links`` are whole
    addresses where the running server has pages."""

    address: str
    path: str
    expires_at: float
    links: list[str] = []

    def __repr__(self) -> str:
        return f"Link({self.address!r}, ...)"


@use("me.sessions", right="view", open_to="user", about=own)
async def mine(call: Call, wanted: Nothing) -> Browsers:
    """List the browsers that are signed in to your account."""
    whose, at, long = account_id(call), now(), lasting(call)

    def op(tx: Transaction) -> Browsers:
        return _listed(call, browser_sessions.of_account(tx, whose, at, long))

    return await call.context.database.scan(op)


@use("me.session_end", right="change", open_to="user", about=own)
async def end_mine(call: Call, wanted: SessionId) -> Browser:
    """Sign a browser out of your account."""
    whose, at, long = account_id(call), now(), lasting(call)

    def op(tx: Transaction) -> Browser:
        found = browser_sessions.by_id(tx, wanted.id, at, long)
        if found is None or found.account.id != whose:
            raise _no_session(wanted.id)
        return _ended(tx, call, "me.session_end", found)

    return await call.context.database.run(op)


@use("identity.sessions", right="view", open_to="domain", about=narrows)
async def everybodys(call: Call, wanted: OfAccount) -> Browsers:
    """List the signed-in browsers of the accounts you look after, at most the thousand used last."""
    at, long = now(), lasting(call)
    address = own_address(wanted.address).key if wanted.address else ""

    def op(tx: Transaction) -> Browsers:
        if address:
            account = admin.find_account(tx, address) if call.actor.governs(address) else None
            found = browser_sessions.of_account(tx, account.id, at, long) if account else []
        else:
            found = browser_sessions.newest(tx, MOST_LISTED, at, long)
        return _listed(call, [each for each in found if _may_see(tx, call, each.account)])

    return await call.context.database.scan(op)


def _may_see(tx: Transaction, call: Call, account: Account) -> bool:
    """From where a server administrator works is no business of a domain's administrator."""
    actor = call.actor
    if not actor.governs(account.address):
        return False
    return actor.role == "server" or account.id == actor.account_id or actor_of(tx, account)[0] != "server"


@use("identity.session_end", right="change", open_to="domain", about=narrows)
async def end_anybodys(call: Call, wanted: SessionId) -> Browser:
    """Sign a browser out, of any account you look after."""
    at, long = now(), lasting(call)

    def op(tx: Transaction) -> Browser:
        found = browser_sessions.by_id(tx, wanted.id, at, long)
        if found is None or not call.actor.governs(found.account.address):
            raise _no_session(wanted.id)
        if found.account.id != call.actor.account_id:
            guard(tx, call, "identity.session_end", found.account)
        return _ended(tx, call, "identity.session_end", found)

    return await call.context.database.run(op)


@use("identity.link", right="change")
async def link(call: Call, wanted: LinkFor) -> Link:
    """Make a link that signs in once as this account, within ten minutes, without password and second factor.
    Only on the machine itself, for whoever lost them."""
    if not is_local(call.actor):
        raise ManageError(
            "refused",
            "One-time links are made on the server's own machine only.",
            "Run posthouse sign-in-link there.",
        )
    secret, expires_at = secrets.token_urlsafe(32), now() + LINK_SECONDS
    path = f"{LINK_PATH}/{secret}"
    found = [place + path for place in await places(call)]

    def op(tx: Transaction) -> Link:
        account = admin.find_account(tx, wanted.address)
        if not account.active:
            raise ManageError("refused", f"{account.address} is closed.", "Open the account first.")
        browser_sessions.add_link(tx, digest(secret), account.id, expires_at)
        note(tx, call.actor, "identity.link", account.address)
        return Link(account.address, path, expires_at, found)

    return await call.context.database.run(op)


def _listed(call: Call, found: list[StoredSession]) -> Browsers:
    return Browsers([_view(call, each) for each in found])


def _view(call: Call, found: StoredSession) -> Browser:
    return Browser(
        found.id,
        found.account.address,
        found.peer,
        found.agent,
        found.how,
        found.created_at,
        found.seen_at,
        found.expires_at(lasting(call)),
        found.id == call.actor.session,
    )


def _ended(tx: Transaction, call: Call, name: str, found: StoredSession) -> Browser:
    browser_sessions.end(tx, found.id)
    note(tx, call.actor, name, found.account.address, before={"session": found.id, "peer": found.peer})
    return _view(call, found)


def _no_session(session_id: int) -> ManageError:
    return ManageError(
        "missing", f"There is no session {session_id}.", "List sessions to see those there are."
    )
