"""API tokens: programs sign in with them instead of a person's password."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, tokens
from posthouse.directory.browser_sessions import digest
from posthouse.directory.contract import Account
from posthouse.directory.names import domain_name
from posthouse.directory.roles import actor_of
from posthouse.directory.tokens import Token as Stored
from posthouse.manage.audit import note
from posthouse.manage.context import Right
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.identity_tokens import network, new_token
from posthouse.manage.me_account import account_in, now
from posthouse.manage.use import Call, narrows, use
from posthouse.settings.identity import TOKEN_DAYS

MOST_LISTED_PARTS = 50
LONGEST_NAME = 100
DAY = 86_400.0


class NewToken(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token for a program. ``rights`` are what it may do; ``domains`` limits an administrator's token to these
    domains; ``networks`` to callers from there (addresses, or networks like ``192.0.2.0/24``). ``days`` until it
    expires: left out = the setting ``identity.token_days``, 0 = never. ``address``: for whose account (a server
    administrator's to say); left out = your own."""

    name: str
    rights: tuple[Right, ...] = ("view",)
    domains: list[str] = []
    networks: list[str] = []
    days: int | None = None
    address: str | None = None


class TokenId(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A token by its number in the list."""

    id: int


class TokensOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one account (a server administrator's to say). Left out: your own, or on the command line all."""

    address: str | None = None


class Token(msgspec.Struct, frozen=True):
    """A token, without its secret. ``expires_at`` 0 = never, ``last_used`` 0 = not yet."""

    id: int
    address: str
    name: str
    rights: list[str]
    domains: list[str]
    networks: list[str]
    created_at: float
    expires_at: float
    last_used: float
    last_peer: str


class Tokens(msgspec.Struct, frozen=True):
    """Oldest first."""

    tokens: list[Token]


class MadeToken(msgspec.Struct, frozen=True):
    """A new token with its secret, which is shown this once."""

    token: str
    about: Token

    def __repr__(self) -> str:
        return f"MadeToken(..., {self.about!r})"


@use("token.add", right="change", open_to="user", about=narrows)
async def add(call: Call, wanted: NewToken) -> MadeToken:
    """Make an API token; its secret is shown once."""
    require_fresh(call)
    name, secret, at = _name(wanted.name), new_token(), now()
    rights = [right for right in ("view", "change", "read_mail", "send") if right in wanted.rights]
    if not rights:
        raise ManageError("invalid", "A token without rights is of no use.", "Name at least one: view.")
    networks = _networks(wanted.networks)
    domains = sorted({domain_name(each) for each in _few(wanted.domains, "domains")})
    expires_at = _expiry(call, wanted.days, at)

    def op(tx: Transaction) -> MadeToken:
        account = _whose(tx, call, "token.add", wanted.address)
        role, administered = actor_of(tx, account)
        outside = [
            each for each in domains if role == "user" or (role == "domain" and each not in administered)
        ]
        if outside:
            raise ManageError(
                "refused", f"{account.address} does not administer {outside[0]}.", "Leave that domain out."
            )
        unknown = [each for each in domains if not admin.has_domain(tx, each)]
        if unknown:
            raise ManageError(
                "missing", f"There is no domain {unknown[0]}.", "Correct the name, or add the domain first."
            )
        if len(tokens.of_account(tx, account.id)) >= tokens.MOST_TOKENS:
            raise ManageError("refused", f"{account.address} has 100 tokens.", "Remove some of them.")
        token_id = tokens.add(
            tx,
            account.id,
            digest(secret),
            name=name,
            rights=rights,
            domains=domains,
            networks=networks,
            now=at,
            expires_at=expires_at,
        )
        made = tokens.by_id(tx, token_id)
        assert made is not None
        note(tx, call.actor, "token.add", account.address, after=_facts(made))
        return MadeToken(secret, _view(made))

    return await call.context.database.run(op)


@use("token.list", right="view", open_to="user", about=narrows)
async def list_tokens(call: Call, wanted: TokensOf) -> Tokens:
    """List API tokens: your own, those of an account, or on the command line all. Never their secrets."""

    def op(tx: Transaction) -> Tokens:
        if wanted.address is None and not call.actor.account_id:
            return Tokens([_view(each) for each in tokens.oldest(tx)])
        account = _whose(tx, call, "token.list", wanted.address)
        return Tokens([_view(each) for each in tokens.of_account(tx, account.id)])

    return await call.context.database.scan(op)


@use("token.remove", right="change", open_to="user", about=narrows)
async def remove(call: Call, wanted: TokenId) -> Token:
    """Remove an API token; it is refused from then on."""

    def op(tx: Transaction) -> Token:
        found = tokens.by_id(tx, wanted.id)
        if found is None or (call.actor.role != "server" and found.account.id != call.actor.account_id):
            raise ManageError(
                "missing", f"There is no token {wanted.id}.", "List tokens to see those there are."
            )
        tokens.remove(tx, found.id)
        note(tx, call.actor, "token.remove", found.account.address, before=_facts(found))
        return _view(found)

    return await call.context.database.run(op)


def _whose(tx: Transaction, call: Call, name: str, address: str | None) -> Account:
    """The account of the address, else the caller's own. A token carries its account's rights: nobody but the
    server's administrator sees or makes one for somebody else."""
    if address is None:
        if not call.actor.account_id:
            raise ManageError("invalid", f"{name}: whose token?", "Name the account's address.")
        return account_in(tx, call)
    if call.actor.role != "server":
        mine = account_in(tx, call)
        if mine.address == address.strip().lower():
            return mine
        raise ManageError("refused", "These are not your tokens.", "Ask the server's administrator.")
    return admin.find_account(tx, address)


def _name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise ManageError(
            "invalid",
            "The name must have 1 to 100 characters, all on one line.",
            "Say what the token is for.",
        )
    return name


def _few(values: Sequence[str], what: str) -> Sequence[str]:
    if len(values) > MOST_LISTED_PARTS:
        raise ManageError("invalid", f"Too many {what}: {len(values)}.", f"Name at most {MOST_LISTED_PARTS}.")
    return values


def _networks(values: Sequence[str]) -> list[str]:
    found = []
    for each in _few(values, "networks"):
        try:
            found.append(network(each))
        except ValueError:
            raise ManageError(
                "invalid", f"{each!r} is no network.", "Write it like 192.0.2.0/24 or 2001:db8::/32."
            ) from None
    return found


def _expiry(call: Call, days: int | None, at: float) -> float:
    if days is None:
        days = call.context.settings.now[TOKEN_DAYS]
    if not 0 <= days <= 3650:
        raise ManageError("invalid", f"{days} days are not possible.", "Give 1 to 3650 days, or 0 for never.")
    return at + days * DAY if days else 0.0


def _facts(found: Stored) -> dict[str, object]:
    return {
        "id": found.id,
        "name": found.name,
        "rights": list(found.rights),
        "domains": list(found.domains),
        "networks": list(found.networks),
        "expires_at": found.expires_at,
    }


def _view(found: Stored) -> Token:
    return Token(
        found.id,
        found.account.address,
        found.name,
        list(found.rights),
        list(found.domains),
        list(found.networks),
        found.created_at,
        found.expires_at,
        found.used_at,
        found.used_peer,
    )
