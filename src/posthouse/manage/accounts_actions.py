"""What is done to an account as a whole: all its mail thrown away, everybody signed out."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import browser_sessions
from posthouse.directory import contract as directory
from posthouse.manage.accounts import AccountAddress, found
from posthouse.manage.audit import note
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.sessions import Choice
from posthouse.manage.use import Call, Progress, named, use

_UNIT = 500
"""Messages removed per unit: short enough to let mail through between them."""


class Emptied(msgspec.Struct, frozen=True):
    """How many messages went."""

    address: str
    messages: int


class SignedOut(msgspec.Struct, frozen=True):
    """How many browsers were signed out, and how many connections of mail programs ended."""

    address: str
    browsers: int
    connections: int


@use("account.empty", right="change", open_to="domain", about=named("address"), conditional=True)
async def empty(call: Call, wanted: AccountAddress) -> Emptied:
    """Remove all messages of an account; its folders stay. Where removed mail is kept for a while, its owner can have
    it back. Asks for a fresh proof of the person."""
    require_fresh(call)
    store = call.context.store

    def begin(tx: Transaction) -> directory.Account:
        account = found(tx, call, "account.empty", wanted.address)
        held = call.context.mail.usage_of_in(tx, [account.id]).get(account.id, (0, 0))
        note(tx, call.actor, "account.empty", account.address, before={"used": held[0], "messages": held[1]})
        return account

    account = await call.context.database.run(begin)
    removed = 0
    for mailbox in await store.mailboxes(account.id):
        if mailbox.account_id != account.id:
            continue  # of somebody else, who shares it
        view = await store.examine(mailbox.id)
        uids = list(view.uids)
        view.close()
        for start in range(0, len(uids), _UNIT):
            removed += len(await store.expunge_any(mailbox.id, uids[start : start + _UNIT]))
            await call.emit(Progress(text="Removing messages", done=removed))
    return Emptied(account.address, removed)


@use("account.sign_out", right="change", open_to="domain", about=named("address"))
async def sign_out(call: Call, wanted: AccountAddress) -> SignedOut:
    """Sign an account out everywhere: its browsers, and the connections of its mail programs (a locked POP3 mailbox is
    free again). With the password they may come again."""

    def op(tx: Transaction) -> tuple[directory.Account, int]:
        account = found(tx, call, "account.sign_out", wanted.address)
        keep = call.actor.session if account.id == call.actor.account_id else 0
        ended = browser_sessions.end_others(tx, account.id, keep)
        note(tx, call.actor, "account.sign_out", account.address, before={"browsers": ended})
        return account, ended

    account, browsers = await call.context.database.run(op)
    connections = 0
    if call.context.sessions is not None:
        reach = None if call.actor.role == "server" else [account.address]
        choice = Choice(account=account.address, reach=reach)
        connections = len(await call.context.sessions.dismiss(choice, "The administrator signed you out"))
    return SignedOut(account.address, browsers, connections)
