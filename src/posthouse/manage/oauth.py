"""Programs that sign in by a page in the browser: what may be seen and taken back of them."""

from __future__ import annotations

import time

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, oauth
from posthouse.directory import records as directory_records
from posthouse.directory.contract import Account
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.me_account import account_in
from posthouse.manage.oauth_outside import Away, Outside, Refused
from posthouse.manage.oauth_rules import MOST_URIS, issuer, serving, uri_trouble
from posthouse.manage.oauth_server import LONGEST_NAME, new_client_id
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, Nothing, narrows, use
from posthouse.settings import oauth as settings_oauth


class OAuthState(msgspec.Struct, frozen=True):
    """``issuer`` is the address of this server's own authorisation server, "" while it gives out no tokens.
    ``provider`` is the outside one, "" for none; ``trouble``: why it cannot be asked now."""

    issuer: str
    registration: bool
    provider: str
    trouble: str


class OAuthClient(msgspec.Struct, frozen=True):
    """A program. ``by_hand``: an administrator entered it, else it made itself known from ``peer``. ``grants``: how
    many times people let it in."""

    id: int
    client_id: str
    name: str
    redirect_uris: list[str]
    by_hand: bool
    peer: str
    created_at: float
    grants: int


class OAuthClients(msgspec.Struct, frozen=True):
    """Oldest first."""

    clients: list[OAuthClient]


class NewOAuthClient(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program, and the addresses to which the browser may take its answers: https, or http on the person's own
    machine (whatever the port), or a scheme of its own such as ``org.example.mail:/back``. None for a program that only
    shows a code."""

    name: str
    redirect_uris: list[str] = []


class OAuthClientId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A program by its number in the list."""

    id: int


class OAuthGrant(msgspec.Struct, frozen=True):
    """A program that somebody let in. ``scopes``: ``imap``, ``pop``, ``smtp``. ``last_used`` 0 = not yet."""

    id: int
    address: str
    program: str
    scopes: list[str]
    created_at: float
    last_used: float
    last_peer: str


class OAuthGrants(msgspec.Struct, frozen=True):
    """Oldest first."""

    grants: list[OAuthGrant]


class OAuthGrantsOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of which account; left out: your own."""

    address: str | None = None


class OAuthGrantId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody agreed to, by its number in the list."""

    id: int


@use("oauth.show", right="view")
async def show(call: Call, wanted: Nothing) -> OAuthState:
    """Tell whether tokens sign in to mail, and whether the outside provider can be asked."""
    now, trouble = call.context.settings.now, ""
    if now[settings_oauth.PROVIDER]:
        outside = Outside(call.context.settings)
        if not outside.ready():
            trouble = "the setting oauth.provider_audience (or the client id to ask with) is missing"
        else:
            try:
                await outside.look()
            except (Away, Refused) as problem:
                trouble = str(problem)
    return OAuthState(
        issuer(call.context) if serving(call.context) else "",
        bool(now[settings_oauth.REGISTRATION]),
        now[settings_oauth.PROVIDER],
        trouble,
    )


@use("oauth.client_list", right="view")
async def client_list(call: Call, wanted: Nothing) -> OAuthClients:
    """List the programs that may ask people to let them in."""
    found = await call.context.database.scan(oauth.clients)
    return OAuthClients([_client(each) for each in found])


@use("oauth.client_add", right="change")
async def client_add(call: Call, wanted: NewOAuthClient) -> OAuthClient:
    """Enter a program; its client id is what has to be set in it."""
    name, uris = wanted.name.strip(), tuple(dict.fromkeys(each.strip() for each in wanted.redirect_uris))
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ManageError(
            "invalid", "The name must have 1 to 100 characters, all on one line.", "Name the program."
        )
    if len(uris) > MOST_URIS:
        raise ManageError("invalid", f"A program has at most {MOST_URIS} addresses.", "Give fewer.")
    for each in uris:
        if trouble := uri_trouble(each):
            raise ManageError("invalid", f"{each[:80]!r} cannot be used: {trouble}.", "Give another address.")
    at = time.time()

    def op(tx: Transaction) -> oauth.Client:
        if oauth.count_clients(tx, "", at)[0] >= oauth.MOST_CLIENTS:
            raise ManageError("refused", "There are too many programs.", "Remove some of them.")
        made = oauth.add_client(tx, new_client_id(), name, uris, by_hand=True, peer="", now=at)
        after = {"client": made.client_id, "redirect_uris": list(uris)}
        note(tx, call.actor, "oauth.client_add", name, after=after)
        return made

    return _client(await call.context.database.run(op))


@use("oauth.client_remove", right="change")
async def client_remove(call: Call, wanted: OAuthClientId) -> OAuthClient:
    """Remove a program, and everything people let it do, at once on all workers."""

    def op(tx: Transaction) -> oauth.Client:
        found = oauth.client_by_id(tx, wanted.id)
        if found is None:
            raise ManageError(
                "missing", f"There is no program {wanted.id}.", "List them to see those there are."
            )
        oauth.remove_client(tx, found.id)
        note(tx, call.actor, "oauth.client_remove", found.name, before={"client": found.client_id})
        return found

    return _client(await call.context.database.run(op))


@use("oauth.grant_list", right="view", open_to="user", about=narrows)
async def grant_list(call: Call, wanted: OAuthGrantsOf) -> OAuthGrants:
    """List the programs that you let in, or that the owner of an account did."""

    def op(tx: Transaction) -> OAuthGrants:
        account = _whose(tx, call, "oauth.grant_list", wanted.address)
        return OAuthGrants([_grant(each, account) for each in oauth.grants_of(tx, account.id)])

    return await call.context.database.scan(op)


@use("oauth.grant_remove", right="change", open_to="user", about=narrows)
async def grant_remove(call: Call, wanted: OAuthGrantId) -> OAuthGrant:
    """Shut out a program that was let in; all its tokens are refused from then on, by all workers."""

    def op(tx: Transaction) -> OAuthGrant:
        found = oauth.grant(tx, wanted.id)
        account = _reached(tx, call, found.account_id) if found is not None else None
        if found is None or account is None:
            raise ManageError(
                "missing", f"Nobody let in a program {wanted.id}.", "List them to see those there are."
            )
        oauth.revoke(tx, found.id)
        before = {"program": found.client_name, "scopes": " ".join(found.scopes)}
        note(tx, call.actor, "oauth.grant_remove", account.address, before=before)
        return _grant(found, account)

    return await call.context.database.run(op)


def _whose(tx: Transaction, call: Call, name: str, address: str | None) -> Account:
    """The account of the address, else the caller's own."""
    if address is None:
        if not call.actor.account_id:
            raise ManageError("invalid", f"{name}: whose programs?", "Name the account's address.")
        return account_in(tx, call)
    if call.actor.account_id:
        mine = account_in(tx, call)
        if mine.address == address.strip().lower():
            return mine
    if call.actor.role == "user":
        raise ManageError("refused", "These are not your programs.", "Ask your administrator.")
    account = admin.find_account(tx, address)
    guard(tx, call, name, account)
    return account


def _reached(tx: Transaction, call: Call, account_id: int) -> Account | None:
    """The account that let a program in, if the caller may touch it; others learn nothing of it."""
    rows = tx.execute(directory_records.SELECT_ACCOUNT_BY_ID, {"of_id": account_id})
    try:
        return _whose(tx, call, "oauth.grant_remove", rows[0][2]) if rows else None
    except ManageError:
        return None


def _client(found: oauth.Client) -> OAuthClient:
    return OAuthClient(
        found.id,
        found.client_id,
        found.name,
        list(found.redirect_uris),
        found.by_hand,
        found.peer,
        found.created_at,
        found.grants,
    )


def _grant(found: oauth.Grant, account: Account) -> OAuthGrant:
    return OAuthGrant(
        found.id,
        account.address,
        found.client_name,
        list(found.scopes),
        found.created_at,
        found.used_at,
        found.used_peer,
    )
