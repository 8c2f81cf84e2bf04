"""Accounts: add, list, remove, password, quota, import."""

from __future__ import annotations

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import admin
from posthouse.directory.admin import NewAccount
from posthouse.directory.passwords import Credentials
from posthouse.manage.accounts_csv import Line, parse_quota, read_accounts
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.use import Call, Private, Progress, named, narrows, use

IMPORT_UNIT = 50
"""Accounts added per unit of an import: short enough to let mail through between units."""


class AddAccount(Private, frozen=True, forbid_unknown_fields=True):
    """A new account; ``quota`` is a size such as ``2G``, or none."""

    address: str
    password: str
    quota: str = "none"


class AccountAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account by its address."""

    address: str


class NewPassword(Private, frozen=True, forbid_unknown_fields=True):
    """The password an account gets."""

    address: str
    password: str


class NewQuota(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The quota an account gets, a size such as ``2G``, or ``none``."""

    address: str
    quota: str


class OfDomain(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all."""

    domain: str | None = None


class Import(Private, frozen=True, forbid_unknown_fields=True):
    """``text`` is the content of the CSV file."""

    text: str


class Account(msgspec.Struct, frozen=True):
    """An account. ``quota`` and ``used`` in bytes, quota 0 = none."""

    address: str
    quota: int = 0
    used: int = 0
    messages: int = 0
    active: bool = True


class Accounts(msgspec.Struct, frozen=True):
    """By address."""

    accounts: list[Account]


class Imported(msgspec.Struct, frozen=True):
    """The addresses that were added."""

    added: list[str]


@use("account.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: AddAccount) -> Account:
    """Add an account with its mailboxes."""
    quota = _quota(wanted.quota)
    credentials = await make_credentials(call, wanted.password)

    def op(tx: Transaction) -> Account:
        return add_in(tx, call, "account.add", NewAccount(wanted.address, credentials, quota))

    return await call.context.database.run(op)


def add_in(tx: Transaction, call: Call, name: str, new: NewAccount) -> Account:
    """One account with its mailboxes and audit line, in the caller's unit."""
    context = call.context
    account = admin.add_account(tx, new.address, new.credentials, new.quota, feed=context.feed)
    context.mail.provision_in(tx, account.id)
    note(tx, call.actor, name, account.address, after={"quota": account.quota})
    return Account(account.address, account.quota)


def _quota(text: str) -> int:
    try:
        return parse_quota(text)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Give a size such as 2G, or none.") from None


async def make_credentials(call: Call, password: str) -> Credentials:
    try:
        return await call.context.passwords.make(password)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Choose another password.") from None


@use("account.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: OfDomain) -> Accounts:
    """List the accounts, of one domain or of all, with what they hold."""
    mail = call.context.mail

    def op(tx: Transaction) -> Accounts:
        accounts = admin.list_accounts(tx, wanted.domain)
        usage = mail.usage_in(tx)
        views = []
        for row in accounts:
            used, messages = usage.get(row.id, (0, 0))
            views.append(Account(row.address, row.quota, used, messages, row.active))
        return Accounts(views)

    return await call.context.database.scan(op)


@use("account.remove", right="change", open_to="domain", about=named("address"))
async def remove(call: Call, wanted: AccountAddress) -> Account:
    """Remove an account and all its mail, for good."""
    context = call.context

    def op(tx: Transaction) -> tuple[int, Account]:
        account = admin.remove_account(tx, wanted.address, feed=context.feed)
        used, messages = context.mail.usage_in(tx).get(account.id, (0, 0))
        note(
            tx,
            call.actor,
            "account.remove",
            account.address,
            before={"quota": account.quota, "used": used, "messages": messages},
        )
        return account.id, Account(account.address, account.quota, used, messages)

    account_id, removed = await context.database.run(op)
    # From here on nobody can reach the mail; what a crash leaves behind, the store's cleaning job removes.
    await context.mail.remove_account(account_id)
    return removed


@use("account.password", right="change", open_to="domain", about=named("address"))
async def password(call: Call, wanted: NewPassword) -> Account:
    """Set an account's password; remembered sign-ins with the old one end within a second."""
    feed = call.context.feed
    credentials = await make_credentials(call, wanted.password)

    def op(tx: Transaction) -> Account:
        account = admin.set_password(tx, wanted.address, credentials, feed=feed)
        note(tx, call.actor, "account.password", account.address)
        return Account(account.address, account.quota)

    return await call.context.database.run(op)


@use("account.quota", right="change", open_to="domain", about=named("address"))
async def quota(call: Call, wanted: NewQuota) -> Account:
    """Set the most an account may hold. Mail over a lowered quota is kept; new mail is refused."""
    context = call.context
    limit = _quota(wanted.quota)

    def op(tx: Transaction) -> Account:
        before = admin.find_account(tx, wanted.address)
        account = admin.set_quota(tx, wanted.address, limit, feed=context.feed)
        note(
            tx,
            call.actor,
            "account.quota",
            account.address,
            before={"quota": before.quota},
            after={"quota": limit},
        )
        used, messages = context.mail.usage_in(tx).get(account.id, (0, 0))
        return Account(account.address, limit, used, messages)

    return await context.database.run(op)


@use("account.import", right="change")
async def import_(call: Call, wanted: Import) -> Imported:
    """Add all accounts of a CSV file. Everything is checked first: with any problem nothing is added."""
    lines, problems = read_accounts(wanted.text)
    problems += await call.context.database.scan(_conflicts, lines)
    if problems:
        problems.sort(key=_line_number)
        raise ManageError(
            "invalid",
            f"{len(problems)} problems in the file; no account was added.",
            "Correct these lines and import the file again.",
            tuple(problems),
        )
    added: list[str] = []
    for start in range(0, len(lines), IMPORT_UNIT):
        some = lines[start : start + IMPORT_UNIT]
        new = []
        for line in some:
            new.append(NewAccount(line.address, await make_credentials(call, line.password), line.quota))
            await call.emit(Progress(text="Adding accounts", done=start + len(new), total=len(lines)))
        added += await _import_unit(call, new, added)
    return Imported(added)


async def _import_unit(call: Call, new: list[NewAccount], before: list[str]) -> list[str]:
    def op(tx: Transaction) -> list[str]:
        return [add_in(tx, call, "account.import", account).address for account in new]

    try:
        return await call.context.database.run(op)
    except Exception as error:
        if not before:
            raise
        # Somebody changed the directory meanwhile, or the database failed: say exactly how far we came.
        raise ManageError(
            "failed",
            f"The import stopped after {len(before)} accounts, before {new[0].address}: {error}",
            f"Remove the lines up to {before[-1]} from the file and import the rest.",
            tuple(f"added {address}" for address in before),
        ) from error


def _conflicts(tx: Transaction, lines: list[Line]) -> list[str]:
    """What the directory has against these accounts."""
    domains = {domain.name for domain in admin.list_domains(tx)}
    accounts = {account.address for account in admin.list_accounts(tx)}
    aliases = {alias.address for alias in admin.list_aliases(tx)}
    problems = []
    for line in lines:
        if line.domain not in domains:
            problems.append(f"line {line.number}: {line.domain} is not a domain of ours")
        elif line.address in accounts:
            problems.append(f"line {line.number}: {line.address} is an account already")
        elif line.address in aliases:
            problems.append(f"line {line.number}: {line.address} is an alias already")
    return problems


def _line_number(problem: str) -> int:
    return int(problem.removeprefix("line ").partition(":")[0])
