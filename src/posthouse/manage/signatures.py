"""Signatures below mail: those of domains, of accounts, and one's own."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, signatures
from posthouse.directory.signatures import Method, OwnSignature, Scope
from posthouse.mail.signature_words import VARIABLES
from posthouse.manage.accounts import AccountAddress
from posthouse.manage.audit import note
from posthouse.manage.me_account import account_in, own
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, Nothing, named, use


class SignedDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A domain by name."""

    name: str


class NewDomainSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signature of a domain; without ``plain`` and ``html`` it is removed. A form that is missing is made from the
    other. ``method``: ``fallback`` for accounts that have none, ``overwrite`` in place of theirs, ``append`` below it.
    ``replies``: in replies, too; ``within``: in mail that stays in the domain, too."""

    name: str
    plain: str = ""
    html: str = ""
    active: bool = True
    method: Method = "fallback"
    replies: bool = False
    within: bool = True


class NewSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The signature of an account; without ``plain`` and ``html`` it is removed. A form that is missing is made from
    the other. ``replies``: in replies, too; ``within``: in mail that stays in the domain, too."""

    address: str
    plain: str = ""
    html: str = ""
    active: bool = True
    replies: bool = False
    within: bool = True


class NewOwnSignature(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Your signature; without ``plain`` and ``html`` it is removed. A form that is missing is made from the other.
    ``replies``: in replies, too; ``within``: in mail that stays in your domain, too."""

    plain: str = ""
    html: str = ""
    active: bool = True
    replies: bool = False
    within: bool = True


class ShownSignature(msgspec.Struct, frozen=True):
    """A signature as it is set up; without ``plain`` and ``html`` there is none. ``method`` matters for domains only.
    ``variables`` may stand in it."""

    of: str
    plain: str = ""
    html: str = ""
    active: bool = False
    method: Method = "fallback"
    replies: bool = False
    within: bool = True
    variables: tuple[str, ...] = ()


@use("domain.signature", right="view", open_to="domain", about=named("name"))
async def show_domain(call: Call, wanted: SignedDomain) -> ShownSignature:
    """Show the signature of a domain."""

    def op(tx: Transaction) -> ShownSignature:
        found = admin.find_domain(tx, wanted.name)
        return _shown(tx, found.name, "domain", found.id)

    return await call.context.database.scan(op)


@use("domain.signature_set", right="change", open_to="domain", about=named("name"))
async def put_domain(call: Call, wanted: NewDomainSignature) -> ShownSignature:
    """Set or remove the signature of a domain."""

    def op(tx: Transaction) -> ShownSignature:
        found = admin.find_domain(tx, wanted.name)
        return _put(tx, call, "domain.signature_set", found.name, "domain", found.id, wanted, wanted.method)

    return await call.context.database.run(op)


@use("account.signature", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> ShownSignature:
    """Show the signature of an account."""

    def op(tx: Transaction) -> ShownSignature:
        account = admin.find_account(tx, wanted.address)
        return _shown(tx, account.address, "account", account.id)

    return await call.context.database.scan(op)


@use("account.signature_set", right="change", open_to="domain", about=named("address"))
async def put(call: Call, wanted: NewSignature) -> ShownSignature:
    """Set or remove the signature of an account."""

    def op(tx: Transaction) -> ShownSignature:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.signature_set", account)
        return _put(tx, call, "account.signature_set", account.address, "account", account.id, wanted)

    return await call.context.database.run(op)


@use("me.signature", right="view", open_to="user", about=own)
async def show_own(call: Call, wanted: Nothing) -> ShownSignature:
    """Show your signature."""

    def op(tx: Transaction) -> ShownSignature:
        account = account_in(tx, call)
        return _shown(tx, account.address, "account", account.id)

    return await call.context.database.scan(op)


@use("me.signature_set", right="change", open_to="user", about=own)
async def put_own(call: Call, wanted: NewOwnSignature) -> ShownSignature:
    """Set or remove your signature."""

    def op(tx: Transaction) -> ShownSignature:
        account = account_in(tx, call)
        return _put(tx, call, "me.signature_set", account.address, "account", account.id, wanted)

    return await call.context.database.run(op)


def _put(
    tx: Transaction,
    call: Call,
    name: str,
    of: str,
    scope: Scope,
    of_id: int,
    wanted: NewDomainSignature | NewSignature | NewOwnSignature,
    method: Method = "fallback",
) -> ShownSignature:
    before = signatures.find(tx, scope, of_id)
    made = OwnSignature(wanted.plain, wanted.html, wanted.active, method, wanted.replies, wanted.within)
    signatures.put(tx, scope, of_id, made, feed=call.context.feed)
    note(tx, call.actor, name, of, before=_told(before), after=_told(made))
    return _shown(tx, of, scope, of_id)


def _told(found: OwnSignature | None) -> dict[str, object] | None:
    """For the audit: what it says is cut, it may be long."""
    if found is None or not (found.plain.strip() or found.html.strip()):
        return None
    return {
        "plain": found.plain[:500],
        "html": found.html[:500],
        "active": found.active,
        "method": found.method,
        "replies": found.replies,
        "within": found.within,
    }


def _shown(tx: Transaction, of: str, scope: Scope, of_id: int) -> ShownSignature:
    found = signatures.find(tx, scope, of_id)
    if found is None:
        return ShownSignature(of, variables=VARIABLES)
    return ShownSignature(
        of,
        found.plain,
        found.html,
        found.active,
        found.method,
        found.replies,
        found.within,
        VARIABLES,
    )
