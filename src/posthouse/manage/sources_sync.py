"""Synchronisation with a directory: accounts are made, named and switched off as it says, and never removed.

Everything is read and compared first; the preview ends there. What is done then is done in small units, each with its
audit lines: one that is cut off is ended by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from posthouse.database.contract import Transaction
from posthouse.directory import admin, details, groups, lists, roles
from posthouse.directory import sources_kept as kept
from posthouse.directory.admin import NewAccount
from posthouse.directory.errors import DirectoryError
from posthouse.directory.ldap_source import LdapSource
from posthouse.directory.naming import taken_by
from posthouse.directory.passwords import Credentials
from posthouse.directory.sources import Newcomer
from posthouse.directory.sources_config import SourceConfig, mapping_of
from posthouse.directory.sources_people import Person, Plan, Staff, plan
from posthouse.manage.accounts import add_in
from posthouse.manage.audit import note
from posthouse.manage.errors import ManageError
from posthouse.manage.sources_fields import SourceName, SourceSync, SourceSynced
from posthouse.manage.use import Call, use
from posthouse.net.ldap import LdapUnavailable
from posthouse.observe.log import logger

_log = logger("manage.sources")

UNIT = 25
"""Accounts changed by one unit."""
ASKED = 500
"""Addresses looked up by one unit."""
MOST_TOLD = 1000
"""Addresses of each kind that an answer names."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Step:
    """Somebody comes to (``join``) or leaves a group, a list or a role."""

    kind: str
    name: str
    address: str
    join: bool

    @property
    def words(self) -> str:
        """For people."""
        return f"{self.address}: {self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Prepared:
    """What there is to do. ``refused``: why it must not be done without force."""

    config: SourceConfig
    plan: Plan
    steps: Sequence[Step]
    passed_over: Sequence[str]
    refused: str


@use("source.preview", right="change")
async def preview(call: Call, wanted: SourceName) -> SourceSynced:
    """Show what a synchronisation with a directory would do, and do nothing."""
    return _told(await _prepare(call, wanted.name))


@use("source.sync", right="change")
async def sync(call: Call, wanted: SourceSync) -> SourceSynced:
    """Make, name and switch off accounts as a directory says; none is ever removed."""
    database, feed = call.context.database, call.context.feed
    try:
        prepared = await _prepare(call, wanted.name)
    except ManageError as problem:
        if problem.kind == "unavailable":
            await database.run(kept.synced, wanted.name, f"failed: {problem.what}")
        raise
    if prepared.refused and not wanted.force:
        await database.run(kept.synced, wanted.name, f"refused: {prepared.refused}")
        raise ManageError("refused", prepared.refused, "Look at the preview; force it if that is right.")
    problems: list[str] = []
    todo = prepared.plan
    name = wanted.name
    await _each(call, todo.create, lambda tx, one: _create(tx, call, name, one), problems)
    await _each(call, todo.update, lambda tx, one: _update(tx, call, name, one), problems)
    await _each(call, todo.enable, lambda tx, one: _switch(tx, call, name, one, True), problems)
    await _each(call, todo.disable, lambda tx, one: _switch(tx, call, name, one, False), problems)
    await _each(call, prepared.steps, lambda tx, one: _step(tx, call, prepared.config, one), problems)
    words = (
        f"{len(todo.create)} made, {len(todo.update)} updated, {len(todo.disable)} switched off, "
        f"{len(todo.enable)} switched on, {len(prepared.passed_over) + len(problems)} passed over"
    )

    def op(tx: Transaction) -> None:
        kept.synced(tx, name, words)
        note(tx, call.actor, "source.sync", name, after={"result": words})

    await database.run(op)
    _log.info("source.synced", source=name, result=words, live=feed is not None)
    return _told(prepared, problems)


async def welcome(call: Call, newcomer: Newcomer) -> None:
    """Make the account of somebody whose first sign-in a source vouched for. Raises DirectoryError, DatabaseUnavailable
    and ManageError."""

    def op(tx: Transaction) -> None:
        config = kept.find(tx, newcomer.source)
        if not config.active or not config.details.create:
            raise DirectoryError("the source takes nobody in any more", "set create", "refused")
        if taken_by(tx, newcomer.address) == "account":
            return
        person = Person(newcomer.address, True, newcomer.facts)
        _create(tx, call, newcomer.source, person)

    await call.context.database.run(op)


async def _prepare(call: Call, name: str) -> Prepared:
    database = call.context.database
    config = await database.read(kept.find, name)
    if config.kind != "ldap" or not config.details.search_base or not config.details.domains:
        raise ManageError(
            "refused",
            f"{name} cannot be synchronised.",
            "That needs LDAP with search_base, and the domains it is for.",
        )
    if not config.active:
        raise ManageError("refused", f"{name} is switched off.", "Switch it on first.")
    try:
        staff = await LdapSource(config).people()
    except LdapUnavailable as problem:
        raise ManageError(
            "unavailable", f"The directory cannot be read: {problem}.", "Test the source."
        ) from None
    ours = await database.scan(kept.users, name)
    own = {each.address for each in ours}
    strangers = [each for each in sorted(staff.people) if each not in own]
    taken: list[str] = []
    for start in range(0, len(strangers), ASKED):
        taken += await database.scan(_taken, strangers[start : start + ASKED])
    todo = plan(staff, ours, taken)
    present = own | {each.address for each in todo.create}
    steps, problems = await database.scan(_steps, config, staff, frozenset(present))
    left = [*staff.left, *(f"{each}: not free here" for each in todo.taken), *problems]
    active = sum(each.active for each in ours)
    refused = ""
    if todo.too_many(active, config.details.most_disabled):
        refused = (
            f"{len(todo.disable)} of {active} accounts would be switched off, more than "
            f"{config.details.most_disabled} %."
        )
    return Prepared(config, todo, steps, left, refused)


def _taken(tx: Transaction, addresses: Sequence[str]) -> list[str]:
    found = []
    for each in addresses:
        domain = each.rpartition("@")[2]
        if not admin.has_domain(tx, domain) or taken_by(tx, each):
            found.append(each)
    return found


def _steps(
    tx: Transaction, config: SourceConfig, staff: Staff, present: frozenset[str]
) -> tuple[list[Step], list[str]]:
    """Who is to come to which groups, lists and roles, and to leave. Only accounts of the source are touched."""
    wanted: dict[tuple[str, str], set[str]] = {}
    for text in config.details.maps:
        mapping = mapping_of(text)
        members = {
            each
            for each in staff.groups.get(mapping.group, frozenset())
            if each in present and staff.people[each].active
        }
        wanted.setdefault((mapping.kind, mapping.name), set()).update(members)
    if ("role", "server") in wanted and ("role", "domain") in wanted:
        wanted["role", "domain"] -= wanted["role", "server"]
    steps: list[Step] = []
    problems: list[str] = []
    for (kind, name), members in sorted(wanted.items()):
        try:
            if kind == "role":
                now = _with_role(tx, name, config.name)
            else:
                now = (_in_group if kind == "group" else _on_list)(tx, name, present)
        except DirectoryError as problem:
            problems.append(f"{kind} {name}: {problem.text}")
            continue
        # Whoever leaves a role goes first: joining another one replaces it anyhow.
        steps += [Step(kind, name, each, False) for each in sorted(now - members)]
        steps += [Step(kind, name, each, True) for each in sorted(members - now)]
    steps.sort(key=lambda step: step.join)
    return steps, problems


def _in_group(tx: Transaction, name: str, present: frozenset[str]) -> set[str]:
    return set(groups.direct_members(tx, groups.wanted(tx, name)).accounts) & present


def _on_list(tx: Transaction, name: str, present: frozenset[str]) -> set[str]:
    info, after = lists.wanted(tx, name), ""
    found: set[str] = set()
    while True:
        page, after, _ = lists.page_members(tx, info.id, after, ASKED)
        found |= {each.name.lower() for each in page if each.kind == "address"} & present
        if not after:
            return found


def _with_role(tx: Transaction, name: str, source: str) -> set[str]:
    addresses = {each.id: each.address for each in kept.users(tx, source)}
    ids, found = list(addresses), set()
    for start in range(0, len(ids), ASKED):
        some = roles.roles_of(tx, ids[start : start + ASKED])
        found |= {addresses[each] for each, role in some.items() if role == name}
    return found


async def _each(
    call: Call, todo: Sequence[T], work: Callable[[Transaction, T], None], problems: list[str]
) -> None:
    """Do it for each, some in one unit; those of a unit that is declined one by one, so that one stops no other."""
    database = call.context.database

    def some(tx: Transaction, these: Sequence[T]) -> None:
        for one in these:
            work(tx, one)

    for start in range(0, len(todo), UNIT):
        these = todo[start : start + UNIT]
        try:
            await database.run(some, these)
        except (DirectoryError, ManageError):
            for one in these:
                try:
                    await database.run(some, [one])
                except (DirectoryError, ManageError) as problem:
                    problems.append(str(problem))


def _create(tx: Transaction, call: Call, source: str, person: Person) -> None:
    made = add_in(
        tx, call, "source.sync", NewAccount(person.address, Credentials("", None)), _facts(person.facts)
    )
    account = admin.find_account(tx, made.address)
    kept.assign(tx, account.id, source, call.context.feed)


def _update(tx: Transaction, call: Call, source: str, one: tuple[str, Mapping[str, str]]) -> None:
    account = admin.find_account(tx, one[0])
    if kept.source_of(tx, account.id) != source:
        return
    before, after = details.change(tx, account.id, _facts(one[1]), feed=call.context.feed)
    note(
        tx,
        call.actor,
        "source.sync",
        account.address,
        before={name: getattr(before, name) for name in one[1]},
        after={name: getattr(after, name) for name in one[1]},
    )


def _switch(tx: Transaction, call: Call, source: str, address: str, active: bool) -> None:
    account = admin.find_account(tx, address)
    if kept.source_of(tx, account.id) != source or account.active == active:
        return
    if not active and roles.is_last_server(tx, account):
        raise DirectoryError(f"{address} is the last server administrator", "make another one", "refused")
    admin.set_active(tx, address, active, feed=call.context.feed)
    kept.mark_disabled(tx, account.id, source, not active)
    note(tx, call.actor, "source.sync", address, before={"active": not active}, after={"active": active})


def _step(tx: Transaction, call: Call, config: SourceConfig, step: Step) -> None:
    feed = call.context.feed
    if taken_by(tx, step.address) != "account":
        return  # it could not be made
    account = admin.find_account(tx, step.address)
    if kept.source_of(tx, account.id) != config.name:
        return
    if step.kind == "group":
        change = groups.add_member if step.join else groups.remove_member
        change(tx, step.name, step.address, feed=feed)
    elif step.kind == "list":
        info = lists.wanted(tx, step.name)
        if step.join:
            lists.add_members(tx, info, [step.address], feed=feed)
        else:
            lists.remove_member(tx, info, step.address, feed=feed)
    else:
        _set_role(tx, call, config, step)
    place = {"kind": step.kind, "name": step.name, "member": step.join}
    note(tx, call.actor, "source.sync", step.address, after=place)


def _set_role(tx: Transaction, call: Call, config: SourceConfig, step: Step) -> None:
    account = admin.find_account(tx, step.address)
    if not step.join:
        if roles.is_last_server(tx, account):
            raise DirectoryError(
                f"{step.address} is the last server administrator", "make another one", "refused"
            )
        if roles.role_of(tx, account.id) == step.name:
            roles.set_role(tx, account, "user", feed=call.context.feed)
    elif step.name == "server":
        roles.set_role(tx, account, "server", feed=call.context.feed)
    else:
        here = [each for each in config.details.domains if admin.has_domain(tx, each)]
        roles.set_role(tx, account, "domain", here, feed=call.context.feed)


def _facts(known: Mapping[str, str]) -> details.Change:
    return details.Change(
        display_name=known.get("display_name"),
        first_name=known.get("first_name"),
        last_name=known.get("last_name"),
    )


def _told(prepared: Prepared, problems: Sequence[str] = ()) -> SourceSynced:
    todo = prepared.plan
    return SourceSynced(
        name=prepared.config.name,
        create=[each.address for each in todo.create][:MOST_TOLD],
        update=[each[0] for each in todo.update][:MOST_TOLD],
        disable=list(todo.disable)[:MOST_TOLD],
        enable=list(todo.enable)[:MOST_TOLD],
        joins=[each.words for each in prepared.steps if each.join][:MOST_TOLD],
        leaves=[each.words for each in prepared.steps if not each.join][:MOST_TOLD],
        passed_over=[*prepared.passed_over, *problems][:MOST_TOLD],
        refused=prepared.refused,
    )
