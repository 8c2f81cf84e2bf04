"""A person's own account: what it is, its password, its room, the programs that signed in to it."""

from __future__ import annotations

import asyncio

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, browser_sessions, devices, expiry, factors
from posthouse.directory.roles import actor_of
from posthouse.manage.audit import note
from posthouse.manage.context import Role
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import is_fresh
from posthouse.manage.me_account import account_in, own
from posthouse.manage.passwords import make_credentials
from posthouse.manage.use import Call, Nothing, Private, use


class Me(msgspec.Struct, frozen=True):
    """Who is signed in. ``second_factors`` counts authenticator programs and passkeys, ``recovery_codes`` those
    left. ``fresh``: whether changes that ask for the password go through now. ``rights`` are those of the token
    or session in use. ``password_expires_at`` in seconds since 1970, 0 = never."""

    address: str
    role: Role
    domains: list[str]
    rights: list[str]
    second_factors: int
    recovery_codes: int
    fresh: bool
    password_expires_at: float = 0.0


class OwnPassword(Private, frozen=True, forbid_unknown_fields=True):
    """The password there is, and the one there shall be."""

    current: str
    new: str


class PasswordChanged(msgspec.Struct, frozen=True):
    """How many other browsers were signed out."""

    address: str
    sessions_ended: int


class Room(msgspec.Struct, frozen=True):
    """What the account holds, in bytes; quota 0 = no limit."""

    quota: int
    used: int
    messages: int


class Device(msgspec.Struct, frozen=True):
    """A mail program that signed in: how, from where, what it said it is ("" if it did not)."""

    protocol: str
    peer: str
    client: str
    first_seen: float
    last_seen: float


class Devices(msgspec.Struct, frozen=True):
    """The latest first; those not seen for 90 days are forgotten."""

    devices: list[Device]


@use("me.show", right="view", open_to="user", about=own)
async def show(call: Call, wanted: Nothing) -> Me:
    """Show who is signed in, and how far the rights reach."""

    def op(tx: Transaction) -> Me:
        account = account_in(tx, call)
        role, _ = actor_of(tx, account)
        found = factors.of_account(tx, account.id)
        codes = sum(each.kind == "recovery" for each in found)
        return Me(
            account.address,
            role,
            sorted(call.actor.domains),
            sorted(call.actor.rights),
            len(found) - codes,
            codes,
            is_fresh(call),
            expiry.expires_at(tx, account.id, call.context.settings.now),
        )

    return await call.context.database.scan(op)


@use("me.password", right="change", open_to="user", about=own)
async def password(call: Call, wanted: OwnPassword) -> PasswordChanged:
    """Change your own password; it needs the current one, and ends all your other sessions."""
    context = call.context
    account = await context.database.scan(account_in, call)
    if wanted.new == wanted.current:
        raise ManageError("invalid", "The new password is the one you have.", "Choose another password.")
    identity = context.identity
    if identity is None:
        raise ManageError(
            "unavailable", "The server is stopped.", "Start it, or use posthouse account password."
        )
    step = await identity.verify(call.actor, wanted.current)
    await asyncio.sleep(step.delay)
    if step.kind != "done":
        if step.kind == "later":
            raise ManageError("unavailable", step.text, "Try again in some minutes.")
        raise ManageError("refused", "The current password is wrong.", "Give the password you sign in with.")
    credentials = await make_credentials(call, account.address, wanted.new)

    def op(tx: Transaction) -> PasswordChanged:
        account_in(tx, call)
        admin.set_password(tx, account.address, credentials, feed=context.feed)
        ended = browser_sessions.keep_only(tx, account.id, call.actor.session)
        note(tx, call.actor, "me.password", account.address)
        return PasswordChanged(account.address, ended)

    return await context.database.run(op)


@use("me.quota", right="view", open_to="user", about=own)
async def quota(call: Call, wanted: Nothing) -> Room:
    """Show how much your mailboxes hold, and how much they may."""

    def op(tx: Transaction) -> Room:
        account = account_in(tx, call)
        used, messages = call.context.mail.usage_of_in(tx, [account.id]).get(account.id, (0, 0))
        return Room(account.quota, used, messages)

    return await call.context.database.scan(op)


@use("me.devices", right="view", open_to="user", about=own)
async def list_devices(call: Call, wanted: Nothing) -> Devices:
    """List the mail programs that signed in to your account, and from where."""

    def op(tx: Transaction) -> Devices:
        found = devices.of_account(tx, account_in(tx, call).id)
        return Devices([Device(*_shown(each)) for each in found])

    return await call.context.database.scan(op)


def _shown(found: devices.Device) -> tuple[str, str, str, float, float]:
    return found.protocol, found.peer, found.client, found.first_seen, found.last_seen
