"""The account with the authority: show it, agree to the terms, give it a new key, close it."""

from __future__ import annotations

import asyncio

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory.names import target_address
from posthouse.directory.stored import put_setting
from posthouse.manage import certificate_records as records
from posthouse.manage.audit import note
from posthouse.manage.certificate_account import change_key, contacts, customer, stranger
from posthouse.manage.certificate_rows import account
from posthouse.manage.certificate_words import mend_for, sentence
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Nothing, use
from posthouse.net.acme.errors import AcmeError
from posthouse.settings import certificates as settings

LOOK_SECONDS = 5.0
"""How long the authority is asked before its account is shown without what it says."""


class Agree(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``agreed``: you have read the authority's terms of service and agree to them. ``contact``: mail addresses the
    authority may write to, separated by commas; without it they stay as they are."""

    agreed: bool
    contact: str | None = None


class AuthorityAccount(msgspec.Struct, frozen=True, kw_only=True):
    """``terms`` is where the terms of service stand ("" when the authority cannot be asked now, see ``complaint``).
    ``account`` is the account's URL, "" before the first order. ``tells_renewal``: the authority says when to
    renew. ``needs_binding``: it takes orders from registered customers only (External Account Binding)."""

    directory: str
    terms: str
    agreed: bool
    contact: list[str]
    account: str
    made_at: float
    tells_renewal: bool = False
    needs_binding: bool = False
    complaint: str = ""


@use("certificate.account", right="view")
async def show(call: Call, wanted: Nothing) -> AuthorityAccount:
    """Show the account with the authority, and where its terms of service stand."""
    return await _view(call)


@use("certificate.agree", right="change")
async def agree(call: Call, wanted: Agree) -> AuthorityAccount:
    """Agree to the authority's terms of service (or take that back), and say where it may write to."""
    context = call.context
    for each in (wanted.contact or "").split(","):
        if each.strip():
            target_address(each.strip())

    def op(tx: Transaction) -> None:
        before = {"agreed": context.settings.now[settings.TERMS_AGREED]}
        put_setting(tx, settings.TERMS_AGREED.name, wanted.agreed, feed=context.feed)
        after: dict[str, object] = {"agreed": wanted.agreed}
        if wanted.contact is not None:
            put_setting(tx, settings.CONTACT.name, wanted.contact.strip(), feed=context.feed)
            after["contact"] = wanted.contact.strip()
        note(
            tx,
            call.actor,
            "certificate.agree",
            context.settings.now[settings.DIRECTORY],
            before=before,
            after=after,
        )

    await context.database.run(op)
    shown = await _view(call)
    named = contacts(context.settings.now) if wanted.contact is None else wanted.contact.split(",")
    contact = [each.strip() for each in named if each.strip()]
    return msgspec.structs.replace(shown, agreed=wanted.agreed, contact=contact)


@use("certificate.account_key", right="change")
async def new_key(call: Call, wanted: Nothing) -> AuthorityAccount:
    """Give the account with the authority a new key. The certificates stay as they are."""
    try:
        await change_key(call.context.database, call.context.settings.now)
    except AcmeError as error:
        raise _refused("the account has no new key", error) from None
    await _note(call, "certificate.account_key")
    return await _view(call)


@use("certificate.account_close", right="change")
async def close(call: Call, wanted: Nothing) -> AuthorityAccount:
    """Close the account with the authority for good. Certificates stay valid; the next order makes a new account."""
    context = call.context
    directory = context.settings.now[settings.DIRECTORY]
    kept = await context.database.read(account, directory)
    if kept is None or not kept.url:
        raise ManageError("missing", f"There is no account with {directory}.", "The first order makes one.")
    try:
        async with customer(context.database, context.settings.now) as client:
            await client.close_account()
    except AcmeError as error:
        if error.kind not in ("accountDoesNotExist", "unauthorized", "account"):
            raise _refused("the account was not closed", error) from None
    await context.database.run(lambda tx: tx.change(records.DELETE_ACCOUNT, {"of_directory": directory}))
    await _note(call, "certificate.account_close")
    return await _view(call)


async def _note(call: Call, name: str) -> None:
    directory = call.context.settings.now[settings.DIRECTORY]
    await call.context.database.run(lambda tx: note(tx, call.actor, name, directory))


async def _view(call: Call) -> AuthorityAccount:
    now = call.context.settings.now
    directory = now[settings.DIRECTORY]
    kept = await call.context.database.read(account, directory)
    terms, complaint, tells, binding = "", "", False, False
    try:
        async with asyncio.timeout(LOOK_SECONDS), stranger(now) as client:
            terms, tells, binding = client.terms, client.tells_renewal, client.wants_binding
    except TimeoutError:
        complaint = f"It did not answer within {LOOK_SECONDS:.0f} seconds."
    except AcmeError as error:
        complaint = sentence(error.text)
    return AuthorityAccount(
        directory=directory,
        terms=terms,
        agreed=now[settings.TERMS_AGREED],
        contact=contacts(now),
        account=kept.url if kept is not None else "",
        made_at=kept.made_at if kept is not None and kept.url else 0.0,
        tells_renewal=tells,
        needs_binding=binding,
        complaint=complaint,
    )


def _refused(what: str, error: AcmeError) -> ManageError:
    return ManageError("refused", sentence(f"{what}: {error.text}"), mend_for(error.kind))
