"""The demo: one domain and one account to play with."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.admin import NewAccount
from posthouse.directory.errors import DirectoryError
from posthouse.manage.accounts import add_in
from posthouse.manage.audit import note
from posthouse.manage.passwords import make_credentials
from posthouse.manage.use import Call, Private, use


class PrepareDemo(Private, frozen=True, forbid_unknown_fields=True):
    """``password`` is what the account gets if it is made now."""

    domain: str
    address: str
    password: str


class DemoPrepared(msgspec.Struct, frozen=True):
    """``made``: whether the account was made now, with the password given."""

    address: str
    made: bool


@use("demo.prepare", right="change")
async def prepare(call: Call, wanted: PrepareDemo) -> DemoPrepared:
    """Make the demo domain and account unless the account is there already."""
    database = call.context.database
    if await database.read(_exists, wanted.address):
        return DemoPrepared(wanted.address, False)
    credentials = await make_credentials(call, wanted.address, wanted.password)
    feed = call.context.feed

    def op(tx: Transaction) -> DemoPrepared:
        if all(domain.name != wanted.domain for domain in admin.list_domains(tx)):
            admin.add_domain(tx, wanted.domain, feed=feed)
            note(tx, call.actor, "demo.prepare", wanted.domain, after={"name": wanted.domain})
        account = add_in(tx, call, "demo.prepare", NewAccount(wanted.address, credentials))
        return DemoPrepared(account.address, True)

    return await database.run(op)


def _exists(tx: Transaction, address: str) -> bool:
    try:
        admin.find_account(tx, address)
    except DirectoryError:
        return False
    return True
