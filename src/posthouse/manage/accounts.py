"""Accounts: add, list, show, remove, password, quota, import. Their roles are in ``roles``."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

import msgspec

from posthouse.database.contract import Transaction
from posthouse.directory import addresses, admin, details, listing, naming
from posthouse.directory import contract as directory
from posthouse.directory.admin import NewAccount
from posthouse.directory.details import NOTHING
from posthouse.directory.passwords import Credentials
from posthouse.directory.removed import begin_purge, put_away
from posthouse.directory.roles import actor_of, administered_by, roles_of
from posthouse.manage.accounts_csv import MAX_PROBLEMS, Line, parse_quota, read_accounts
from posthouse.manage.accounts_defaults import completed, quota_for
from posthouse.manage.audit import note
from posthouse.manage.context import Actor, Context, Role
from posthouse.manage.errors import ManageError
from posthouse.manage.identity_fresh import require_fresh
from posthouse.manage.passwords import breach_complaint, complaint_about, make_credentials
from posthouse.manage.probation import absorb
from posthouse.manage.reach import guard, guard_detail, keep_a_server, page_size, within
from posthouse.manage.removed_purge import purge_account
from posthouse.manage.use import Call, Private, Progress, named, narrows, use
from posthouse.observe import steps
from posthouse.settings.accounts import SIGN_IN_BY_FURTHER
from posthouse.settings.keeping import REMOVED_DAYS

IMPORT_UNIT = 50
"""Accounts added per unit of an import: short enough to let mail through between units."""
CHECK_UNIT = 500
"""Lines checked in one read of the database."""
HASHES = 2
"""Passwords of an import that are hashed at once: those who sign in meanwhile wait for no more."""


class AddAccount(Private, frozen=True, forbid_unknown_fields=True):
    """A new account; ``quota`` is a size such as ``2G``, or ``none``. What is left out is as the domain says for new
    accounts, else as the settings accounts.* do. The rest as for account.change."""

    address: str
    password: str
    quota: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    language: str | None = None
    time_zone: str | None = None
    note: str | None = None
    max_message: str | None = None
    protocols: list[str] | None = None
    networks: list[str] | None = None


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


class RemoveAccount(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account to remove; ``force`` even the last server administrator, on the machine itself; ``purge`` for good at
    once, so that nothing brings it back."""

    address: str
    force: bool = False
    purge: bool = False


class AccountPage(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one domain, or of all; with ``search`` in the address; ``limit`` of them after the address ``after``."""

    domain: str | None = None
    search: str = ""
    limit: int = 200
    after: str = ""


class Import(Private, frozen=True, forbid_unknown_fields=True):
    """``text`` is the content of the CSV file. ``skip`` passes over the lines of accounts that are there already, so
    that an import which was cut off goes on where it stopped."""

    text: str
    skip: bool = False


class Account(msgspec.Struct, frozen=True):
    """An account. ``quota``, ``used`` and ``max_message`` (the largest message it takes) in bytes, 0 = no limit.
    ``domains`` are those that a domain administrator looks after. ``probation`` is the id of a change that must be
    confirmed, 0 for none. ``protocols`` and ``networks`` are what it may be signed in to by and from, none named for
    all. ``last_signin`` in seconds since 1970, to the hour, 0 = never. ``addresses`` are its further ones."""

    address: str
    quota: int = 0
    used: int = 0
    messages: int = 0
    active: bool = True
    role: Role = "user"
    domains: list[str] = []
    probation: int = 0
    first_name: str = ""
    last_name: str = ""
    display_name: str = ""
    language: str = ""
    time_zone: str = ""
    note: str = ""
    max_message: int = 0
    protocols: list[str] = []
    networks: list[str] = []
    last_signin: float = 0.0
    addresses: list[str] = []


class Accounts(msgspec.Struct, frozen=True):
    """By address. ``next`` is the ``after`` of the page that follows, "" on the last; ``total`` counts all."""

    accounts: list[Account]
    next: str = ""
    total: int = 0


class Imported(msgspec.Struct, frozen=True):
    """The addresses that were added, and how many lines were passed over."""

    added: list[str]
    skipped: int = 0


@use("account.add", right="change", open_to="domain", about=named("address"))
async def add(call: Call, wanted: AddAccount) -> Account:
    """Add an account with its mailboxes."""
    quota = None if wanted.quota is None else _quota(wanted.quota)
    given = details.Change(
        wanted.first_name,
        wanted.last_name,
        wanted.display_name,
        wanted.language,
        wanted.time_zone,
        wanted.note,
        None if wanted.max_message is None else _quota(wanted.max_message),
        wanted.protocols,
        wanted.networks,
    )
    details.clean(given)  # before the costly hash
    credentials = await make_credentials(call, wanted.address, wanted.password)

    def op(tx: Transaction) -> Account:
        return add_in(tx, call, "account.add", NewAccount(wanted.address, credentials, quota), given)

    return await call.context.database.run(op)


def add_in(
    tx: Transaction,
    call: Call,
    name: str,
    new: NewAccount,
    given: details.Change = NOTHING,
) -> Account:
    """One account with its mailboxes and audit line, in the caller's unit; what is not ``given`` is as for new ones."""
    context = call.context
    guard_detail(tx, call, name, new.address)
    limit = quota_for(tx, call, new.address) if new.quota is None else new.quota
    account = admin.add_account(tx, new.address, new.credentials, limit, feed=context.feed)
    details.change(tx, account.id, completed(tx, call, account.id, given), feed=context.feed)
    context.mail.provision_in(tx, account.id)
    note(tx, call.actor, name, account.address, after={"quota": account.quota})
    return view(tx, context, account)


def _quota(text: str) -> int:
    try:
        return parse_quota(text)
    except ValueError as error:
        raise ManageError("invalid", f"{error}.", "Write it like 2G or 500M, or none.") from None


@use("account.list", right="view", open_to="domain", about=narrows)
async def list_all(call: Call, wanted: AccountPage) -> Accounts:
    """List the accounts, of one domain or of all, with what they hold."""
    mail = call.context.mail
    domains = within(call, "account.list", wanted.domain)
    limit = page_size(wanted.limit)

    def op(tx: Transaction) -> Accounts:
        if wanted.domain is not None:
            admin.find_domain(tx, wanted.domain)
        page = listing.page_accounts(tx, domains, wanted.search, wanted.after, limit)
        ids = [row.id for row in page.rows]
        usage, roles, administered = mail.usage_of_in(tx, ids), roles_of(tx, ids), administered_by(tx, ids)
        people = details.of(tx, ids)
        views = []
        for row in page.rows:
            used, messages = usage.get(row.id, (0, 0))
            role = roles.get(row.id, "user")
            looked_after = administered.get(row.id, [])
            plain = Account(row.address, row.quota, used, messages, row.active, role, looked_after)
            views.append(_with_person(plain, people[row.id]))
        return Accounts(views, views[-1].address if len(views) == limit else "", page.total)

    return await call.context.database.scan(op)


@use("account.show", right="view", open_to="domain", about=named("address"))
async def show(call: Call, wanted: AccountAddress) -> Account:
    """Show one account: its quota and what it holds, whether it is active, its role."""

    def op(tx: Transaction) -> Account:
        return view(tx, call.context, admin.find_account(tx, wanted.address))

    return await call.context.database.scan(op)


def view(tx: Transaction, context: Context, account: directory.Account, probation: int = 0) -> Account:
    """An account as it is shown."""
    used, messages = context.mail.usage_of_in(tx, [account.id]).get(account.id, (0, 0))
    role, domains = actor_of(tx, account)
    plain = Account(
        account.address, account.quota, used, messages, account.active, role, sorted(domains), probation
    )
    return _with_person(plain, details.of(tx, [account.id])[account.id])


def _with_person(plain: Account, person: details.Person) -> Account:
    known = person.details
    return msgspec.structs.replace(
        plain,
        first_name=known.first_name,
        last_name=known.last_name,
        display_name=known.display_name,
        language=known.language,
        time_zone=known.time_zone,
        note=known.note,
        max_message=known.max_message,
        protocols=known.protocols.split(",") if known.protocols else [],
        networks=known.networks.split(",") if known.networks else [],
        last_signin=person.last_signin,
        addresses=list(person.addresses),
    )


def found(tx: Transaction, call: Call, name: str, address: str) -> directory.Account:
    """The account that a change is about: of a reach that the actor has, and as the caller saw it last."""
    account = admin.find_account(tx, address)
    guard(tx, call, name, account)
    call.check(view(tx, call.context, account))
    return account


@use("account.remove", right="change", open_to="domain", about=named("address"), conditional=True)
async def remove(call: Call, wanted: RemoveAccount) -> Account:
    """Remove an account and all its mail. It can be restored for some days, unless it is removed for good at once."""
    context = call.context
    days = 0 if wanted.purge else context.settings.now[REMOVED_DAYS]

    def op(tx: Transaction) -> tuple[int, Account]:
        account = found(tx, call, "account.remove", wanted.address)
        if account.address == call.actor.account:
            raise ManageError(
                "refused", "You cannot remove your own account.", "Ask another administrator to do it."
            )
        keep_a_server(tx, call, account, "removed", wanted.force)
        gone = view(tx, context, account)
        put_away(tx, account, call.actor.name, time.time(), feed=context.feed)
        if not days:
            begin_purge(tx, account.id)
        for subject in ("role", "active"):
            absorb(tx, f"{subject} {account.address}")
        note(
            tx,
            call.actor,
            "account.remove",
            account.address,
            before={"quota": gone.quota, "used": gone.used, "messages": gone.messages, "role": gone.role},
        )
        return account.id, gone

    account_id, removed = await context.database.run(op)
    # From here on nobody can reach the mail; a purge that a crash cuts off is ended by the job that looks for such.
    steps.step("removed.put_away")
    if not days:
        await purge_account(context, account_id)
    return removed


@use("account.password", right="change", open_to="domain", about=named("address"), conditional=True)
async def password(call: Call, wanted: NewPassword) -> Account:
    """Set an account's password; remembered sign-ins with the old one end within a second. That of an administrator
    asks for a fresh proof of the person."""
    context = call.context

    def checked(tx: Transaction) -> directory.Account:
        account = found(tx, call, "account.password", wanted.address)
        if actor_of(tx, account)[0] != "user":
            require_fresh(call)  # who knows it has all that the administrator may
        return account

    # Before the costly hash, and once more in the unit: the role may change in between.
    await context.database.scan(checked)
    credentials = await make_credentials(call, wanted.address, wanted.password)

    def op(tx: Transaction) -> Account:
        account = checked(tx)
        admin.set_password(tx, wanted.address, credentials, feed=context.feed)
        note(tx, call.actor, "account.password", account.address)
        return view(tx, context, account)

    return await context.database.run(op)


@use("account.quota", right="change", open_to="domain", about=named("address"), conditional=True)
async def quota(call: Call, wanted: NewQuota) -> Account:
    """Set the most an account may hold. Mail over a lowered quota is kept; new mail is refused."""
    context = call.context
    limit = _quota(wanted.quota)

    def op(tx: Transaction) -> Account:
        before = found(tx, call, "account.quota", wanted.address)
        admin.set_quota(tx, wanted.address, limit, feed=context.feed)
        note(
            tx,
            call.actor,
            "account.quota",
            before.address,
            before={"quota": before.quota},
            after={"quota": limit},
        )
        return view(tx, context, admin.find_account(tx, wanted.address))

    return await context.database.run(op)


@use("account.import", right="change", open_to="domain", about=narrows)
async def import_(call: Call, wanted: Import) -> Imported:
    """Add all accounts of a CSV file. Everything is checked first: with any problem nothing is added."""
    lines, problems = await asyncio.to_thread(read_accounts, wanted.text)  # seconds, for very many
    if not lines and not problems:
        raise ManageError(
            "invalid",
            "There is nothing to import: the file names no account.",
            "Write one line for each account: address,password and, if wanted, quota.",
        )
    there = await _already_there(call, lines) if wanted.skip else set()
    lines = [line for line in lines if line.address not in there]
    problems += await _problems(call, lines)
    if problems:
        problems.sort(key=_line_number)
        raise ManageError(
            "invalid",
            f"{len(problems)} problem{'' if len(problems) == 1 else 's'} in the file; no account was added.",
            "Correct these lines and import the file again.",
            tuple(problems),
        )
    added: list[str] = []
    for start in range(0, len(lines), IMPORT_UNIT):
        some = lines[start : start + IMPORT_UNIT]
        new: list[tuple[Line, Credentials]] = []
        for pair in range(0, len(some), HASHES):
            both = some[pair : pair + HASHES]
            new += zip(
                both, await asyncio.gather(*(_credentials_of(call, each) for each in both)), strict=True
            )
            done = start + len(new)
            if any(each.password or each.foreign for each in both):
                await call.emit(Progress(text="Adding accounts", done=done, total=len(lines)))
        await call.emit(Progress(text="Adding accounts", done=start + len(some), total=len(lines)))
        added += await _import_unit(call, new, added)
    return Imported(added, len(there))


async def _already_there(call: Call, lines: list[Line]) -> set[str]:
    """Which of these are accounts already, and the actor's to look after."""

    def op(tx: Transaction, some: list[Line]) -> list[str]:
        mine = [
            each.address for each in some if call.actor.role == "server" or each.domain in call.actor.domains
        ]
        return [each for each in mine if admin.taken_by(tx, each) == "account"]

    found: set[str] = set()
    for start in range(0, len(lines), CHECK_UNIT):
        found.update(await call.context.database.scan(op, lines[start : start + CHECK_UNIT]))
    return found


async def _problems(call: Call, lines: list[Line]) -> list[str]:
    """What speaks against these lines, some hundred at a time: meanwhile the server goes on."""
    problems: list[str] = []
    domains: dict[str, bool] = {}
    given: set[str] = set()

    def complaints(some: list[Line]) -> list[tuple[Line, str]]:
        return [(each, complaint_about(call, each.address, each.password)) for each in some]

    for start in range(0, len(lines), CHECK_UNIT):
        some = lines[start : start + CHECK_UNIT]
        found = await call.context.database.scan(_conflicts, some, call.actor, domains, given)
        problems += found.problems
        domains |= found.domains
        given |= found.given
        # Of what another server hashed nobody knows the password yet.
        for line, complaint in await asyncio.to_thread(complaints, [each for each in some if each.password]):
            if complaint := complaint or await breach_complaint(call, line.password):
                problems.append(f"line {line.number}: {complaint}")
        await call.emit(Progress(text="Checking", done=start + len(some), total=len(lines)))
        if len(problems) >= MAX_PROBLEMS:
            break
    return problems


async def _credentials_of(call: Call, line: Line) -> Credentials:
    if line.foreign is not None:
        return await call.context.passwords.take_over(line.foreign)
    if not line.password:
        return Credentials("", None)
    return await make_credentials(call, line.address, line.password)


async def _import_unit(call: Call, new: list[tuple[Line, Credentials]], before: list[str]) -> list[str]:
    def op(tx: Transaction) -> list[str]:
        return [_import_one(tx, call, line, credentials) for line, credentials in new]

    try:
        return await call.context.database.run(op)
    except Exception as error:
        if not before:
            raise
        # Somebody changed the directory meanwhile, or the database failed: say exactly how far we came.
        raise ManageError(
            "failed",
            f"The import stopped after {len(before)} accounts, before {new[0][0].address}: {error}",
            "Import the same file again, and let it skip the accounts that are there.",
            tuple(f"added {address}" for address in before),
        ) from error


def _import_one(tx: Transaction, call: Call, line: Line, credentials: Credentials) -> str:
    name, feed = "account.import", call.context.feed
    made = add_in(tx, call, name, NewAccount(line.address, credentials, line.quota), line.details)
    account = admin.find_account(tx, made.address)
    for further in line.addresses:
        guard_detail(tx, call, name, further)
        addresses.add(tx, account, further, signin=call.context.settings.now[SIGN_IN_BY_FURTHER], feed=feed)
    if not line.active:
        admin.set_active(tx, made.address, False, feed=feed)
    return made.address


@dataclass(frozen=True, slots=True)
class _Conflicts:
    """What some lines have shown: problems, which domains may be added to, and which addresses the file gives away."""

    problems: list[str]
    domains: dict[str, bool]
    given: set[str]


def _conflicts(
    tx: Transaction, lines: list[Line], actor: Actor, known: dict[str, bool], before: set[str]
) -> _Conflicts:
    """What the directory has against these accounts, after those whose domains are ``known`` and which give away the
    addresses ``before``. Of domains that are not the actor's nothing is told."""
    problems = []
    domains, given = dict(known), set[str]()
    for line, address in ((one, each) for one in lines for each in (one.address, *one.addresses)):
        domain = address.rpartition("@")[2]
        if domain not in domains:
            own = actor.role == "server" or domain in actor.domains
            domains[domain] = own and admin.has_domain(tx, domain)
        if not domains[domain]:
            whose = "ours" if actor.role == "server" else "yours"
            problems.append(f"line {line.number}: {domain} is not a domain of {whose}")
            continue
        taken = admin.taken_by(tx, address)
        if not taken and (address in given or address in before):
            taken = "address"
        given.add(address)
        if taken:
            problems.append(f"line {line.number}: {address} is {naming.WORDS.get(taken, taken)} already")
    return _Conflicts(problems, domains, given)


def _line_number(problem: str) -> int:
    return int(problem.removeprefix("line ").partition(":")[0])
