"""What a new password must be like, wherever one is set; and hashes that come from another server."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Literal

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin, app_password_records, breached, foreign_hashes, strength
from posthouse.directory.passwords import Credentials
from posthouse.directory.roles import actor_of
from posthouse.directory.scram_watch import may_announce
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.reach import guard, page_size
from posthouse.manage.use import Call, Private, named, use
from posthouse.observe.log import logger
from posthouse.settings.signin import BREACH_LIST, LEAST_PASSWORD_LENGTH, STRENGTH

log = logger("manage.passwords")

Kind = Literal["plain", "blowfish", "md5", "sha256", "phc", "scheme"]


class ForeignHash(Private, frozen=True, forbid_unknown_fields=True):
    """The hash that another server kept of an account's password. ``kind``: hMailServer's ``plain``, ``blowfish``,
    ``md5``, ``sha256`` or ``phc``; ``scheme`` for ``{SSHA}...``, ``{SHA512-CRYPT}...``, ``$6$...``; left out: seen from
    the hash where it says itself what it is."""

    address: str
    password_hash: str
    kind: Kind | None = None


class TakenOver(msgspec.Struct, frozen=True):
    """Whose hash was taken over."""

    address: str


class WithoutPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``limit`` of them after the address ``after``."""

    limit: int = 200
    after: str = ""


class WithoutKeys(msgspec.Struct, frozen=True):
    """An account that cannot use SCRAM. ``why``: ``imported`` (a hash of another server, not used yet), ``source`` (its
    password is judged outside) or ``app password`` (it has one that has not expired)."""

    address: str
    why: str


class WithoutScram(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all of them.
    ``announced``: whether SCRAM is announced all the same, or just now (see the setting signin.scram)."""

    accounts: list[WithoutKeys]
    next: str = ""
    total: int = 0
    announced: bool = True


def complaint_about(call: Call, address: str, password: str) -> str:
    """What is wrong with a password somebody chose for this address, "" when nothing is. The list of breached ones is
    asked by :func:`make_credentials`."""
    settings = call.context.settings.now
    least = settings[LEAST_PASSWORD_LENGTH]
    if len(password) < least:
        return f"the password is shorter than {least} characters"
    if password.casefold() in (address.casefold(), address.partition("@")[0].casefold()):
        return "the password is the address itself"
    if settings[STRENGTH] and strength.bits(password, address) < settings[STRENGTH]:
        return "the password is easy to guess"
    return ""


async def breach_complaint(call: Call, password: str) -> str:
    """What the list of breached passwords has against one, "" when nothing."""
    path = call.context.settings.now[BREACH_LIST]
    if not path:
        return ""
    try:
        found = await asyncio.to_thread(breached.is_breached, Path(path), password)
    except breached.NoList as problem:
        # A list that cannot be read is the administrator's to mend; people go on setting passwords.
        log.error("passwords.no_breach_list", reason=str(problem))
        return ""
    return "the password is known from a breach of another service" if found else ""


async def make_credentials(call: Call, address: str, password: str) -> Credentials:
    """What to store of a new password. Raises ManageError."""
    complaint = complaint_about(call, address, password) or await breach_complaint(call, password)
    if complaint:
        what = complaint[:1].upper() + complaint[1:]
        raise ManageError(
            "invalid", f"{what}.", "Choose another password; a few words in a row are good ones."
        )
    try:
        return await call.context.passwords.make(password)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Choose another password.") from None


@use("account.import_hash", right="change", open_to="domain", about=named("address"))
async def import_hash(call: Call, wanted: ForeignHash) -> TakenOver:
    """Take over the hash of an account's password from another server; it is replaced at the first sign-in."""
    context = call.context
    kind = wanted.kind or foreign_hashes.guess(wanted.password_hash.strip())
    try:
        foreign = foreign_hashes.parse(kind, wanted.password_hash)
    except ValueError as problem:
        raise ManageError(
            "invalid",
            f"{str(problem)[:1].upper()}{str(problem)[1:]}.",
            "Say the kind, and copy the whole hash.",
        ) from None

    def checked(tx: Transaction) -> str:
        account = admin.find_account(tx, wanted.address)
        guard(tx, call, "account.import_hash", account)
        if actor_of(tx, account)[0] != "user":
            require_fresh(call)  # who knows its password has all that the administrator may
        return account.address

    await context.database.scan(checked)  # before the costly hash
    credentials = await context.passwords.take_over(foreign)

    def op(tx: Transaction) -> TakenOver:
        address = checked(tx)
        admin.set_password(tx, address, credentials, feed=context.feed)
        note(tx, call.actor, "account.import_hash", address, after={"kind": kind})
        return TakenOver(address)

    return await context.database.run(op)


@use("account.without_scram", right="view", open_to="server")
async def without_scram(call: Call, wanted: WithoutPage) -> WithoutScram:
    """List the accounts that keep SCRAM from being announced (see ``signin.scram``)."""
    limit, settings = page_size(wanted.limit), call.context.settings.now

    def op(tx: Transaction) -> WithoutScram:
        now = time.time()
        asked = {"now": now, "after": wanted.after.lower(), "count": limit}
        found = [
            WithoutKeys(row[0], "source" if row[2] else "app password" if row[1] else "imported")
            for row in tx.execute(app_password_records.SELECT_WITHOUT_SCRAM, asked)
        ]
        total = int(tx.execute(app_password_records.COUNT_WITHOUT_SCRAM, {"now": now})[0][0])
        return WithoutScram(
            found, found[-1].address if len(found) == limit else "", total, may_announce(settings, total > 0)
        )

    return await call.context.database.scan(op)
