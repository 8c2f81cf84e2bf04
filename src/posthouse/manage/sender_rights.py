"""As whom an account may send, besides its own address and the aliases that lead to it."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, sending
from posthouse.directory.contract import Account
from posthouse.directory.errors import DirectoryError
from posthouse.directory.names import domain_name, target_address
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.reach import guard
from posthouse.manage.use import Call, named, not_allowed, use

MOST = 1000
"""Patterns of one account."""


class SendAsOf(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its address."""

    address: str


class SendAs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``pattern``: an address, ``@domain`` for every address of one, or ``*`` for any at all. What is not of domains
    here, and ``*``, only server administrators may allow."""

    address: str
    pattern: str


class SendAsList(msgspec.Struct, frozen=True):
    """The patterns of addresses that an account may send as besides its own."""

    address: str
    patterns: list[str]


@use("account.send_as", right="view", open_to="domain", about=named("address"))
async def list_all(call: Call, wanted: SendAsOf) -> SendAsList:
    """List the addresses that an account may send as, besides its own and the aliases that lead to it."""

    def op(tx: Transaction) -> SendAsList:
        return _view(tx, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


@use("account.add_send_as", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: SendAs) -> SendAsList:
    """Let an account send as another address, in the envelope and in From."""
    pattern = _pattern(wanted.pattern)

    def op(tx: Transaction) -> SendAsList:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.add_send_as", account)
        _check_reach(tx, call, pattern)
        known = sending.rights_of(tx, account.id)
        if pattern not in known:
            if len(known) >= MOST:
                raise ManageError(
                    "refused", f"{account.address} has {MOST} of them already.", "Remove some first."
                )
            sending.add_right(tx, account.id, pattern, feed=call.context.feed)
            note(tx, call.actor, "account.add_send_as", account.address, after={"pattern": pattern})
        return _view(tx, account)

    return await call.context.database.run(op)


@use("account.remove_send_as", right="change", open_to="domain", about=named("address"))
async def remove(call: Call, wanted: SendAs) -> SendAsList:
    """Take the right to send as another address back."""
    pattern = _pattern(wanted.pattern)

    def op(tx: Transaction) -> SendAsList:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.remove_send_as", account)
        if not sending.remove_right(tx, account.id, pattern, feed=call.context.feed):
            raise ManageError(
                "missing",
                f"{account.address} has no right to send as {pattern}.",
                "`account send-as list` shows what it has.",
            )
        note(tx, call.actor, "account.remove_send_as", account.address, before={"pattern": pattern})
        return _view(tx, account)

    return await call.context.database.run(op)


def _pattern(text: str) -> str:
    """A pattern in its normal form. Raises DirectoryError."""
    text = text.strip()
    if text == sending.EVERYBODY:
        return text
    if text.startswith("@"):
        return f"@{domain_name(text[1:])}"
    if "@" not in text:
        raise DirectoryError(
            f"{text[:80]!r} is no address", "write it like anna@example.org, or @example.org for all of it"
        )
    return target_address(text).key


def _check_reach(tx: Transaction, call: Call, pattern: str) -> None:
    """Administrators of domains give away what is theirs to look after, and nothing of somebody above them."""
    if call.actor.role == "server":
        return
    domain = pattern.rpartition("@")[2]
    if pattern == sending.EVERYBODY or domain not in call.actor.domains:
        raise not_allowed(call.actor, "account.add_send_as", "change")
    if not pattern.startswith("@") and admin.taken_by(tx, pattern) == "account":
        guard(tx, call, "account.add_send_as", admin.find_account(tx, pattern))


def _view(tx: Transaction, account: Account) -> SendAsList:
    return SendAsList(account.address, list(sending.rights_of(tx, account.id)))
